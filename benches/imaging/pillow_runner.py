"""Pillow's side: thumbnails as Synapse makes them, timed by the process itself.

Asked and answered as benches/pictures/src/protocol.rs says. What Synapse does was read in its `media/thumbnailer.py`
and `media/media_repository.py`: the source is opened once, turned by its EXIF orientation, and every thumbnail is
resized by Lanczos from all its pixels; palettes and grey are converted anew for each.
"""

import json
import sys
import time
from io import BytesIO
from pathlib import Path

from PIL import Image

Image.MAX_IMAGE_PIXELS = None

SHAPES = [(32, 32, "crop"), (96, 96, "crop"), (320, 240, "scale"), (640, 480, "scale"), (800, 600, "scale")]
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ORIENTATION = 0x0112


def one(source: bytes) -> list[dict]:
    """The largest alone."""
    return _all(source, SHAPES[4:])


def five(source: bytes) -> list[dict]:
    """All five from one opening, as Synapse makes them when a picture arrives."""
    return _all(source, SHAPES)


def apart(source: bytes) -> list[dict]:
    """All five from an opening each, as Synapse makes them when clients ask (`dynamic_thumbnails`)."""
    return [made for shape in SHAPES for made in _all(source, [shape])]


WORK = {"one": one, "five": five, "apart": apart}


def _all(source: bytes, shapes: list[tuple[int, int, str]]) -> list[dict]:
    picture = Image.open(BytesIO(source), formats=("jpeg", "png", "webp", "gif"))
    kind = picture.format
    turn = TURNS.get(picture.getexif().get(ORIENTATION))
    if turn is not None:
        picture = picture.transpose(turn)
    as_png = kind in ("PNG", "GIF") or (kind == "WEBP" and _is_transparent(picture))
    return [_thumbnail(picture, shape, "PNG" if as_png else "JPEG") for shape in shapes]


def _is_transparent(picture: Image.Image) -> bool:
    return "A" in picture.getbands() and picture.getchannel("A").getextrema()[0] < 255


def _thumbnail(picture: Image.Image, shape: tuple[int, int, str], form: str) -> dict:
    width, height, method = shape
    is_wide = width * picture.height < height * picture.width
    # Inside the box along the longer side, or over it along the shorter one.
    if is_wide == (method == "scale"):
        size = (width, max(width * picture.height // picture.width, 1))
    else:
        size = (max(height * picture.width // picture.height, 1), height)
    if picture.mode in ("1", "L", "P"):
        picture = picture.convert("RGBA" if picture.info.get("transparency") is not None else "RGB")
    small = picture.resize(size, Image.Resampling.LANCZOS)
    if method == "crop":
        left, top = (size[0] - width) // 2, (size[1] - height) // 2
        small = small.crop((left, top, left + width, top + height))
    if form == "JPEG":
        small = small.convert("RGB")
    encoded = BytesIO()
    small.save(encoded, form, quality=80)
    return {
        "shape": f"{width}x{height}/{method}",
        "format": form.lower(),
        "width": small.width,
        "height": small.height,
        "data": encoded.getvalue(),
    }


def _make(source: bytes, request: dict) -> dict:
    began = time.perf_counter()
    cpu_ms, wall_ms = [], []
    while True:
        cpu, wall = time.process_time(), time.perf_counter()
        pictures = WORK[request["work"]](source)
        cpu_ms.append((time.process_time() - cpu) * 1e3)
        wall_ms.append((time.perf_counter() - wall) * 1e3)
        elapsed_ms = (time.perf_counter() - began) * 1e3
        if len(cpu_ms) >= request["at_most"] or elapsed_ms >= request["at_least_ms"]:
            return {"cpu_ms": cpu_ms, "wall_ms": wall_ms, "pictures": pictures}


def main() -> None:
    source = b""
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "load":
            source = Path(request["file"]).read_bytes()
            answer = {"bytes": len(source)}
        else:
            answer = _make(source, request)
            for picture in answer["pictures"]:
                data = picture.pop("data")
                picture["bytes"] = len(data)
                if request.get("keep"):
                    name = f"{picture['shape'].replace('/', '-')}.{picture['format']}"
                    (Path(request["keep"]) / name).write_bytes(data)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
