"""A child process that makes thumbnails and times itself: one of three that speak the same.

What they speak is in benches/pictures/src/protocol.rs.
"""

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
KIB_IN_A_MIB = 1024


class Runner:
    """One child process, and the file that it holds."""

    def __init__(self, command: list[str]):
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> "Runner":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait()

    def load(self, file: Path) -> None:
        """Has it read a file, before any clock starts."""
        self._ask({"do": "load", "file": str(file)})

    def make(
        self, work: str, formats: dict[str, str], at_least_ms: int = 0, at_most: int = 1, keep: Path | None = None
    ) -> dict:
        """Has it make thumbnails, of `formats` unless it chooses itself: what each time cost, and what came out."""
        return self._ask(
            {
                "do": "make",
                "work": work,
                "formats": formats,
                "at_least_ms": at_least_ms,
                "at_most": at_most,
                "keep": str(keep) if keep else None,
            }
        )

    def resident_mib(self) -> float:
        """What it has in memory now."""
        return self._status("VmRSS")

    def peak_mib(self) -> float:
        """The most that it had since `forget_peak`."""
        return self._status("VmHWM")

    def forget_peak(self) -> None:
        """Not `ru_maxrss`: that is never less than what the parent had when it forked."""
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")

    def _status(self, field: str) -> float:
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        (line,) = (line for line in lines if line.startswith(f"{field}:"))
        return int(line.split()[1]) / KIB_IN_A_MIB

    def _ask(self, request: dict) -> dict:
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self._process.args[0]} ended at {request}")
        return json.loads(answer)


def commands(ours: str) -> dict[str, list[str]]:
    """How each is started. In Node.js, sharp's pool has one thread: it works at one thing at a time in any case."""
    return {
        "ours": [ours, "answer"],
        "sharp": ["env", "UV_THREADPOOL_SIZE=1", "node", str(HERE / "js" / "runner.mjs")],
        "Pillow": [sys.executable, "-B", str(HERE / "pillow_runner.py")],
    }
