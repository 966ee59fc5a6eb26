"""matrix-js-sdk, of npm: what Element is made with."""

import asyncio
import json
import os
import shutil
import tempfile
from pathlib import Path

from multidict import CIMultiDict

from authority import Authority
from clients import File, Refused, described
from homeserver import Account

PROGRAM = Path(__file__).parent / "js" / "client.mjs"


class JsSdk:
    """matrix-js-sdk, in a process of Node.js (`js/client.mjs`)."""

    library = "matrix-js-sdk"

    @staticmethod
    def is_here() -> bool:
        """Whether `run` has installed it, for which the machine must have Node.js and npm."""
        return shutil.which("npm") is not None

    def __init__(self, process: asyncio.subprocess.Process, folder: tempfile.TemporaryDirectory):
        self._process, self._folder = process, folder
        self._file = Path(folder.name) / "bytes"

    @classmethod
    async def log_in(cls, url: str, account: Account, authority: Authority) -> "JsSdk":
        process = await asyncio.create_subprocess_exec(
            "node",
            str(PROGRAM),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"NODE_EXTRA_CA_CERTS": str(authority.ca)},
        )
        client = cls(process, tempfile.TemporaryDirectory())
        await client._do("logIn", url=url, user=account.user_id, password=account.password)
        return client

    async def upload(self, body: bytes, content_type: str, name: str | None) -> str:
        self._file.write_bytes(body)
        return (await self._do("upload", file=str(self._file), type=content_type, name=name))["mxc"]

    async def download(self, mxc: str) -> File:
        return await self._get(mxc=mxc)

    async def thumbnail(self, mxc: str, width: int, height: int, method: str) -> File:
        return await self._get(mxc=mxc, width=width, height=height, method=method)

    async def upload_limit(self) -> int:
        return (await self._do("limit"))["limit"]

    async def close(self) -> None:
        self._process.stdin.close()
        await self._process.wait()
        self._folder.cleanup()

    async def _get(self, **what: object) -> File:
        headers = (await self._do("get", file=str(self._file), **what))["headers"]
        return described(self._file.read_bytes(), CIMultiDict(headers))

    async def _do(self, action: str, **parameters: object) -> dict:
        self._process.stdin.write(json.dumps({"action": action, **parameters}).encode() + b"\n")
        answer = json.loads(await self._process.stdout.readline())
        if "errcode" in answer:
            raise Refused(answer["status"], answer["errcode"])
        return answer
