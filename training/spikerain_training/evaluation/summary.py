"""Means over images, and their confidence intervals."""

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
    """A mean over images with its 95 % confidence interval.

    Attributes:
        mean: the mean; infinite if an image equals the ground truth.
        low: lower end of the interval; NaN for a single image or an infinite mean.
        high: upper end of the interval; NaN in the same cases.
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Summary:
    """Results of one method under one condition.

    Attributes:
        condition: condition of the scenes.
        method: name of the method.
        images: number of images.
        rainy: means of the rainy input, by the name of the metric (see `Quality`).
        restored: means of the method, by the name of the metric.
        gain: means of the difference between method and rainy input, by the name of the metric.
    """

    condition: str
    method: str
    images: int
    rainy: dict[str, float]
    restored: dict[str, Mean]
    gain: dict[str, Mean]

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for JSON; numbers that are not finite become None."""
        return {
            "condition": self.condition,
            "method": self.method,
            "images": self.images,
            "rainy": {name: finite(value) for name, value in self.rainy.items()},
            "restored": {name: _interval(mean) for name, mean in self.restored.items()},
            "gain": {name: _interval(mean) for name, mean in self.gain.items()},
        }


def summarise(scores: Sequence[Score], seed: int = 0) -> list[Summary]:
    """Returns means and intervals for every condition and method, in the order of the scores.

    Args:
        scores: scores of the rainy input and of all methods, for all images of every condition.
        seed: seed of the bootstrap.
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
    """Returns the mean of every column with its 95 % percentile interval (Efron 1979).

    Args:
        values: metrics, (images, metrics).
        seed: seed of the samples, which are drawn with replacement.
    """
    rng = np.random.default_rng(seed)
    count = len(values)
    # Columns with infinite values have no percentiles; their interval becomes NaN below.
    known = np.where(np.isfinite(values), values, 0.0)
    drawn = [known[rng.integers(count, size=count)].mean(axis=0) for _ in range(_RESAMPLES)]
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    means = values.mean(axis=0)
    unknown = ~np.isfinite(means) | (count < 2)
    low, high = np.where(unknown, np.nan, (low, high))
    columns = zip(means.tolist(), low.tolist(), high.tolist(), strict=True)
    return [Mean(*column) for column in columns]


def write_csv(path: Path, scores: Iterable[Score]) -> None:
    """Writes one line for each image and method; PSNR is in dB.

    The file appears complete or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["condition", "image", "method", *measure_names()])
    for score in scores:
        values = (f"{value:.6g}" for value in score.quality.values())
        writer.writerow([score.condition, score.image, score.method, *values])
    write_whole(path, text.getvalue().encode(errors="surrogateescape"))


def to_document(scores: Sequence[Score], summaries: Sequence[Summary]) -> dict[str, Any]:
    """Returns the JSON document with conversions, means and the metrics of every image.

    Numbers that are not finite become None.
    """
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
    """Returns the value, or None if it is not finite, because JSON has no number for it."""
    return value if math.isfinite(value) else None


def _summary(
    condition: str,
    method: str,
    rainy: npt.NDArray[np.float64],
    restored: npt.NDArray[np.float64],
    seed: int,
) -> Summary:
    names = measure_names()
    # The gain is 0 if both are infinite: the input has no rain and was not changed.
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
