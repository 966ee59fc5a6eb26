"""The pictures that are measured: photographs and drawings out of Debian's packages, and what is made of them here.

Large ones are photographs enlarged, with noise as fine as a sensor's on top: without it they would be smoother, and
quicker to decode, than what a camera makes. The same packages make the same corpus; its fingerprint says whether they
did.
"""

import hashlib
import io
import struct
import subprocess
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Image.MAX_IMAGE_PIXELS = None

PACKAGES = [
    "gnome-backgrounds",
    "lomiri-wallpapers-16.04",
    "lomiri-wallpapers-20.04",
    "mate-backgrounds",
    "plasma-workspace-wallpapers",
    "ukui-wallpapers",
]
LOMIRI = "usr/share/backgrounds/"
MATE = "usr/share/backgrounds/mate/"
PLASMA = "usr/share/wallpapers/{}/contents/images{}"
FIXTURES = Path(__file__).parents[2] / "tests" / "fixtures"


@dataclass(frozen=True)
class File:
    """One picture of the corpus."""

    path: Path
    says: str

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def kind(self) -> str:
        return {".jpg": "jpeg"}.get(self.path.suffix, self.path.suffix[1:])


def build(folder: Path) -> list[File]:
    """The corpus, in `folder`. What is there already is not made again."""
    packages = folder / "packages"
    pictures = folder / "corpus"
    pictures.mkdir(parents=True, exist_ok=True)
    files = []
    for name, says, make in _list(packages):
        path = pictures / name
        if not path.exists():
            _unpack(packages)
            unfinished = path.with_name(f".{name}")
            unfinished.write_bytes(make())
            unfinished.rename(path)
        files.append(File(path, says))
    return files


def size(file: File) -> tuple[int, int]:
    """Pixels across and down, as stored."""
    with Image.open(file.path) as picture:
        return picture.size


