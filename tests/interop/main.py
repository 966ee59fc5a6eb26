"""Two homeservers, real clients: starts everything, plays every scenario, and says how each went."""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientSession, TCPConnector

import scenarios  # noqa: F401 (it fills the lists of scenes)
from authority import Authority
from client_js import JsSdk
from client_mautrix import Mautrix
from client_nio import Nio
from clients import Client
from gateway import Gateway
from homeserver import Account, Synapse
from processes import free_ports
from proxy import Proxy
from scene import ON_EVERY_ROUTE, ONCE, WITH_EVERY_LIBRARY, Scenario, Scene, Side

# How long one scenario may take.
SCENARIO_TIME_S = 60
# How long everything may take, some ten times what it does.
WHOLE_TIME_S = 600
# How much of each server's log is shown when something failed.
LOG_LINES = 80

INLINE = {"MEDIA_FEDERATION_DELIVERY": "inline"}
REDIRECT = {"MEDIA_FEDERATION_DELIVERY": "redirect"}
# Everything here is stored before that.
OLD_PATHS_OPEN = {"MEDIA_LEGACY_FROZEN_SINCE": "2100-01-01T00:00:00Z"}

# Each library once, and each way in which an operator may set up the gateway. The data stay the same.
PASSES: list[tuple[type[Client], dict[str, str]]] = [
    (Nio, INLINE),
    (Mautrix, REDIRECT | OLD_PATHS_OPEN),
    (JsSdk, REDIRECT),
]


async def main(gateway_binary: Path) -> int:
    report = Report()
    with tempfile.TemporaryDirectory(prefix="interop-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        try:
            async with asyncio.timeout(WHOLE_TIME_S), running(gateway_binary, folder) as stage:
                await play(report, stage)
        except Exception:
            report.failed("everything starts and ends", 0, traceback.format_exc())
        if report.failures:
            show_logs(folder)
    report.close()
    return 1 if report.failures else 0


@contextlib.asynccontextmanager
async def running(gateway_binary: Path, folder: Path) -> AsyncIterator["Stage"]:
    """Both homeservers, the proxy, and a gateway that is ready to start; all are ended in the end."""
    authority = Authority.create(folder)
    our_port, our_synapse_port, gateway_port, their_port = free_ports(4)
    async with contextlib.AsyncExitStack() as ends:
        session = ClientSession(connector=TCPConnector(ssl=authority.client_context()))
        await ends.enter_async_context(session)
        ours = await Synapse.prepare(
            our_port, folder / "ours", authority, session, behind_port=our_synapse_port
        )
        theirs = await Synapse.prepare(their_port, folder / "theirs", authority, session)
        gateway = Gateway(gateway_binary, folder / "gateway", gateway_port, ours, authority, session)
        for server in [ours, theirs, gateway]:
            ends.push_async_callback(server.stop)
        await asyncio.gather(ours.start(), theirs.start())
        proxy = await Proxy.start(our_port, authority, media=gateway.url, everything_else=ours.url)
        ends.push_async_callback(proxy.stop)
        await asyncio.gather(ours.answers(), theirs.answers())
        admins = [await server.register("admin", admin=True) for server in [ours, theirs]]
        yield Stage(gateway, proxy, authority, session, list(zip([ours, theirs], admins, strict=True)))


@dataclass
class Stage:
    """Everything that stays from pass to pass. The homeservers are ours and theirs, each with its administrator."""

    gateway: Gateway
    proxy: Proxy
    authority: Authority
    session: ClientSession
    homeservers: list[tuple[Synapse, Account]]

    def check(self) -> None:
        """Nobody has died: what is asked of the dead only takes long to fail."""
        for server in [self.gateway, *(homeserver for homeserver, _ in self.homeservers)]:
            assert server.child is not None and server.child.is_running(), f"{server.child.name} has died"

    @contextlib.asynccontextmanager
    async def set_for(self, library: type[Client], settings: dict[str, str]) -> AsyncIterator[Scene]:
        """The gateway runs, and on each side somebody is logged in with `library`."""
        async with contextlib.AsyncExitStack() as ends:
            ends.push_async_callback(self.gateway.stop)
            await self.gateway.start(settings)
            await self.gateway.answers()
            sides = []
            for homeserver, admin in self.homeservers:
                account = await homeserver.register(f"user_of_{library.library}")
                client = await library.log_in(homeserver.public_url, account, self.authority)
                ends.push_async_callback(client.close)
                sides.append(Side(homeserver, client, admin))
            ours, theirs = sides
            yield Scene(
                ours=ours,
                theirs=theirs,
                origin=ours,
                reader=ours,
                are_links_sent=REDIRECT.items() <= settings.items(),
                are_old_paths_open=OLD_PATHS_OPEN.items() <= settings.items(),
                proxy=self.proxy,
                authority=self.authority,
                session=self.session,
            )


async def play(report: "Report", stage: Stage) -> None:
    for number, (library, settings) in enumerate(PASSES):
        if library is JsSdk and not JsSdk.is_here():
            report.left_out(library.library, "there is no npm on this machine")
            continue
        about = f"{library.library}, {settings['MEDIA_FEDERATION_DELIVERY']}"
        async with stage.set_for(library, settings) as scene:
            for name, scenario, its_scene in program(about, scene, with_once=number == 0):
                await report.play(name, scenario, its_scene)
                stage.check()


def program(about: str, scene: Scene, with_once: bool) -> Iterator[tuple[str, Scenario, Scene]]:
    """What is played, under which name, with whom."""
    for scenario in ON_EVERY_ROUTE:
        for route, on_route in scene.routes():
            yield f"{about}: {sentence(scenario)}, {route}", scenario, on_route
    for scenario in WITH_EVERY_LIBRARY:
        yield f"{about}: {sentence(scenario)}", scenario, scene
    for scenario in ONCE if with_once else []:
        yield sentence(scenario), scenario, scene


def sentence(scenario: Scenario) -> str:
    return scenario.__name__.replace("_", " ")


class Report:
    """A line for each scenario, and a count at the end."""

    def __init__(self):
        self.count, self.failures, self._start = 0, [], time.monotonic()
        self._left_out = ""

    async def play(self, name: str, scenario: Scenario, scene: Scene) -> None:
        start = time.monotonic()
        try:
            async with asyncio.timeout(SCENARIO_TIME_S):
                await scenario(scene)
        except Exception:
            self.failed(name, time.monotonic() - start, traceback.format_exc())
        else:
            self.count += 1
            print(f"ok      {name} ({time.monotonic() - start:.1f} s)", flush=True)

    def failed(self, name: str, took_s: float, why: str) -> None:
        self.count += 1
        self.failures.append(name)
        print(f"FAILED  {name} ({took_s:.1f} s)\n{why}", flush=True)

    def left_out(self, what: str, why: str) -> None:
        self._left_out += f"; {what} was left out: {why}"

    def close(self) -> None:
        for name in self.failures:
            print(f"FAILED  {name}")
        good, took_s = self.count - len(self.failures), time.monotonic() - self._start
        count = f"{self.count} scenarios: {good} ok, {len(self.failures)} failed ({took_s:.0f} s)"
        print(count + self._left_out, flush=True)


def show_logs(folder: Path) -> None:
    for log in sorted(folder.glob("*/log.txt")):
        print(f"── the end of what {log.parent.name} wrote")
        print("\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:]))


if __name__ == "__main__":
    # A runner that gives up sends SIGTERM: then the servers end as after Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    try:
        sys.exit(asyncio.run(main(Path(sys.argv[1]))))
    except KeyboardInterrupt:
        sys.exit("Interrupted")
