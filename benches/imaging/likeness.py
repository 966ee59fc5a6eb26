"""How like the picture itself a thumbnail is: SSIM of its lightness with a reference made with care, not in haste.

The reference is every pixel of the source, the right way up and in sRGB, resized by Lanczos in floating point to the
very size of the thumbnail. What is transparent is seen before white and before black, and the worse of both counts.
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

WINDOW = np.exp(-((np.arange(11) - 5.0) ** 2) / (2 * 1.5**2))
WINDOW /= WINDOW.sum()
WEIGHTS = (0.299, 0.587, 0.114)
SRGB = ImageCms.createProfile("sRGB")


class Reference:
    """A source, as lightness and opacity in floating point."""

    def __init__(self, path: Path):
        with Image.open(path) as picture:
            self._light, self._opacity = _light(_in_srgb(ImageOps.exif_transpose(picture)))

    def likeness(self, thumbnail: Path, method: str) -> float:
        """1 when nothing differs."""
        with Image.open(thumbnail) as picture:
            light, opacity = _light(picture)
        expected_light = np.asarray(_fit(self._light, light.size, method))
        expected_opacity = np.asarray(_fit(self._opacity, light.size, method)) if self._opacity else 1.0
        light, opacity = np.asarray(light), np.asarray(opacity) if opacity else 1.0
        return min(
            ssim(light + (1 - opacity) * ground, expected_light + (1 - expected_opacity) * ground)
            for ground in (0.0, 255.0)
        )


def ssim(one: np.ndarray, other: np.ndarray) -> float:
    """Wang et al., 2004: a Gaussian window of 11 × 11, wherever it fits."""
    stable, stable_contrast = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean, other_mean = _blur(one), _blur(other)
    variance, other_variance = _blur(one * one) - mean**2, _blur(other * other) - other_mean**2
    covariance = _blur(one * other) - mean * other_mean
    alike = (2 * mean * other_mean + stable) * (2 * covariance + stable_contrast)
    apart = (mean**2 + other_mean**2 + stable) * (variance + other_variance + stable_contrast)
    return float((alike / apart).mean())


def _blur(plane: np.ndarray) -> np.ndarray:
    for axis in (0, 1):
        plane = np.apply_along_axis(np.convolve, axis, plane.astype(np.float64), WINDOW, mode="valid")
    return plane


def _in_srgb(picture: Image.Image) -> Image.Image:
    """As its profile says that it looks; one without, or with nonsense in it, is sRGB."""
    profile = picture.info.get("icc_profile")
    if not profile or picture.mode not in ("RGB", "RGBA"):
        return picture
    try:
        return ImageCms.profileToProfile(picture, ImageCms.ImageCmsProfile(io.BytesIO(profile)), SRGB)
    except ImageCms.PyCMSError:
        return picture


def _light(picture: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Lightness, weighed by opacity; and opacity, where there is any but full."""
    picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    bands = picture.split()
    light = sum(np.asarray(band, np.float32) * weight for band, weight in zip(bands, WEIGHTS))
    if len(bands) == 3:
        return Image.fromarray(light), None
    opacity = np.asarray(bands[3], np.float32) / 255
    return Image.fromarray(light * opacity), Image.fromarray(opacity)


def _fit(plane: Image.Image, size: tuple[int, int], method: str) -> Image.Image:
    if method == "scale":
        return plane.resize(size, Image.Resampling.LANCZOS)
    factor = max(size[0] / plane.width, size[1] / plane.height)
    cover = (max(round(plane.width * factor), size[0]), max(round(plane.height * factor), size[1]))
    left, top = (cover[0] - size[0]) // 2, (cover[1] - size[1]) // 2
    return plane.resize(cover, Image.Resampling.LANCZOS).crop((left, top, left + size[0], top + size[1]))
