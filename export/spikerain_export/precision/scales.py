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
LARGEST_LEVEL = 127
"""Largest signed level; the least is its negative."""
# Largest bias in steps of the weights: a quarter of the range of a 32-bit accumulator. A channel
# without weights gets a step with which float32 represents the bias exactly.
_MOST_BIAS, _USUAL_BIAS = 1 << 30, 1 << 20
_TAILS = (0.0, 1e-3, 5e-3, 0.02, 0.05, 0.1, 0.2)


@dataclass(frozen=True)
class OutputScale:
    """How a convolution rounds its output to unsigned bytes: `q = clip(round(x / scale) + zero)`.

    Attributes:
        scale: step between two levels.
        zero: the byte that represents 0.
    """

    scale: float
    zero: int

    def round(self, values: Floats) -> Floats:
        """Rounds values to bytes and converts them back."""
        levels = np.clip(np.rint(values / np.float32(self.scale)) + self.zero, 0, _LEVELS)
        rounded: Floats = ((levels - self.zero) * np.float32(self.scale)).astype(np.float32)
        return rounded


@dataclass(frozen=True)
class Neuron:
    """A LIF neuron: `V = decay * R + I`; it fires if `V` reaches the threshold."""

    decay: float
    threshold: float

    def spikes(self, currents: Floats) -> npt.NDArray[np.bool_]:
        """Returns the spikes (T, N) of currents (T, N); a spike resets the potential to 0."""
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
    """Rounds weights to symmetric signed bytes, with one scale per output channel.

    Args:
        weight: float32 (outputs, inputs, k, k).
        bias: float32 (outputs,), if the runtime adds it as 32-bit integers in steps of the
            weights. A channel with small weights then gets steps large enough for its bias.

    Returns:
        int8 of the same shape in -127..127, and float32 (outputs,): `weight ~ bytes * scale`.
    """
    scale = weight_scales(weight, bias)
    levels = np.rint(weight / scale)
    return np.clip(levels, -LARGEST_LEVEL, LARGEST_LEVEL).astype(np.int8), scale.ravel()


def weight_scales(weight: Array, bias: Array | None = None) -> Floats:
    """Returns the scales (outputs, 1, 1, 1) with which `quantise_weight` rounds."""
    peak = np.abs(weight).max(axis=(1, 2, 3)).astype(np.float64)
    offset = np.zeros_like(peak) if bias is None else np.abs(bias.astype(np.float64))
    scale = np.where(
        peak > 0, np.maximum(peak / LARGEST_LEVEL, offset / _MOST_BIAS), offset / _USUAL_BIAS
    )
    # A channel without weights and bias may have any scale except 0.
    scale = np.where((peak > 0) | (offset > 0), scale, 1)
    scales: Floats = np.maximum(scale, np.finfo(np.float32).tiny).astype(np.float32)
    return scales[:, None, None, None]


def scale_for_features(values: Floats) -> OutputScale:
    """Returns a scale with which none of `values` saturates."""
    # One level is left for the rounding of the level that represents 0.
    return _scale(min(float(values.min()), 0.0), max(float(values.max()), 0.0), _LEVELS - 1)


def scale_for_neurons(currents: Floats, neuron: Neuron) -> OutputScale:
    """Returns the scale with which the fewest spikes differ; distant values may saturate.

    The threshold is half-way between two levels, so that rounding the first current after rest
    never moves it across the threshold: its spike is exact.

    Args:
        currents: float32 (T, N), the input currents of N neurons.
        neuron: the neurons that read them.
    """
    expected = neuron.spikes(currents)

    def cost(scale: OutputScale) -> tuple[float, float]:
        rounded = scale.round(currents)
        flipped = float((neuron.spikes(rounded) != expected).mean())
        return flipped, float(np.square(rounded - currents).mean())

    aligned = (_align(_scale(*limits), neuron.threshold) for limits in _ranges(currents))
    return min(aligned, key=cost)


def _ranges(values: Floats) -> Iterator[tuple[float, float]]:
    """Yields ranges (low, high) that leave out ever larger tails; all contain 0."""
    lows = np.minimum(np.quantile(values, _TAILS), 0.0)
    highs = np.maximum(np.quantile(values, [1 - tail for tail in _TAILS]), 0.0)
    return product(np.unique(lows).tolist(), np.unique(highs).tolist())


def _scale(low: float, high: float, levels: int = _LEVELS) -> OutputScale:
    scale = float(np.float32((high - low) / levels)) or 1.0
    return OutputScale(scale, round(min(max(-low / scale, 0), _LEVELS)))


def _align(scale: OutputScale, threshold: float) -> OutputScale:
    """Moves a scale so that the threshold is in its range, half-way between two levels.

    At most 127 levels lie below the threshold: neurons in bytes count in half levels.
    """
    steps = min(max(round(threshold / scale.scale - 0.5), 0), LARGEST_LEVEL) + 0.5
    room = int(steps + 0.5)
    return OutputScale(float(np.float32(threshold / steps)), min(scale.zero, _LEVELS - room))
