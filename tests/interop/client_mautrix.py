"""mautrix, of PyPI: what many bridges are made with."""

import contextlib

from aiohttp import ClientResponseError, ClientSession, TCPConnector, TraceConfig
from mautrix.client import ClientAPI
from mautrix.errors import MatrixRequestError, MatrixResponseError
from yarl import URL

from authority import Authority
from clients import File, Refused, described
from homeserver import Account


class Mautrix:
    library = "mautrix"

    def __init__(self, client: ClientAPI, seen: "_Seen"):
        self.client, self._seen = client, seen

    @classmethod
    def of_token(
        cls, url: str, user_id: str, token: str, authority: Authority, acting_as: str | None = None
    ) -> "Mautrix":
        seen = _Seen()
        session = ClientSession(
            connector=TCPConnector(ssl=authority.client_context()), trace_configs=[seen.config]
        )
        client = ClientAPI(user_id, base_url=url, token=token, client_session=session, as_user_id=acting_as)
        return cls(client, seen)

    @classmethod
    async def log_in(cls, url: str, account: Account, authority: Authority) -> "Mautrix":
        client = cls.of_token(url, account.user_id, "", authority)
        await client.client.login(account.user_id, password=account.password)
        return client

    async def upload(self, body: bytes, content_type: str, name: str | None) -> str:
        with _refusals():
            return await self.client.upload_media(body, mime_type=content_type, filename=name)

    async def create(self) -> str:
        """A name for bytes that come later."""
        with _refusals():
            return (await self.client.create_mxc()).content_uri

    async def upload_to(self, mxc: str, body: bytes, content_type: str, name: str | None) -> None:
        """The bytes for such a name. mautrix wants `content_uri` in the answer, which no server gives, and complains
        when the upload is over."""
        with _refusals(), contextlib.suppress(MatrixResponseError):
            await self.client.upload_media(body, mime_type=content_type, filename=name, mxc=mxc)

    async def upload_in_background(self, body: bytes, content_type: str, name: str) -> str:
        """Gives the name at once; when an upload fails, mautrix only logs it."""
        with _refusals():
            return await self.client.upload_media(
                body, mime_type=content_type, filename=name, async_upload=True
            )

    @property
    def put_at(self) -> list[URL]:
        """Where bytes were PUT and accepted."""
        return self._seen.put_at

    async def download(self, mxc: str, timeout_ms: int | None = None) -> File:
        with _refusals():
            return self._seen.file(await self.client.download_media(mxc, timeout_ms))

    async def thumbnail(self, mxc: str, width: int, height: int, method: str) -> File:
        with _refusals():
            return self._seen.file(await self.client.download_thumbnail(mxc, width, height, method))

    async def upload_limit(self) -> int:
        with _refusals():
            return (await self.client.get_media_repo_config()).upload_size

    async def close(self) -> None:
        await self.client.api.session.close()


class _Seen:
    """The headers of the last answer, and where uploads went: mautrix keeps both to itself."""

    def __init__(self):
        self.put_at: list[URL] = []

        async def remember(_session, _context, end) -> None:
            self._headers = end.response.headers
            if end.method == "PUT" and end.response.ok:
                self.put_at.append(end.url)

        self.config = TraceConfig()
        self.config.on_request_end.append(remember)

    def file(self, body: bytes) -> File:
        return described(body, self._headers)


class _refusals:
    """Errors of mautrix as `Refused`."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind, error, _trace) -> None:
        match error:
            case MatrixRequestError():
                raise Refused(error.http_status, error.errcode) from error
            case ClientResponseError():
                raise Refused(error.status, None) from error
