"""Media that is named before its bytes come, as bridges do: the event goes out, the upload follows."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator

from client_mautrix import Mautrix
from clients import File, closing, parts
from processes import eventually
from scene import LARGE, ONCE, PHOTO, Scene, Side, refused, same

# How long a reader waits for bytes, in milliseconds.
PATIENCE_MS = 30_000
# How long it may take until a reader's question has come to us.
ASKED_TIME_S = 20


@ONCE.append
async def a_reader_waits_for_bytes_that_come_after_their_name(scene: Scene) -> None:
    await late_bytes_arrive(scene, scene.ours, scene.ours)


@ONCE.append
async def a_reader_of_theirs_waits_for_bytes_that_come_to_ours(scene: Scene) -> None:
    await late_bytes_arrive(scene, scene.ours, scene.theirs)


@ONCE.append
async def a_reader_of_ours_waits_for_bytes_that_come_to_theirs(scene: Scene) -> None:
    await late_bytes_arrive(scene, scene.theirs, scene.ours)


@ONCE.append
async def bytes_come_once_from_whom_they_were_promised(scene: Scene) -> None:
    async with somebody(scene, scene.ours) as writer, somebody(scene, scene.ours) as other:
        mxc = await writer.create()
        await refused(504, "M_NOT_YET_UPLOADED", writer.download(mxc, timeout_ms=0))
        await refused(403, "M_FORBIDDEN", other.upload_to(mxc, b"mine", "text/plain", None))
        await writer.upload_to(mxc, b"first", "text/plain", None)
        await refused(409, "M_CANNOT_OVERWRITE_MEDIA", writer.upload_to(mxc, b"second", "text/plain", None))
        same(await other.download(mxc), File(b"first", "text/plain", None))


@ONCE.append
async def bytes_may_go_straight_to_the_store(scene: Scene) -> None:
    """MSC3870: the answer to `create` offers a link to put the bytes under, and mautrix takes it."""
    async with somebody(scene, scene.ours) as writer:
        for body in [PHOTO, LARGE]:
            mxc = await writer.upload_in_background(body, "image/jpeg", "mountains.jpg")
            for side in [scene.ours, scene.theirs]:
                async with somebody(scene, side) as reader:
                    got = await reader.download(mxc, timeout_ms=PATIENCE_MS)
                    same(got, File(body, "image/jpeg", "mountains.jpg"))
        assert len(writer.put_at) == 2, writer.put_at
        assert all(url.path.startswith("/media/staging/") for url in writer.put_at), writer.put_at


async def late_bytes_arrive(scene: Scene, origin: Side, reader_side: Side) -> None:
    async with somebody(scene, origin) as writer, somebody(scene, reader_side) as reader:
        mxc = await writer.create()
        reading = asyncio.create_task(reader.download(mxc, timeout_ms=PATIENCE_MS))

        async def is_asked_for() -> bool:
            return reading.done() or scene.proxy.is_asked_for(parts(mxc)[1])

        await eventually("somebody waits for the bytes", is_asked_for, ASKED_TIME_S)
        assert not reading.done(), f"nobody waited: {reading.exception()}"
        await writer.upload_to(mxc, PHOTO, "image/jpeg", "mountains.jpg")
        same(await reading, File(PHOTO, "image/jpeg", "mountains.jpg"))


@contextlib.asynccontextmanager
async def somebody(scene: Scene, side: Side) -> AsyncIterator[Mautrix]:
    """Somebody new."""
    account = await side.homeserver.register(f"late_{secrets.token_hex(8)}")
    async with closing(await Mautrix.log_in(side.homeserver.public_url, account, scene.authority)) as client:
        yield client