def fingerprint(files: list[File]) -> str:
    """Of all their bytes: two runs with the same one measured the same pictures."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(hashlib.sha256(file.path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def _list(packages: Path) -> list[tuple[str, str, Callable[[], bytes]]]:
    """Name, what it is, how it is made."""

    def photograph(name: str) -> Image.Image:
        return Image.open(packages / f"{LOMIRI}{name}").convert("RGB")

    def kleiber() -> Image.Image:
        return photograph("Kleiber_by_Lukas_Baubkus.jpg")

    def dragonfly() -> Image.Image:
        return photograph("Dragonfly_by_Bolly.jpg")

    def mountains() -> Image.Image:
        return Image.open(FIXTURES / "mountains.jpg").convert("RGB")

    def dandelion() -> Image.Image:
        return Image.open(FIXTURES / "transparent.png")

    def arc() -> Image.Image:
        return Image.open(packages / f"{MATE}abstract/Arc-Colors-Transparent-Wallpaper.png")

    def original(name: str) -> Callable[[], bytes]:
        return (packages / name).read_bytes

    def fixture(name: str) -> Callable[[], bytes]:
        return (FIXTURES / name).read_bytes

    def telephone() -> Image.Image:
        return _screenshot(1170, 2532, dragonfly()).convert("RGBA")

    def words() -> Image.Image:
        return _screenshot(1920, 1080, None)

    return [
        # Photographs as they were published, four of them as the camera wrote them.
        ("nuthatch.jpg", "baseline 4:2:2, camera", fixture("photo.jpg")),
        ("mountains.jpg", "progressive 4:2:0", fixture("mountains.jpg")),
        ("dogs.jpg", "progressive 4:2:0, on its side", fixture("on-its-side.jpg")),
        ("seeding.jpg", "progressive 4:2:0", original(f"{LOMIRI}seeding_by_Clements_Engelhardt.jpg")),
        ("umang.jpg", "baseline 4:4:4", original(f"{LOMIRI}umang_by_Abhishek_Mudgal.jpg")),
        ("elephants.jpg", "progressive 4:2:2, camera", original(f"{MATE}abstract/Elephants_5640x3172.jpg")),
        ("blinds.jpg", "baseline 4:2:2, camera", original(f"{MATE}nature/Blinds.jpg")),
        ("wood.jpg", "baseline 4:2:2, camera", original(f"{MATE}nature/Wood.jpg")),
        ("leaf.jpg", "baseline 4:2:0", original(PLASMA.format("FallenLeaf", "/2560x1600.jpg"))),
        ("stands-out.jpg", "baseline 4:4:4, ICC", original(PLASMA.format("OneStandsOut", "/2560x1600.jpg"))),
        ("landing.jpg", "baseline 4:2:0", original(PLASMA.format("SafeLanding", "/5120x2880.jpg"))),
        ("rhythm.jpg", "progressive 4:4:4", original(f"{LOMIRI}rhythm.jpg")),
        # As a telephone, a large camera, and a larger one.
        ("phone.jpg", "baseline 4:2:0, on its side", lambda: _jpeg(_noisy(dragonfly(), 4032, 3024), 92, 2, turn=6)),
        ("reflex.jpg", "baseline 4:2:2", lambda: _jpeg(_noisy(kleiber(), 6000, 4000), 94, 1)),
        ("48-mpx.jpg", "baseline 4:2:0", lambda: _jpeg(_noisy(dragonfly(), 8000, 6000), 90, 2)),
        (
            "48-mpx-progressive.jpg",
            "progressive 4:2:0",
            lambda: _jpeg(_noisy(mountains(), 8000, 6000), 90, 2, progressive=True),
        ),
        ("photograph.png", "RGB, a photograph", lambda: _png(_smaller(kleiber(), 2000, 1500))),
        ("16-bit.png", "RGB of 16 bits, a photograph", lambda: _png_of_16_bits(_smaller(mountains(), 2048, 1536))),
        ("32-mpx.png", "RGB, a photograph", lambda: _png(_noisy(mountains(), 6650, 5000, strength=1.0))),
        ("desktop.png", "RGB, a screenshot", lambda: _png(_screenshot(2560, 1440, mountains()))),
        ("telephone.png", "RGBA, opaque, a screenshot", lambda: _png(telephone())),
        ("palette.png", "palette, a screenshot", lambda: _png(words().quantize(256))),
        ("dandelion.png", "RGBA, transparent", fixture("transparent.png")),
        ("arc.png", "RGBA, transparent", original(f"{MATE}abstract/Arc-Colors-Transparent-Wallpaper.png")),
        ("stripes.png", "grey and alpha", original(f"{MATE}desktop/Stripes.png")),
        ("patak.png", "RGB, ICC, a drawing", original(PLASMA.format("Patak", "_dark/3840x2160.png"))),
        ("milky-way.png", "RGB, a drawing", original(PLASMA.format("MilkyWay", "/5120x2880.png"))),
        ("ice-cold.png", "RGBA, opaque, a drawing", original(PLASMA.format("IceCold", "/5120x2880.png"))),
        ("adwaita.webp", "lossy", original(f"{LOMIRI}gnome/adwaita-l.webp")),
        ("wood-grain.webp", "lossy", original(f"{LOMIRI}gnome/wood-d.webp")),
        ("lossy.webp", "lossy, a photograph", lambda: _webp(_smaller(mountains(), 2000, 1500), quality=80)),
        ("lossy-12-mpx.webp", "lossy, a photograph", lambda: _webp(_noisy(dragonfly(), 4000, 3000), quality=75)),
        ("lossy-alpha.webp", "lossy, transparent", lambda: _webp(dandelion(), quality=80)),
        ("lossless.webp", "lossless, a photograph", lambda: _webp(_smaller(kleiber(), 1600, 1200), lossless=True)),
        ("lossless-desktop.webp", "lossless, a screenshot", lambda: _webp(words(), lossless=True)),
        ("lossless-alpha.webp", "lossless, transparent", lambda: _webp(arc(), lossless=True)),
    ]


def _unpack(packages: Path) -> None:
    """Debian's packages, as far as they are not there yet."""
    packages.mkdir(exist_ok=True)
    for package in PACKAGES:
        done = packages / f".{package}"
        if done.exists():
            continue
        # Where the lists are missing or older than the archive, they are brought first.
        download = ["apt-get", "download", "--quiet", package]
        if subprocess.run(download, cwd=packages, capture_output=True).returncode != 0:
            subprocess.run(["apt-get", "update", "--quiet"], check=True, capture_output=True)
            subprocess.run(download, cwd=packages, check=True, capture_output=True)
        (archive,) = packages.glob(f"{package}_*.deb")
        subprocess.run(["dpkg-deb", "--extract", archive.name, "."], cwd=packages, check=True)
        archive.unlink()
        done.touch()


