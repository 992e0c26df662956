"""Means of the scores of clips, and their confidence intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikerain_training.evaluation.clip_scores import score_names
from spikerain_training.evaluation.clips import SeededScore
from spikerain_training.evaluation.outcomes import RAINY
from spikerain_training.evaluation.summary import Mean, bootstrap, finite

_Rows = dict[Path, list[list[float]]]


@dataclass(frozen=True)
class ClipSummary:
    """Means of one method under one condition.

    Attributes:
        condition: motion of the camera and strength of the rain.
        method: name of the method, or `rainy` for the input.
        clips: number of clips.
        photographs: number of photographs that they show; intervals resample these.
        mean: means by the name of the score (see `ClipScore`).
        gain: means of the difference to the first method; empty for the input and that method.
        flicker_ratio: mean flicker over that of the first method; None where `gain` is empty.
    """

    condition: str
    method: str
    clips: int
    photographs: int
    mean: dict[str, Mean]
    gain: dict[str, Mean]
    flicker_ratio: Mean | None

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for JSON; numbers that are not finite become None."""
        ratio = self.flicker_ratio
        return {
            "condition": self.condition,
            "method": self.method,
            "clips": self.clips,
            "photographs": self.photographs,
            "mean": {name: _plain(mean) for name, mean in self.mean.items()},
            "gain": {name: _plain(mean) for name, mean in self.gain.items()},
            "flicker_ratio": _plain(ratio) if ratio else None,
        }


def summarise_clips(scores: Sequence[SeededScore], seed: int = 0) -> list[ClipSummary]:
    """Returns means with 95 % intervals for every condition and method, and over all densities.

    Clips of one photograph are not independent: the bootstrap draws photographs.

    Args:
        scores: scores of the rainy input and of all methods, for all clips.
        seed: seed of the bootstrap.
    """
    groups: dict[str, dict[str, _Rows]] = {}
    # The means over all densities follow those of each density.
    for condition in (lambda scene: scene.condition, lambda scene: f"{scene.camera}, all"):
        for score in scores:
            rows = groups.setdefault(condition(score.scene), {}).setdefault(score.method, {})
            rows.setdefault(score.scene.photograph, []).append(score.score.values())
    return [
        _summary(condition, method, group, seed)
        for condition, group in groups.items()
        for method in group
    ]


def _summary(condition: str, method: str, group: dict[str, _Rows], seed: int) -> ClipSummary:
    rows = {name: _by_photograph(scores) for name, scores in group.items()}
    names, values = score_names(), rows[method]
    counts = sum(map(len, group[method].values())), len(values)
    mean = dict(zip(names, bootstrap(values, seed), strict=True))
    first = next(name for name in rows if name != RAINY)
    if method in (RAINY, first):
        return ClipSummary(condition, method, *counts, mean, {}, None)
    gain = dict(zip(names, bootstrap(values - rows[first], seed), strict=True))
    column = names.index("flicker")
    ratio = _ratio(values[:, column], rows[first][:, column], seed)
    return ClipSummary(condition, method, *counts, mean, gain, ratio)


def _by_photograph(rows: _Rows) -> npt.NDArray[np.float64]:
    """Means over the clips of each photograph, (photographs, scores)."""
    return np.array([np.mean(scores, axis=0) for scores in rows.values()])


def _ratio(values: npt.NDArray[np.float64], others: npt.NDArray[np.float64], seed: int) -> Mean:
    """Returns the ratio of two means with its 95 % interval, resampling photographs."""
    rng = np.random.default_rng(seed)
    chosen = rng.integers(len(values), size=(2000, len(values)))
    drawn = values[chosen].mean(axis=1) / others[chosen].mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5]).tolist()
    return Mean(float(values.mean() / others.mean()), low, high)


def _plain(mean: Mean) -> dict[str, float | None]:
    return {"mean": finite(mean.mean), "low": finite(mean.low), "high": finite(mean.high)}
