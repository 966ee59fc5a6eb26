"""Uploads, downloads and thumbnails, on both servers and between them."""

import asyncio

from aiohttp.multipart import parse_content_disposition
from nio.crypto.attachments import decrypt_attachment

from client_nio import Nio
from clients import Client, File, closing, parts
from pictures import check_thumbnail
from scene import (
    FIXTURES,
    LARGE,
    ON_EVERY_ROUTE,
    ONCE,
    PHOTO,
    WITH_EVERY_LIBRARY,
    Scene,
    download_plainly,
    refused,
    same,
)

ON_ITS_SIDE = (FIXTURES / "on-its-side.jpg").read_bytes()

# Everything that a header could stumble over.
HARD_NAME = 'Zürich; "bei Nacht" \\ 100% – 東京.txt'


@ON_EVERY_ROUTE.append
async def a_photo_arrives_whole_with_its_name_and_type(scene: Scene) -> None:
    mxc = await scene.origin.client.upload(PHOTO, "image/jpeg", "mountains.jpg")
    assert parts(mxc)[0] == scene.origin.homeserver.name, mxc
    same(await scene.reader.client.download(mxc), File(PHOTO, "image/jpeg", "mountains.jpg"))


@ON_EVERY_ROUTE.append
async def a_photo_gets_its_thumbnails(scene: Scene) -> None:
    mxc = await scene.origin.client.upload(PHOTO, "image/jpeg", None)
    await thumbnails(scene.reader.client, mxc, PHOTO)


@ON_EVERY_ROUTE.append
async def a_photo_on_its_side_gets_upright_thumbnails(scene: Scene) -> None:
    mxc = await scene.origin.client.upload(ON_ITS_SIDE, "image/jpeg", None)
    await thumbnails(scene.reader.client, mxc, ON_ITS_SIDE)


@ON_EVERY_ROUTE.append
async def a_hard_file_name_arrives_as_it_was_given(scene: Scene) -> None:
    mxc = await scene.origin.client.upload(b"night", "text/plain", HARD_NAME)
    same(await scene.reader.client.download(mxc), File(b"night", "text/plain", HARD_NAME))


@ON_EVERY_ROUTE.append
async def a_file_without_name_arrives_without(scene: Scene) -> None:
    mxc = await scene.origin.client.upload(b"anything", "application/octet-stream", None)
    same(await scene.reader.client.download(mxc), File(b"anything", "application/octet-stream", None))


@ON_EVERY_ROUTE.append
async def an_empty_file_arrives_empty(scene: Scene) -> None:
    mxc = await scene.origin.client.upload(b"", "text/plain", "empty.txt")
    expected = File(b"", "text/plain", "empty.txt")
    if scene.origin is scene.theirs:
        # Synapse tells another server type and name together with the first byte, and here there is none.
        expected = File(b"", "application/octet-stream", None)
    same(await scene.reader.client.download(mxc), expected)


@ON_EVERY_ROUTE.append
async def a_large_file_arrives_whole(scene: Scene) -> None:
    mxc = await scene.origin.client.upload(LARGE, "application/zip", "large.zip")
    same(await scene.reader.client.download(mxc), File(LARGE, "application/zip", "large.zip"))


@ON_EVERY_ROUTE.append
async def what_does_not_exist_is_not_found(scene: Scene) -> None:
    mxc = f"mxc://{scene.origin.homeserver.name}/NoSuchMediaWasEverUploaded"
    await refused(404, "M_NOT_FOUND", scene.reader.client.download(mxc))
    await refused(404, "M_NOT_FOUND", scene.reader.client.thumbnail(mxc, 32, 32, "crop"))


@WITH_EVERY_LIBRARY.append
async def the_upload_limit_is_told(scene: Scene) -> None:
    assert await scene.ours.client.upload_limit() == 100 * 1024 * 1024


@WITH_EVERY_LIBRARY.append
async def many_readers_at_once_all_get_what_is_fetched(scene: Scene) -> None:
    mxc = await scene.theirs.client.upload(PHOTO, "image/jpeg", "mountains.jpg")
    async with asyncio.TaskGroup() as group:
        readers = [group.create_task(download_plainly(scene, scene.ours, mxc)) for _ in range(20)]
    for reader in readers:
        same(reader.result()[0], File(PHOTO, "image/jpeg", "mountains.jpg"))


@WITH_EVERY_LIBRARY.append
async def a_text_may_be_shown_and_a_page_may_not(scene: Scene) -> None:
    for side in [scene.ours, scene.theirs]:
        for content_type, name, kind in [
            ("text/plain", "a.txt", "inline"),
            ("text/html", "a.html", "attachment"),
        ]:
            mxc = await scene.ours.client.upload(b"<p>Hello", content_type, name)
            _, disposition = await download_plainly(scene, side, mxc)
            assert parse_content_disposition(disposition) == (kind, {"filename": name}), disposition


@ONCE.append
async def a_download_may_ask_for_another_name(scene: Scene) -> None:
    homeserver = scene.ours.homeserver
    namer = await homeserver.register("namer")
    async with closing(await Nio.log_in(homeserver.public_url, namer, scene.authority)) as client:
        mxc = await client.upload(b"text", "text/plain", "one.txt")
        same(await client.download(mxc, name=HARD_NAME), File(b"text", "text/plain", HARD_NAME))


@ONCE.append
async def an_encrypted_photo_can_be_decrypted_on_the_other_server(scene: Scene) -> None:
    """As in any encrypted room: the server sees bytes, the keys travel in the event."""
    ours, theirs = scene.ours.client, scene.theirs.client
    assert isinstance(ours, Nio)
    mxc, keys = await ours.upload_encrypted(PHOTO)
    got = await theirs.download(mxc)
    assert got.body != PHOTO
    assert decrypt_attachment(got.body, keys["key"]["k"], keys["hashes"]["sha256"], keys["iv"]) == PHOTO


async def thumbnails(client: Client, mxc: str, original: bytes) -> None:
    for width, height, method in [(32, 32, "crop"), (320, 240, "scale")]:
        got = await client.thumbnail(mxc, width, height, method)
        assert got.content_type in {"image/jpeg", "image/png", "image/webp"}, got.content_type
        check_thumbnail(got.body, original, width, height, method)
