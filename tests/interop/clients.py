"""What a client library can do with media: one face for libraries that nobody here wrote."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar
from urllib.parse import urlsplit

from aiohttp.multipart import content_disposition_filename, parse_content_disposition

from authority import Authority
from homeserver import Account


@dataclass(frozen=True)
class File:
    """What a client got. The type is without parameters: Synapse adds a `charset` to text."""

    body: bytes
    content_type: str
    name: str | None


class Refused(Exception):
    """The server said no. `errcode` is `None` where the library does not tell it."""

    def __init__(self, status: int, errcode: str | None):
        super().__init__(f"{status} {errcode}")
        self.status, self.errcode = status, errcode


class Client(Protocol):
    """Somebody who is logged in."""

    library: str

    @classmethod
    async def log_in(cls, url: str, account: Account, authority: Authority) -> Self: ...
    async def upload(self, body: bytes, content_type: str, name: str | None) -> str: ...
    async def download(self, mxc: str) -> File: ...
    async def thumbnail(self, mxc: str, width: int, height: int, method: str) -> File: ...
    async def upload_limit(self) -> int: ...
    async def close(self) -> None: ...


C = TypeVar("C", bound=Client)


@contextlib.asynccontextmanager
async def closing(client: C) -> AsyncIterator[C]:
    """Closes the client in the end, whatever happens."""
    try:
        yield client
    finally:
        await client.close()


def described(body: bytes, headers: Mapping[str, str]) -> File:
    """Bytes and what headers say of them, as aiohttp reads it."""
    _, parameters = parse_content_disposition(headers.get("Content-Disposition"))
    content_type = headers["Content-Type"].partition(";")[0]
    return File(body, content_type, content_disposition_filename(parameters))


def parts(mxc: str) -> tuple[str, str]:
    """Server name and media id of `mxc://server/id`."""
    url = urlsplit(mxc)
    return url.netloc, url.path.removeprefix("/")
