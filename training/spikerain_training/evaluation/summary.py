"""Means over images and how certain they are."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikerain_edge.files import write_whole
from spikerain_edge.images.metrics import measure_names
from spikerain_training.evaluation.outcomes import RAINY, Score

CONVERSIONS = {"y": "MATLAB luma (BT.601, 16 to 235)", "rgb": "RGB"}
_RESAMPLES = 2000


@dataclass(frozen=True)
class Mean:
    """A mean over images with its 95 % interval.

    Attributes:
        mean: infinite where a picture equals the truth.
        low: lower end; not a number for a single image or an infinite mean.
        high: upper end; likewise.
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Summary:
    """A method under a condition.

    Attributes:
        condition: severity or data set.
        method: name of the method.
        images: number of images.
        rainy: mean of the rainy input, by measure (see `Quality`).
        restored: mean of the method, by measure.
        gain: mean of the difference to the rainy input, image by image, by measure.
    """

    condition: str
    method: str
    images: int
    rainy: dict[str, float]
    restored: dict[str, Mean]
    gain: dict[str, Mean]

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it: null for what is not finite."""
        return {
            "condition": self.condition,
            "method": self.method,
            "images": self.images,
            "rainy": {name: finite(value) for name, value in self.rainy.items()},
            "restored": {name: _interval(mean) for name, mean in self.restored.items()},
            "gain": {name: _interval(mean) for name, mean in self.gain.items()},
        }


def summarise(scores: Sequence[Score], seed: int = 0) -> list[Summary]:
    """Means and intervals for every condition and method, in the order of appearance.

    Args:
        scores: of the rainy input and of methods; every method on every image of a condition.
        seed: of the bootstrap.
    """
    groups: dict[tuple[str, str], list[list[float]]] = {}
    for score in scores:
        groups.setdefault((score.condition, score.method), []).append(score.quality.values())
    summaries = []
    for (condition, method), rows in groups.items():
        if method != RAINY:
            rainy = np.array(groups[condition, RAINY])
            summaries.append(_summary(condition, method, rainy, np.array(rows), seed))
    return summaries


def bootstrap(values: npt.NDArray[np.float64], seed: int = 0) -> list[Mean]:
    """Means of columns with 95 % percentile intervals (Efron 1979), images drawn with replacement.

    Args:
        values: (images, measures).
        seed: the same seed draws the same images.
    """
    rng = np.random.default_rng(seed)
    count = len(values)
    # Percentiles cannot be taken across infinities; such columns get no interval below.
    known = np.where(np.isfinite(values), values, 0.0)
    drawn = [known[rng.integers(count, size=count)].mean(axis=0) for _ in range(_RESAMPLES)]
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    means = values.mean(axis=0)
    unknown = ~np.isfinite(means) | (count < 2)
    low, high = np.where(unknown, np.nan, (low, high))
    columns = zip(means.tolist(), low.tolist(), high.tolist(), strict=True)
    return [Mean(*column) for column in columns]


def write_csv(path: Path, scores: Iterable[Score]) -> None:
    """One line for each image and method, PSNR in dB; the file appears whole or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["condition", "image", "method", *measure_names()])
    for score in scores:
        values = (f"{value:.6g}" for value in score.quality.values())
        writer.writerow([score.condition, score.image, score.method, *values])
    write_whole(path, text.getvalue().encode())


def to_document(scores: Sequence[Score], summaries: Sequence[Summary]) -> dict[str, Any]:
    """The JSON document: conversions, means and every image; null for what is not finite."""
    images = [
        {
            "condition": score.condition,
            "image": score.image,
            "method": score.method,
            **dict(zip(measure_names(), map(finite, score.quality.values()), strict=True)),
        }
        for score in scores
    ]
    means = [summary.to_dict() for summary in summaries]
    return {"conversions": CONVERSIONS, "means": means, "images": images}


def finite(value: float) -> float | None:
    """The value itself, or none where JSON has no number for it."""
    return value if math.isfinite(value) else None


def _summary(
    condition: str,
    method: str,
    rainy: npt.NDArray[np.float64],
    restored: npt.NDArray[np.float64],
    seed: int,
) -> Summary:
    names = measure_names()
    # Infinity minus infinity: a dry input that stayed as it was has gained nothing.
    gain = np.where(rainy == restored, 0.0, restored - np.where(rainy == restored, 0.0, rainy))
    return Summary(
        condition,
        method,
        len(restored),
        dict(zip(names, rainy.mean(axis=0).tolist(), strict=True)),
        dict(zip(names, bootstrap(restored, seed), strict=True)),
        dict(zip(names, bootstrap(gain, seed), strict=True)),
    )


def _interval(mean: Mean) -> dict[str, float | None]:
    return {"mean": finite(mean.mean), "low": finite(mean.low), "high": finite(mean.high)}
