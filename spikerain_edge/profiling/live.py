"""What frames cost while they run: dense operations of all, spikes of sampled ones."""

from __future__ import annotations

from dataclasses import dataclass

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
        firing_rate: share of neurons that fire in a timestep, mean over the sampled frames; none
            if unprobed.
        gsops: synaptic operations, 1e9; none if unprobed.
        energy_mj: estimated energy of the operations, millijoules; none if unprobed.
    """

    gmacs: float
    firing_rate: float | None
    gsops: float | None
    energy_mj: float | None


class CostMeter:
    """Adds up what frames cost.

    Args:
        spec: the model that runs.
    """

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec
        self._frames = self._sampled = 0
        self._macs = self._analog = 0.0
        self._rate = self._sops_per_mac = 0.0

    def add(self, height: int, width: int, rates: npt.NDArray[np.float32] | None = None) -> None:
        """Notes a frame of a (padded) size; `rates` (layers, T) where it was probed."""
        macs = self._spec.macs(height, width)
        self._frames += 1
        self._macs += macs
        self._analog += self._spec.analog_macs(height, width)
        if rates is not None:
            self._sampled += 1
            self._rate += firing_rate(self._spec, rates)
            self._sops_per_mac += self._spec.synaptic_operations(height, width, rates) / macs

    def mean(self) -> FrameCost | None:
        """Mean cost over all frames noted; none before the first."""
        if not self._frames:
            return None
        macs, analog = self._macs / self._frames, self._analog / self._frames
        if not self._sampled:
            return FrameCost(macs * 1e-9, None, None, None)
        sops = macs * self._sops_per_mac / self._sampled
        return FrameCost(
            gmacs=macs * 1e-9,
            firing_rate=self._rate / self._sampled,
            gsops=sops * 1e-9,
            energy_mj=energy_mj(analog, sops, snn_derain()),
        )
