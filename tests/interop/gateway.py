"""Our gateway, as the README puts it beside a homeserver."""

import os
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientError, ClientSession

from authority import Authority
from homeserver import Synapse
from processes import Child

# How long a revoked token may live on.
TOKEN_CACHE_S = 1


@dataclass
class Gateway:
    """Media of `homeserver`, at `url`. The data folder stays the same from start to start."""

    binary: Path
    folder: Path
    port: int
    homeserver: Synapse
    authority: Authority
    session: ClientSession
    child: Child | None = None

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    async def start(self, further_settings: dict[str, str]) -> None:
        settings = {
            "MEDIA_SERVER_NAME": self.homeserver.name,
            "MEDIA_HOMESERVER_URL": self.homeserver.url,
            "MEDIA_SIGNING_KEY_FILE": str(self.homeserver.signing_key_file),
            "MEDIA_LISTEN": f"127.0.0.1:{self.port}",
            "MEDIA_PUBLIC_URL": self.url,
            "MEDIA_DATA_FOLDER": str(self.folder / "data"),
            "MEDIA_FAST": "true",
            "MEDIA_FEDERATION_CA_FILE": str(self.authority.ca),
            "MEDIA_FEDERATION_ALLOW_NETWORKS": "127.0.0.0/8,::1/128",
            "MEDIA_TOKEN_CACHE_S": str(TOKEN_CACHE_S),
            # One address stands for everybody here.
            "MEDIA_RATE_REMOTE_BYTES": "off",
        } | further_settings
        others = {name: value for name, value in os.environ.items() if not name.startswith("MEDIA_")}
        self.folder.mkdir(exist_ok=True)
        log = self.folder / "log.txt"
        self.child = await Child.start("The gateway", str(self.binary), log=log, env=others | settings)

    async def answers(self) -> None:
        async def is_there() -> bool:
            try:
                async with self.session.get(f"{self.url}/_matrix/client/v1/media/config") as answer:
                    return answer.status == 401
            except ClientError:
                return False

        assert self.child is not None
        await self.child.answers(is_there)

    async def stop(self) -> None:
        if self.child is not None:
            await self.child.stop()
