"""Scales of 8-bit weights and of 8-bit convolution outputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]

_LEVELS = 255
_LARGEST = 127
# How many steps of the weights a bias may count: a quarter of what an accumulator of 32 bits holds,
# and where there are no weights, as many as float32 tells apart.
_MOST_BIAS, _USUAL_BIAS = 1 << 30, 1 << 20
_TAILS = (0.0, 1e-3, 5e-3, 0.02, 0.05, 0.1, 0.2)


@dataclass(frozen=True)
class OutputScale:
    """How a convolution's output is rounded to unsigned bytes: `q = clip(round(x / scale) + zero)`.

    Attributes:
        scale: step between two levels.
        zero: the byte that stands for 0.
    """

    scale: float
    zero: int

    def round(self, values: Floats) -> Floats:
        """What is left of `values` after rounding to bytes and back."""
        levels = np.clip(np.rint(values / np.float32(self.scale)) + self.zero, 0, _LEVELS)
        rounded: Floats = ((levels - self.zero) * np.float32(self.scale)).astype(np.float32)
        return rounded


@dataclass(frozen=True)
class Neuron:
    """What decides whether a current makes a spike: `V = decay * R + I`, fired at the threshold."""

    decay: float
    threshold: float

    def spikes(self, currents: Floats) -> npt.NDArray[np.bool_]:
        """Spikes (T, N) of the currents (T, N); the potential is reset to 0 by a spike."""
        rest = np.zeros_like(currents[0])
        fired = []
        for current in currents:
            potential = np.float32(self.decay) * rest + current
            fired.append(potential >= np.float32(self.threshold))
            rest = np.where(fired[-1], np.float32(0), potential)
        return np.stack(fired)


def quantise_weight(
    weight: Array, bias: Array | None = None
) -> tuple[npt.NDArray[np.int8], Floats]:
    """Symmetric signed bytes per output channel.

    Args:
        weight: float32 (outputs, inputs, k, k).
        bias: float32 (outputs,), where it is counted in steps of the weights in 32 bits: a channel
            of weak weights then gets steps that its bias can be counted in.

    Returns:
        int8 of the same shape in -127..127, and float32 (outputs,): `weight ~ bytes * scale`.
    """
    peak = np.abs(weight).max(axis=(1, 2, 3)).astype(np.float64)
    offset = np.zeros_like(peak) if bias is None else np.abs(bias.astype(np.float64))
    scale = np.where(
        peak > 0, np.maximum(peak / _LARGEST, offset / _MOST_BIAS), offset / _USUAL_BIAS
    )
    # A channel without weights and bias may have any scale but 0.
    scale = np.where((peak > 0) | (offset > 0), scale, 1)
    scale = np.maximum(scale, np.finfo(np.float32).tiny).astype(np.float32)
    levels = np.rint(weight / scale[:, None, None, None])
    return np.clip(levels, -_LARGEST, _LARGEST).astype(np.int8), scale


def scale_for_features(values: Floats) -> OutputScale:
    """The scale that rounds `values` with the least mean square error."""
    return min(
        (_scale(low, high) for low, high in _ranges(values)),
        key=lambda scale: float(np.square(scale.round(values) - values).mean()),
    )


def scale_for_neurons(currents: Floats, neuron: Neuron) -> OutputScale:
    """The scale with which the fewest spikes differ; far from the threshold it may saturate.

    The threshold lies half-way between two levels. A potential that starts from rest is then
    rounded to the side of the threshold on which it lies, and its spike is exact.

    Args:
        currents: (T, N), what flows into N neurons.
        neuron: what they feed.
    """
    expected = neuron.spikes(currents)

    def cost(scale: OutputScale) -> tuple[float, float]:
        rounded = scale.round(currents)
        flipped = float((neuron.spikes(rounded) != expected).mean())
        return flipped, float(np.square(rounded - currents).mean())

    aligned = (_align(_scale(*limits), neuron.threshold) for limits in _ranges(currents))
    return min(aligned, key=cost)


def _ranges(values: Floats) -> Iterator[tuple[float, float]]:
    """Ranges that leave out more and more of the tails; all contain 0."""
    lows = np.minimum(np.quantile(values, _TAILS), 0.0)
    highs = np.maximum(np.quantile(values, [1 - tail for tail in _TAILS]), 0.0)
    return product(np.unique(lows).tolist(), np.unique(highs).tolist())


def _scale(low: float, high: float) -> OutputScale:
    scale = float(np.float32((high - low) / _LEVELS)) or 1.0
    return OutputScale(scale, round(min(max(-low / scale, 0), _LEVELS)))


def _align(scale: OutputScale, threshold: float) -> OutputScale:
    """A scale near `scale` with `threshold` half-way between two levels and inside the range."""
    steps = min(max(round(threshold / scale.scale - 0.5), 0), _LEVELS - 1) + 0.5
    room = int(steps + 0.5)
    return OutputScale(float(np.float32(threshold / steps)), min(scale.zero, _LEVELS - room))
