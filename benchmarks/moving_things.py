"""Measures how well cars and walkers are derained, with video models and without.

The camera shows the painted street of the demo, behind rendered rain. At several moments four
frames in a row are derained. The PSNR of the last one, rainy and derained, is that of the pixels in
which something moves: those that differ from the empty street. The rain is as strong as `--psnr`
says of the whole rainy picture.

    python benchmarks/moving_things.py --model nano --model nano-video --pictures build/moving/
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from scenery.traffic import LOOP
from spikerain_edge.images import Image
from spikerain_edge.inference.derainer import Derainer
from spikerain_edge.stream.demo import DemoScene
from spikerain_edge.weather import Weather, sample_weather

SIZE = (360, 640)
FRAMES = 4
MOVING = 10
"""Levels by which a moving thing differs from the empty street."""

Mask = npt.NDArray[np.bool_]


def main() -> None:
    """Prints a row for each moment and the means."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", action="append", help="default: nano and nano-video")
    parser.add_argument("--kind", default="downpour", help="kind of weather")
    parser.add_argument("--psnr", type=float, default=20.0, help="of the rainy picture, in dB")
    parser.add_argument("--moments", type=int, default=6)
    parser.add_argument("--pictures", type=Path, help="folder for clean, rainy and derained frames")
    given = parser.parse_args()
    models = given.model or ["nano", "nano-video"]
    derainers = [Derainer.load(model) for model in models]
    scene = DemoScene(*SIZE)
    empty = np.median([scene.clean(index) for index in range(0, LOOP, 15)], axis=0)
    rows = []
    print("| moment | moving pixels | rainy | " + " | ".join(models) + " |")
    print("|---" * (len(models) + 3) + "|")
    for moment in range(given.moments):
        first = moment * LOOP // given.moments
        cleans = [scene.clean(first + index) for index in range(FRAMES)]
        rainies = rained(cleans, given.kind, given.psnr, moment)
        moving = moving_pixels(cleans[-1], empty)
        shown = [rainies[-1], *(derained(derainer, rainies) for derainer in derainers)]
        rows.append([masked_psnr(image, cleans[-1], moving) for image in shown])
        print(f"| {moment} | {100 * moving.mean():.1f} % | {cells(rows[-1])} |")
        if given.pictures:
            save(given.pictures, moment, [cleans[-1], *shown])
    print(f"| mean | | {cells(np.mean(rows, axis=0).tolist())} |")


def rained(cleans: list[Image], kind: str, psnr: float, seed: int) -> list[Image]:
    """Renders moving rain in front of frames; the last one has the PSNR `psnr` in dB."""
    weather = sample_weather(kind, SIZE, np.random.default_rng(seed))
    last = len(cleans) - 1
    strength = strength_for(weather, cleans[last], last, psnr)
    return [weather.render(clean, time, strength) for time, clean in enumerate(cleans)]


def strength_for(weather: Weather, clean: Image, time: float, psnr: float) -> float:
    """Searches for the strength at which weather leaves the PSNR `psnr` in dB."""
    strength = 1.0
    for _ in range(20):
        excess = cv2.PSNR(weather.render(clean, time, strength), clean) - psnr
        strength *= 10 ** (min(excess, 20.0) / 20)
    return strength


def moving_pixels(frame: Image, empty: npt.NDArray[np.float64]) -> Mask:
    """Finds pixels that do not show the empty street, (H, W)."""
    differs = (np.abs(frame - empty).max(axis=2) > MOVING).astype(np.uint8)
    return cv2.morphologyEx(differs, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)).astype(bool)


def derained(derainer: Derainer, frames: list[Image]) -> Image:
    """Derains frames in a row; returns the last one."""
    with derainer.stream() as stream:
        return [stream(frame) for frame in frames][-1]


def masked_psnr(image: Image, clean: Image, mask: Mask) -> float:
    """Returns the PSNR in dB of the pixels of a mask (H, W)."""
    error = image[mask].astype(np.float64) - clean[mask]
    return 10 * math.log10(255**2 / float(np.mean(error**2)))


def cells(values: list[float]) -> str:
    """Returns values in dB as cells of a table."""
    return " | ".join(f"{value:.1f}" for value in values)


def save(folder: Path, moment: int, images: list[Image]) -> None:
    """Writes images side by side as a PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / f"{moment}.png"), np.hstack(images))


if __name__ == "__main__":
    main()
