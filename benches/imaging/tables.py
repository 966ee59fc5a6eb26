"""A run as Markdown: first what was wanted beside what was measured, then picture by picture."""

from collections.abc import Callable
from statistics import median

KINDS = {"jpeg": "JPEG", "png": "PNG", "webp": "WebP"}
LARGEST = "800x600/scale"
# SSIM differs in its fourth digit by chance.
AS_LIKE = 0.0005


def brief(measured: dict) -> str:
    """What README.md shows."""
    files = measured["files"]
    parts = [
        f"{measured['versions']}; corpus {measured['fingerprint']}. Figures of one run: only ratios are worth comparing.",
        _wanted(files),
        "Processor time in milliseconds:",
        _times(files, "cpu_ms"),
        "Memory in MiB above idle:",
        _memory(files),
        "Bytes and likeness, over all five sizes and then of the largest:",
        _likeness_in_all(files),
        _likeness(files),
    ]
    return "\n\n".join(parts)


def whole(measured: dict) -> str:
    """The same, with time on the wall and where sharp's time goes."""
    files = measured["files"]
    parts = [brief(measured), "Time on the wall in milliseconds:", _times(files, "wall_ms")]
    return "\n\n".join([*parts, "Where sharp's processor time goes, in milliseconds:", _where(files)])


def _wanted(files: list[dict]) -> str:
    rows = []
    one, five = _over("ours one", _sharp_one), _over("ours five", _sharp_five)
    upon_arrival, on_demand = _over("ours five", _time("Pillow five")), _over("ours five", _time("Pillow apart"))
    for kind, what, ratio, goal in [
        ("jpeg", "one size, ÷ sharp", one, "2.2, never below 1.3"),
        ("jpeg", "five sizes, ÷ sharp", five, "2.4"),
        ("jpeg", "five sizes, ÷ Synapse's Pillow, on arrival", upon_arrival, ""),
        ("jpeg", "five sizes, ÷ Synapse's Pillow, on demand", on_demand, "15"),
        ("png", "one size, ÷ sharp", one, "1.8"),
        ("png", "five sizes, ÷ sharp", five, "1.8"),
        ("webp", "one size, ÷ sharp", one, "1.2"),
        ("webp", "five sizes, ÷ sharp", five, "1.2"),
    ]:
        values = [(value, file["name"]) for file in files if file["kind"] == kind and (value := ratio(file))]
        if values:
            least, name = min(values)
            middle = median(value for value, _ in values)
            rows.append([f"{KINDS[kind]}, {what}", goal, f"**{middle:.2f}**", f"{least:.2f} ({name})"])
    for what, goal, chosen in [
        ("Memory, JPEG of 48 Mpx", "32 MiB", [file for file in files if file["name"].startswith("48-mpx")]),
        ("Memory, any PNG", "64 MiB", [file for file in files if file["kind"] == "png"]),
    ]:
        if chosen:
            most, name = max((_taken(file, "ours five"), file["name"]) for file in chosen)
            rows.append([what, f"at most {goal}", "", f"**{most:.0f} MiB** ({name})"])
    return _table(["", "wanted", "median", "worst"], rows)


def _times(files: list[dict], clock: str) -> str:
    sides = ["ours", "sharp", "Pillow", "÷ sharp"]
    head = ["", "Mpx", "", "one: ours", *sides[1:], "five: ours", *sides[1:], "÷ Pillow"]
    rows = []
    for file in files:
        ours_one, sharp_one, pillow_one = (_time(f"{who} one", clock)(file) for who in ("ours", "sharp", "Pillow"))
        ours_five, pillow_five = _time("ours five", clock)(file), _time("Pillow five", clock)(file)
        sharp_five = _sharp_five(file, clock)
        rows.append(
            [file["name"], f"{file['mpx']:.1f}", file["says"]]
            + [_ms(ours_one), _ms(sharp_one), _ms(pillow_one), _ratio(sharp_one, ours_one)]
            + [_ms(ours_five), _ms(sharp_five), _ms(pillow_five)]
            + [_ratio(sharp_five, ours_five), _ratio(pillow_five, ours_five)]
        )
    return _table(head, rows)


def _memory(files: list[dict]) -> str:
    head = ["", "Mpx", "source", "ours", "sharp, one", "sharp, five", "Pillow"]
    works = ["ours five", "sharp one", "sharp chain", "Pillow five"]
    rows = []
    for file in files:
        taken = [_taken(file, work) for work in works]
        source = f"{file['bytes'] / 2**20:.1f}"
        rows.append([file["name"], f"{file['mpx']:.1f}", source] + [_whole(value) for value in taken])
    rows.append(["*idle*", "", ""] + [_whole(_idle(files, work)) for work in works])
    return _table(head, rows)


