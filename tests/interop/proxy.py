"""The reverse proxy of the README: TLS in front, media to the gateway, everything else to Synapse.

Path and query go on byte for byte, since federation requests are signed over them, and bodies go on as they come.
"""

import re

from aiohttp import ClientSession, ClientTimeout, web
from multidict import CIMultiDict
from yarl import URL

from authority import Authority

MEDIA_PATHS = re.compile(
    r"/_matrix/(media|client/v1/media|federation/v1/media)/"
    r"|/_synapse/admin/v1/(media/|(room|users?)/.+/media|statistics/users/media|purge_media_cache|quarantine_media/)"
)

# What is between two machines and no business of a third (RFC 9110, section 7.6.1).
HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}

# What aiohttp would add to a request that lacks it.
NOTHING_OF_ITS_OWN = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class Proxy:
    """Listens on `https://localhost:{port}`."""

    def __init__(self, runner: web.AppRunner, session: ClientSession, under_way: list[str]):
        self._runner, self._session, self._under_way = runner, session, under_way

    def is_asked_for(self, media_id: str) -> bool:
        """Whether somebody is getting this media, or waiting for it, at this moment."""
        return any(media_id in path for path in self._under_way)

    @classmethod
    async def start(cls, port: int, authority: Authority, media: str, everything_else: str) -> "Proxy":
        session = ClientSession(
            auto_decompress=False, skip_auto_headers=NOTHING_OF_ITS_OWN, timeout=ClientTimeout(total=None)
        )

        under_way: list[str] = []

        async def forward(request: web.Request) -> web.StreamResponse:
            to = media if MEDIA_PATHS.match(request.raw_path) else everything_else
            under_way.append(request.raw_path)
            try:
                return await _forward(session, request, URL(to + request.raw_path, encoded=True))
            finally:
                under_way.remove(request.raw_path)

        # The body is not touched here, so the limit on what would be read into memory does not matter.
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", forward)
        runner = web.AppRunner(application, access_log=None, auto_decompress=False)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=authority.server_context()).start()
        return cls(runner, session, under_way)

    async def stop(self) -> None:
        await self._runner.cleanup()
        await self._session.close()


async def _forward(session: ClientSession, request: web.Request, to: URL) -> web.StreamResponse:
    body = request.content if request.body_exists else None
    async with session.request(
        request.method, to, headers=_end_to_end(request.headers), data=body, allow_redirects=False
    ) as answer:
        response = web.StreamResponse(
            status=answer.status, reason=answer.reason, headers=_end_to_end(answer.headers)
        )
        await response.prepare(request)
        async for piece in answer.content.iter_any():
            await response.write(piece)
        await response.write_eof()
        return response


def _end_to_end(headers) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in HOP_BY_HOP)
