"""Who takes part in a scenario, and what several scenarios need."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from aiohttp import ClientSession

from authority import Authority
from clients import Client, File, Refused, described, parts
from homeserver import Account, Synapse
from proxy import Proxy

FIXTURES = Path(__file__).parent.parent / "fixtures"
PHOTO = (FIXTURES / "mountains.jpg").read_bytes()

# What is downloaded in several pieces, and uploaded to S3 in several parts.
LARGE = bytes(range(251)) * (30 * 1024 * 1024 // 251)


@dataclass(frozen=True)
class Side:
    """A homeserver with somebody who is logged in there, and an administrator."""

    homeserver: Synapse
    client: Client
    admin: Account


@dataclass(frozen=True)
class Scene:
    """Who takes part. `ours` has our media repository, `theirs` has Synapse's own."""

    ours: Side
    theirs: Side
    # Where media is uploaded, and where it is read, in scenarios that are played on every route.
    origin: Side
    reader: Side
    # Whether other servers get a link to our bytes, and not the bytes.
    are_links_sent: bool
    # Whether our old paths, which ask for no token, show new media.
    are_old_paths_open: bool
    proxy: Proxy
    authority: Authority
    session: ClientSession

    def routes(self) -> list[tuple[str, "Scene"]]:
        """All but from theirs to theirs, which is not about us."""
        return [
            ("from ours to ours", replace(self, origin=self.ours, reader=self.ours)),
            ("from ours to theirs", replace(self, origin=self.ours, reader=self.theirs)),
            ("from theirs to ours", replace(self, origin=self.theirs, reader=self.ours)),
        ]


Scenario = Callable[[Scene], Awaitable[None]]

# Played on every route, with every library.
ON_EVERY_ROUTE: list[Scenario] = []
# Played with every library.
WITH_EVERY_LIBRARY: list[Scenario] = []
# Played once: they choose their library, or need none.
ONCE: list[Scenario] = []


async def download_plainly(scene: Scene, side: Side, mxc: str) -> tuple[File, str]:
    """Without any library of Matrix; also gives the whole `Content-Disposition`."""
    server, media_id = parts(mxc)
    url = f"{side.homeserver.public_url}/_matrix/client/v1/media/download/{quote(server)}/{media_id}"
    headers = {"Authorization": f"Bearer {side.admin.token}"}
    async with scene.session.get(url, headers=headers, raise_for_status=True) as answer:
        return described(await answer.read(), answer.headers), answer.headers["Content-Disposition"]


def same(got: File, expected: File) -> None:
    """Says what differs, without megabytes of it."""
    assert got.body == expected.body, f"{len(got.body)} bytes came that are not the {len(expected.body)} sent"
    assert got.content_type == expected.content_type, f"{got.content_type} is not {expected.content_type}"
    assert got.name == expected.name, f"{got.name!r} is not {expected.name!r}"


async def refused(status: int, errcode: str, asked: Awaitable[object]) -> None:
    """`asked` must be refused so. A library that does not tell the errcode is believed."""
    try:
        await asked
    except Refused as refusal:
        assert refusal.status == status and refusal.errcode in {errcode, None}, refusal
    else:
        raise AssertionError(f"this was not refused with {status} {errcode}")
