"""Whether a picture shows what it should."""

import io
from functools import lru_cache

from PIL import Image, ImageChops, ImageOps, ImageStat

# How far two pictures may be apart, as the mean of all pixels and channels, of 255. Another filter, another encoder and
# a pixel's rounding make less than 3; upside down it is 50.
TOLERANCE = 10


def check_thumbnail(thumbnail: bytes, original: bytes, width: int, height: int, method: str) -> None:
    """Its size is the one that was asked for (within a pixel), and it looks like the original, upright."""
    shown = Image.open(io.BytesIO(thumbnail)).convert("RGB")
    expected = _reduced(original, width, height, method)
    off = max(abs(a - b) for a, b in zip(shown.size, expected.size, strict=True))
    assert off <= 1, f"the thumbnail has {shown.size}, not {expected.size} pixels"
    difference = ImageChops.difference(shown, expected.resize(shown.size))
    mean = sum(ImageStat.Stat(difference).mean) / 3
    assert mean <= TOLERANCE, f"the thumbnail shows something else: {mean:.1f} of 255 off"


@lru_cache
def _reduced(original: bytes, width: int, height: int, method: str) -> Image.Image:
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(original))).convert("RGB")
    reduce = ImageOps.fit if method == "crop" else ImageOps.contain
    return reduce(upright, (width, height))