def _smaller(picture: Image.Image, width: int, height: int) -> Image.Image:
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def _noisy(picture: Image.Image, width: int, height: int, strength: float = 5.0) -> Image.Image:
    """Enlarged, with grain; strip by strip, for it may be large."""
    enlarged = np.array(picture.resize((width, height), Image.Resampling.BICUBIC))
    chance = np.random.default_rng(48)
    for top in range(0, height, 256):
        strip = enlarged[top : top + 256]
        grain = chance.normal(0, strength, strip.shape).astype(np.float32)
        enlarged[top : top + 256] = np.clip(strip + grain, 0, 255).round().astype(np.uint8)
    return Image.fromarray(enlarged)


def _screenshot(width: int, height: int, photograph: Image.Image | None) -> Image.Image:
    """Windows full of words, and one with a photograph."""
    chance = np.random.default_rng(7)
    screen = Image.new("RGB", (width, height), (36, 41, 56))
    draw = ImageDraw.Draw(screen)
    words = "the quick brown fox jumps over the lazy dog while nobody looks at it for long".split()
    for window in range(7):
        left, top = int(chance.integers(0, width * 2 // 3)), int(chance.integers(0, height * 2 // 3))
        right, bottom = min(left + width // 2, width - 8), min(top + height // 2, height - 8)
        paper = (250, 250, 252) if window % 2 else (30, 32, 38)
        ink = (30, 30, 30) if window % 2 else (210, 214, 220)
        draw.rounded_rectangle((left, top, right, bottom), 12, fill=paper, outline=(120, 124, 140))
        draw.rectangle((left + 1, top + 12, right - 1, top + 40), fill=(70, 110, 190))
        size = int(chance.integers(13, 24))
        font = ImageFont.load_default(size)
        for line in range(top + 56, bottom - size * 2, int(size * 1.5)):
            colour = ink if chance.random() < 0.8 else tuple(int(part) for part in chance.integers(0, 255, 3))
            text, end = "", left + 16
            while end < right - 60:
                text += str(chance.choice(words)) + " "
                end = left + 16 + font.getlength(text)
            draw.text((left + 16, line), text.rsplit(" ", 2)[0], fill=colour, font=font)
    if photograph is not None:
        screen.paste(_smaller(photograph, width // 2, height // 4), (width // 4, height // 2))
    return screen


def _jpeg(
    picture: Image.Image, quality: int, sampling: int, progressive: bool = False, turn: int | None = None
) -> bytes:
    encoded = io.BytesIO()
    exif = Image.Exif()
    if turn is not None:
        exif[0x0112] = turn
    picture.save(encoded, "JPEG", quality=quality, subsampling=sampling, progressive=progressive, exif=exif)
    return encoded.getvalue()


def _webp(picture: Image.Image, **options: object) -> bytes:
    encoded = io.BytesIO()
    picture.save(encoded, "WEBP", **options)
    return encoded.getvalue()


def _png(picture: Image.Image) -> bytes:
    encoded = io.BytesIO()
    picture.save(encoded, "PNG")
    return encoded.getvalue()


def _png_of_16_bits(picture: Image.Image) -> bytes:
    """By hand, for Pillow writes none: every row as its difference from the one above, with noise in the lower bits."""
    chance = np.random.default_rng(16)
    deep = np.array(picture).astype(np.uint16) << 8
    deep += chance.integers(0, 64, deep.shape, dtype=np.uint16)
    rows = deep.astype(">u2").view(np.uint8).reshape(picture.height, -1)
    above = np.vstack([np.zeros_like(rows[:1]), rows[:-1]])
    filtered = np.hstack([np.full((picture.height, 1), 2, np.uint8), rows - above])

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", picture.width, picture.height, 16, 2, 0, 0, 0)
    pixels = zlib.compress(filtered.tobytes(), 6)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
