"""matrix-nio, of PyPI."""

import io

import nio

from authority import Authority
from clients import File, Refused, parts
from homeserver import Account


class Nio:
    library = "matrix-nio"

    def __init__(self, client: nio.AsyncClient):
        self.client = client

    @classmethod
    async def log_in(cls, url: str, account: Account, authority: Authority) -> "Nio":
        client = nio.AsyncClient(url, account.user_id, ssl=authority.client_context())
        _good(await client.login(account.password))
        return cls(client)

    async def upload(self, body: bytes, content_type: str, name: str | None) -> str:
        response, _ = await self.client.upload(
            io.BytesIO(body), content_type=content_type, filename=name, filesize=len(body)
        )
        return _good(response).content_uri

    async def upload_encrypted(self, body: bytes) -> tuple[str, dict]:
        """Gives the keys, too."""
        response, keys = await self.client.upload(io.BytesIO(body), encrypt=True, filesize=len(body))
        return _good(response).content_uri, keys

    async def download(self, mxc: str, name: str | None = None) -> File:
        response = _good(await self.client.download(mxc, filename=name))
        return File(response.body, response.content_type, response.filename)

    async def thumbnail(self, mxc: str, width: int, height: int, method: str) -> File:
        server, media_id = parts(mxc)
        method = nio.ResizingMethod(method)
        response = _good(await self.client.thumbnail(server, media_id, width, height, method))
        return File(response.body, response.content_type, response.filename)

    async def upload_limit(self) -> int:
        return _good(await self.client.content_repository_config()).upload_size

    async def close(self) -> None:
        await self.client.close()


def _good(response: nio.Response):
    if isinstance(response, nio.ErrorResponse):
        raise Refused(response.transport_response.status, response.status_code)
    return response
