"""Cost of frames while they run: operations of all frames, spikes of sampled ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np
import numpy.typing as npt

from spikerain_edge.profiling.energy import energy_mj, snn_derain
from spikerain_edge.profiling.spikes import firing_rate
from spikerain_edge.spec import ModelSpec


@dataclass(frozen=True)
class FrameCost:
    """Mean cost of a frame.

    Attributes:
        gmacs: dense multiply-accumulates, 1e9, all timesteps and layers.
        firing_rate: share of neurons that fire in a timestep, mean over the sampled frames;
            None if unprobed.
        gsops: synaptic operations, 1e9; None if unprobed.
        energy_mj: estimated energy of the operations, millijoules; None if unprobed.
    """

    gmacs: float
    firing_rate: float | None
    gsops: float | None
    energy_mj: float | None


@dataclass(frozen=True)
class CostTotals:
    """Sums over frames; the last two over the sampled ones alone."""

    frames: int = 0
    macs: float = 0.0
    analog: float = 0.0
    sampled: int = 0
    rate: float = 0.0
    sops_per_mac: float = 0.0


class CostMeter:
    """Adds up what frames cost; `mean` may be called by another thread.

    Args:
        spec: the model that runs.

    Attributes:
        rates: firing rates (layers, T) of the latest frame that was probed; None before the first.
    """

    def __init__(self, spec: ModelSpec) -> None:
        self.rates: npt.NDArray[np.float32] | None = None
        self._spec = spec
        self._totals = CostTotals()
        self._macs_of_size: dict[tuple[int, int], tuple[float, float]] = {}

    def add(self, height: int, width: int, rates: npt.NDArray[np.float32] | None = None) -> None:
        """Adds a frame of a (padded) size, with `rates` (layers, T) if it was probed."""
        macs, analog = self._macs(height, width)
        totals = self._totals
        noted = replace(
            totals,
            frames=totals.frames + 1,
            macs=totals.macs + macs,
            analog=totals.analog + analog,
        )
        if rates is not None:
            self.rates = rates
            sops = self._spec.synaptic_operations(height, width, rates)
            noted = replace(
                noted,
                sampled=totals.sampled + 1,
                rate=totals.rate + firing_rate(self._spec, rates),
                sops_per_mac=totals.sops_per_mac + sops / macs,
            )
        self._totals = noted  # all at once, for the thread that draws the live table

    @property
    def firing_rates(self) -> dict[str, float]:
        """Share of neurons that fire, by layer, in the latest frame that was probed."""
        if self.rates is None:
            return {}
        means = self.rates.mean(axis=1).tolist()
        return dict(zip((layer.name for layer in self._spec.neurons), means, strict=True))

    @property
    def totals(self) -> CostTotals:
        """Sums over the frames so far."""
        return self._totals

    def mean(self) -> FrameCost | None:
        """Returns the mean cost of the frames so far; None before the first."""
        return mean_cost([self])

    def _macs(self, height: int, width: int) -> tuple[float, float]:
        """Returns all MACs and the analogue ones, added up once per size."""
        size = height, width
        if size not in self._macs_of_size:
            known = self._spec.macs(height, width), self._spec.analog_macs(height, width)
            self._macs_of_size[size] = known
        return self._macs_of_size[size]


def mean_cost(meters: Sequence[CostMeter]) -> FrameCost | None:
    """Returns the mean cost of the frames of several meters so far; None before the first."""
    sums = CostTotals(*map(sum, zip(*(astuple(meter.totals) for meter in meters), strict=True)))
    if not sums.frames:
        return None
    macs, analog = sums.macs / sums.frames, sums.analog / sums.frames
    if not sums.sampled:
        return FrameCost(macs * 1e-9, None, None, None)
    sops = macs * sums.sops_per_mac / sums.sampled
    return FrameCost(
        gmacs=macs * 1e-9,
        firing_rate=sums.rate / sums.sampled,
        gsops=sops * 1e-9,
        energy_mj=energy_mj(analog, sops, snn_derain()),
    )
