"""Servers as child processes: on free ports, with their output in files, waited for and ended."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

# How long a server may take to answer for the first time, on two cores that others use, too.
START_TIME_S = 90
# How long a server may take to end after it was asked to.
STOP_TIME_S = 15
# Between two looks at a condition.
PAUSE_S = 0.05


class Child:
    """A server that runs until `stop`."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path):
        self.name, self.process, self.log = name, process, log

    @classmethod
    async def start(cls, name: str, *command: str, log: Path, env: dict[str, str] | None = None) -> "Child":
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, env=env
            )
        return cls(name, process, log)

    async def answers(self, is_there: Callable[[], Awaitable[bool]]) -> None:
        """Waits until `is_there` says so; fails as soon as the process is gone."""

        async def there() -> bool:
            if not self.is_running():
                raise RuntimeError(f"{self.name} ended with status {self.process.returncode} at its start")
            return await is_there()

        await eventually(f"{self.name} answers", there, START_TIME_S)

    def is_running(self) -> bool:
        return self.process.returncode is None

    async def stop(self) -> None:
        if not self.is_running():
            return
        self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), STOP_TIME_S)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


async def run(name: str, *command: str) -> None:
    """Runs a tool to its end, which must be a good one."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"{name} failed: {output.decode(errors='replace')}")


async def eventually(what: str, condition: Callable[[], Awaitable[bool]], time_s: float) -> None:
    """Looks until `condition` holds; after `time_s` it is too late."""
    deadline = time.monotonic() + time_s
    while not await condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{time_s} s were not enough until {what}")
        await asyncio.sleep(PAUSE_S)


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody has, all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
