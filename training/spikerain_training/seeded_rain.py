"""Renders seeded rain of a known strength, and measures the quality of derained images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.images.metrics import SSIM_WINDOW, luma, psnr_luma, ssim
from spikerain_edge.images.picture import Picture
from spikerain_edge.weather import Rain, sample_style

_REMOVE = "move this picture out of the folder"


@dataclass(frozen=True)
class Severity:
    """A strength of rain.

    Attributes:
        name: `light`, `medium` or `heavy`.
        psnr: PSNR on MATLAB luma of the rainy images in dB.
        coverage: smallest and largest density of the rain (see `RainStyle`).
    """

    name: str
    psnr: float
    coverage: tuple[float, float]


@dataclass(frozen=True)
class HeldOutQuality:
    """Means over held-out images.

    Attributes:
        rainy_psnr: PSNR on MATLAB luma of the rainy images in dB.
        psnr: PSNR on MATLAB luma of the derained images in dB.
        ssim: SSIM on MATLAB luma of the derained images.
    """

    rainy_psnr: float
    psnr: float
    ssim: float


def severities() -> dict[str, Severity]:
    """Returns the strengths of rain that networks are evaluated with, by name."""
    levels = (
        Severity("light", 30.0, (0.015, 0.08)),
        Severity("medium", 25.0, (0.03, 0.15)),
        Severity("heavy", 17.0, (0.12, 0.5)),
    )
    return {level.name: level for level in levels}


def seeded_rain(clean: Image, severity: Severity, seed: int) -> Image:
    """Renders random rain in front of `clean` (H, W, 3) uint8 BGR, at the PSNR of the severity.

    The style of the rain is drawn with `seed`. Its strength is found by bisection, to within
    0.02 dB of the target, so that all images of an average are equally rainy.

    Raises:
        InputError: no strength reaches the target, for example in a white image.
    """
    shower, strength = seeded_shower(clean, severity, seed)
    return shower.render(clean, strength=strength)


def seeded_shower(clean: Image, severity: Severity, seed: int) -> tuple[Rain, float]:
    """Returns the rain of `seeded_rain` and its strength.

    Raises:
        InputError: no strength reaches the target, for example in a white image.
    """
    shower, low, high = _bracket(clean, severity, seed)
    middle = (low + high) / 2
    for _ in range(24):
        middle = (low + high) / 2
        reached = psnr_luma(shower.render(clean, strength=middle), clean)
        if abs(reached - severity.psnr) < 0.02:
            break
        low, high = (middle, high) if reached > severity.psnr else (low, middle)
    return shower, middle


def require_measurable(clean: Image, levels: Iterable[Severity], seed: int) -> None:
    """Checks that an image can be evaluated; much faster than the evaluation itself.

    Args:
        clean: (H, W, 3) uint8 BGR.
        levels: severities of the rain to render; empty if the image has a rainy partner.
        seed: seed of the rain.

    Raises:
        InputError: the image is too small for SSIM, or no strength of rain reaches the PSNR of a
            severity.
    """
    height, width = clean.shape[:2]
    if min(height, width) < SSIM_WINDOW:
        wanted = f"{SSIM_WINDOW}x{SSIM_WINDOW}"
        raise InputError(
            f"{width}x{height} pixels are too few for SSIM, which needs at least {wanted}",
            _REMOVE,
        )
    for severity in levels:
        _bracket(clean, severity, seed)


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Adds the path of a picture to every `InputError` that is raised inside the context."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error.cause}", error.remedy) from error


def _bracket(clean: Image, severity: Severity, seed: int) -> tuple[Rain, float, float]:
    """Returns rain and two strengths; the PSNR of the severity lies between them.

    Raises:
        InputError: no strength of rain reaches the PSNR of the severity.
    """
    rng = np.random.default_rng(seed)
    low_cover, high_cover = np.log(severity.coverage)
    coverage = float(np.exp(rng.uniform(low_cover, high_cover)))
    style = replace(sample_style(rng), coverage=coverage, mist=0.0)
    shower = Rain(style, clean.shape[:2], seed)
    low, high = 0.0, 1.0
    while psnr_luma(shower.render(clean, strength=high), clean) > severity.psnr:
        low, high = high, 2 * high
        if high > 64:
            style = replace(style, coverage=2 * style.coverage, blend="alpha", colour=(0.8,) * 3)
            shower, low, high = Rain(style, clean.shape[:2], seed), 0.0, 1.0
        if style.coverage > 64:
            raise InputError(
                f"no rendered rain lowers the PSNR of this picture to {severity.psnr} dB", _REMOVE
            )
    return shower, low, high


def rainy_scenes(cleans: Iterable[Image], severity: Severity) -> list[tuple[Image, Image]]:
    """Renders rain and returns pairs (rainy, clean); image `i` gets rain with seed `i`."""
    return [(seeded_rain(clean, severity, seed), clean) for seed, clean in enumerate(cleans)]


def read_scenes(paths: Iterable[Path], severity: Severity) -> list[tuple[Image, Image]]:
    """Reads image files and returns pairs (rainy, clean) as `rainy_scenes` does.

    Raises:
        InputError: a file cannot be decoded, is too small for SSIM, or cannot be made rainy
            enough; the message names the file.
    """
    scenes = []
    for seed, path in enumerate(paths):
        clean = Picture(path).read()
        with named(path):
            require_measurable(clean, (), seed)
            scenes.append((seeded_rain(clean, severity, seed), clean))
    return scenes


def held_out_quality(
    scenes: Sequence[tuple[Image, Image]], restored: Sequence[Image]
) -> HeldOutQuality:
    """Measures restored images against the clean images of `scenes` (rainy, clean)."""
    rows = [
        (psnr_luma(rainy, clean), psnr_luma(image, clean), ssim(luma(image), luma(clean)))
        for (rainy, clean), image in zip(scenes, restored, strict=True)
    ]
    before, after, structure = np.mean(rows, axis=0).tolist()
    return HeldOutQuality(before, after, structure)
