"""Runs the comparison and prints it as Markdown: see README.md. `run` starts it."""

import argparse
import fnmatch
import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import corpus
import tables
from likeness import Reference
from runner import Runner, commands

FOLDER = Path(__file__).parents[2] / "target" / "imaging-bench"
README = Path(__file__).parent / "README.md"
EVERYTHING = "*"

# What is timed, in this order in every round, so that whatever slows the machine slows all of them.
TIMED = [
    ("ours", "one"),
    ("sharp", "one"),
    ("Pillow", "one"),
    ("ours", "five"),
    ("sharp", "chain"),
    ("sharp", "fan"),
    ("Pillow", "five"),
    ("Pillow", "apart"),
    ("sharp", "decode"),
]
# What memory is measured of, each in a process of its own.
WEIGHED = [("ours", "five"), ("sharp", "one"), ("sharp", "chain"), ("Pillow", "five")]


def main() -> None:
    options = _options()
    FOLDER.mkdir(parents=True, exist_ok=True)
    if options.again:
        measured = json.loads(options.again.read_text())
    else:
        measured = _measure(options)
        # A part of it is no run to keep.
        name = "run.json" if options.files == EVERYTHING else "part.json"
        (FOLDER / name).write_text(json.dumps(measured, indent=1))
    if options.write:
        before, heading, _ = README.read_text().partition("## A run\n")
        README.write_text(f"{before}{heading}\n{tables.brief(measured)}\n")
    print(tables.whole(measured))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run", description="Our thumbnails beside sharp's and Pillow's.")
    parser.add_argument("--ours", help="our side's binary; `run` says which")
    parser.add_argument("--files", default=EVERYTHING, metavar="PATTERN", help="only these, as `*.png` or `48-*`")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is timed, in turn (3)")
    parser.add_argument("--at-least-ms", type=int, default=300, help="how long each time, if it was done once (300)")
    parser.add_argument("--no-pillow", action="store_true", help="leaves out the slowest")
    parser.add_argument("--again", type=Path, metavar="JSON", help="prints an earlier run again")
    parser.add_argument("--write", action="store_true", help="puts the tables into README.md, too")
    return parser.parse_args()


def _measure(options: argparse.Namespace) -> dict:
    files = corpus.build(FOLDER)
    fingerprint = corpus.fingerprint(files)
    chosen = [file for file in files if fnmatch.fnmatch(file.path.name, options.files)]
    how = commands(options.ours)
    if options.no_pillow:
        del how["Pillow"]
    rows = []
    with ExitStack() as stack:
        runners = {name: stack.enter_context(Runner(command)) for name, command in how.items()}
        for number, file in enumerate(chosen, 1):
            print(f"{number}/{len(chosen)} {file.path.name}", file=sys.stderr)
            rows.append(_file(file, runners, how, options))
    return {"versions": _versions(), "fingerprint": fingerprint, "files": rows}


def _file(
    file: corpus.File, runners: dict[str, Runner], how: dict[str, list[str]], options: argparse.Namespace
) -> dict:
    for runner in runners.values():
        runner.load(file.path)
    # What is kept for its looks warms up, too.
    kept = FOLDER / "made" / file.name
    formats: dict[str, str] = {}
    made = {}
    for name, runner in runners.items():
        folder = kept / name
        folder.mkdir(parents=True, exist_ok=True)
        made[name] = runner.make("five", formats, keep=folder)["pictures"]
        if name == "ours":
            formats = {picture["shape"]: picture["format"] for picture in made[name]}
    _look(file, kept, made)
    width, height = corpus.size(file)
    return {
        "name": file.path.name,
        "kind": file.kind,
        "says": file.says,
        "mpx": width * height / 1e6,
        "bytes": file.path.stat().st_size,
        "made": made,
        "times": _times(runners, formats, options),
        "memory": _memory(file, how, formats),
    }


def _look(file: corpus.File, kept: Path, made: dict[str, list[dict]]) -> None:
    reference = Reference(file.path)
    for name, pictures in made.items():
        for picture in pictures:
            thumbnail = kept / name / f"{picture['shape'].replace('/', '-')}.{picture['format']}"
            picture["ssim"] = reference.likeness(thumbnail, picture["shape"].split("/")[1])


def _times(runners: dict[str, Runner], formats: dict[str, str], options: argparse.Namespace) -> dict:
    """Of each kind of work the best of its rounds' medians: others only ever make it slower."""
    rounds: dict[str, list[tuple[float, float]]] = {}
    for _ in range(options.rounds):
        for name, work in TIMED:
            if name in runners:
                done = runners[name].make(work, formats, options.at_least_ms, at_most=50)
                cost = (_median(done["cpu_ms"]), _median(done["wall_ms"]))
                rounds.setdefault(f"{name} {work}", []).append(cost)
    return {
        work: {"cpu_ms": min(cpu for cpu, _ in costs), "wall_ms": min(wall for _, wall in costs)}
        for work, costs in rounds.items()
    }


def _memory(file: corpus.File, how: dict[str, list[str]], formats: dict[str, str]) -> dict:
    """In MiB: what the process has once it holds the source's bytes, and the most it had then."""
    weighed = {}
    for name, work in WEIGHED:
        if name in how:
            with Runner(how[name]) as runner:
                runner.load(file.path)
                runner.forget_peak()
                idle = runner.resident_mib()
                runner.make(work, formats)
                weighed[f"{name} {work}"] = {"idle_mib": idle, "peak_mib": runner.peak_mib()}
    return weighed


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _versions() -> str:
    """Of everything that is compared."""
    script = "const { versions } = (await import('sharp')).default; console.log(versions.sharp, versions.vips)"
    node = ["node", "--input-type=module", "--eval", script]
    sharp, vips = subprocess.run(
        node, cwd=Path(__file__).parent / "js", check=True, capture_output=True, text=True
    ).stdout.split()
    rustc = subprocess.run(["rustc", "--version"], check=True, capture_output=True, text=True).stdout.split()[1]
    return f"rustc {rustc}; sharp {sharp} (libvips {vips}); Pillow {corpus.Image.__version__}"


if __name__ == "__main__":
    main()