def _likeness_in_all(files: list[dict]) -> str:
    """By kind of source: in how many thumbnails ours is as small as sharp's and as like, and what lies between them."""
    rows = []
    for kind, name in KINDS.items():
        pairs = [pair for file in files if file["kind"] == kind for pair in _pairs(file)]
        if pairs:
            fewer = [ours["bytes"] <= sharp["bytes"] for ours, sharp in pairs]
            as_like = [ours["ssim"] >= sharp["ssim"] - AS_LIKE for ours, sharp in pairs]
            both = sum(few and like for few, like in zip(fewer, as_like))
            bytes_ratio = median(ours["bytes"] / sharp["bytes"] for ours, sharp in pairs)
            nearer = median(ours["ssim"] - sharp["ssim"] for ours, sharp in pairs)
            rows.append(
                [name, str(len(pairs)), _share(sum(fewer), pairs), _share(sum(as_like), pairs), _share(both, pairs)]
                + [f"{bytes_ratio:.3f}", f"{nearer:+.4f}"]
            )
    head = ["of", "thumbnails", "no more bytes", "as like", "both", "bytes ÷ sharp's", "SSIM − sharp's"]
    return _table(head, rows)


def _likeness(files: list[dict]) -> str:
    head = ["800 × 600", "as", "bytes: ours", "sharp", "Pillow", "SSIM: ours", "sharp", "Pillow"]
    rows = []
    for file in files:
        made = [_picture(file, who, LARGEST) if who in file["made"] else None for who in ("ours", "sharp", "Pillow")]
        sizes = [f"{picture['bytes']:,}".replace(",", " ") if picture else "" for picture in made]
        looks = [f"{picture['ssim']:.4f}" if picture else "" for picture in made]
        rows.append([file["name"], made[0]["format"], *sizes, *looks])
    return _table(head, rows)


def _where(files: list[dict]) -> str:
    """The encoding is what is left of `one` without the pixels alone; the other sizes what is left of five."""
    head = ["", "as", "the pixels of 800 × 600", "encoding them", "the other four", "pixels, per Mpx"]
    rows = []
    for file in files:
        pixels, one, five = _time("sharp decode")(file), _sharp_one(file), _sharp_five(file)
        form = _picture(file, "sharp", LARGEST)["format"]
        rows.append(
            [file["name"], form, _ms(pixels), _ms(one - pixels), _ms(five - one), f"{pixels / file['mpx']:.1f}"]
        )
    return _table(head, rows)


def _time(work: str, clock: str = "cpu_ms") -> Callable[[dict], float | None]:
    return lambda file: file["times"].get(work, {}).get(clock)


def _sharp_one(file: dict) -> float:
    return file["times"]["sharp one"]["cpu_ms"]


def _sharp_five(file: dict, clock: str = "cpu_ms") -> float:
    """Whichever way to chain is the quicker."""
    return min(file["times"]["sharp chain"][clock], file["times"]["sharp fan"][clock])


def _over(ours: str, other: Callable[[dict], float | None]) -> Callable[[dict], float | None]:
    def ratio(file: dict) -> float | None:
        theirs = other(file)
        return theirs / file["times"][ours]["cpu_ms"] if theirs else None

    return ratio


def _idle(files: list[dict], work: str) -> float | None:
    """Of the process, without the source's bytes."""
    weighed = [file["memory"][work]["idle_mib"] - file["bytes"] / 2**20 for file in files if work in file["memory"]]
    return median(weighed) if weighed else None


def _taken(file: dict, work: str) -> float | None:
    weighed = file["memory"].get(work)
    return weighed["peak_mib"] - weighed["idle_mib"] if weighed else None


def _pairs(file: dict) -> list[tuple[dict, dict]]:
    return [(ours, _picture(file, "sharp", ours["shape"])) for ours in file["made"]["ours"]]


def _picture(file: dict, who: str, shape: str) -> dict:
    (picture,) = (picture for picture in file["made"][who] if picture["shape"] == shape)
    return picture


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _whole(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def _ratio(theirs: float | None, ours: float) -> str:
    return "" if theirs is None else f"{theirs / ours:.2f}"


def _share(count: int, of: list) -> str:
    return f"{100 * count / len(of):.0f} %"


def _table(head: list[str], rows: list[list[str]]) -> str:
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *rows])
