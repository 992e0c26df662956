"""Cost of frames while they run: operations of all frames, spikes of sampled ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from spikerain_edge.profiling.energy import energy_mj, snn_derain
from spikerain_edge.profiling.memory_prices import MemoryPrices, Precision
from spikerain_edge.profiling.operations import count_operations
from spikerain_edge.profiling.spikes import firing_rate
from spikerain_edge.profiling.whole_energy import activation_bits, break_even, without_spikes
from spikerain_edge.spec import ModelSpec


@dataclass(frozen=True)
class WholeCost:
    """Estimated energy of a frame with memory traffic and updates of neurons; see `whole_energy`.

    Attributes:
        precision: number format of the weights.
        spiking_mj: the spiking network, millijoules.
        activation_bits: bits of the ANN's activations; with one, the ANN is the same network with
            multiplications instead of additions.
        quantised_ann_mj: the same topology as a quantised ANN of equal bits, run once.
        ratio: the ANN's energy / the spiking network's; below 1, the ANN needs less.
        break_even_rate: firing rate of all neurons at which both cost the same; None if the spiking
            network costs more even without spikes.
    """

    precision: Precision
    activation_bits: int
    spiking_mj: float
    quantised_ann_mj: float
    ratio: float
    break_even_rate: float | None

    def document(self) -> dict[str, Any]:
        """The fields as a summary has them, with four decimals."""
        fields = asdict(self).items()
        return {name: round(v, 4) if isinstance(v, float) else v for name, v in fields}


@dataclass(frozen=True)
class FrameCost:
    """Mean cost of a frame.

    Attributes:
        gmacs: dense multiply-accumulates, 1e9, all timesteps and layers.
        firing_rate: share of neurons that fire in a timestep, mean over the sampled frames;
            None if unprobed.
        gsops: synaptic operations, 1e9; None if unprobed.
        energy_mj: estimated energy of operations alone, millijoules; None if unprobed.
        whole: estimated energy with memory traffic; None if unprobed.
    """

    gmacs: float
    firing_rate: float | None
    gsops: float | None
    energy_mj: float | None
    whole: WholeCost | None = None


@dataclass(frozen=True)
class CostTotals:
    """Sums over frames; the last three over the sampled ones alone.

    `silent` and `rival` are picojoules: of the network when no neuron fires, and of its rival.
    """

    frames: int = 0
    macs: float = 0.0
    analog: float = 0.0
    silent: float = 0.0
    rival: float = 0.0
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
        self._costs_of_size: dict[tuple[int, int], CostTotals] = {}
        self._prices = MemoryPrices.load()

    def add(self, height: int, width: int, rates: npt.NDArray[np.float32] | None = None) -> None:
        """Adds a frame of a (padded) size, with `rates` (layers, T) if it was probed."""
        one, totals = self._of_size(height, width), self._totals
        noted = replace(
            totals,
            frames=totals.frames + 1,
            macs=totals.macs + one.macs,
            analog=totals.analog + one.analog,
            silent=totals.silent + one.silent,
            rival=totals.rival + one.rival,
        )
        if rates is not None:
            self.rates = rates
            sops = self._spec.synaptic_operations(height, width, rates)
            noted = replace(
                noted,
                sampled=totals.sampled + 1,
                rate=totals.rate + firing_rate(self._spec, rates),
                sops_per_mac=totals.sops_per_mac + sops / one.macs,
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

    @property
    def precision(self) -> Precision:
        """Number format of the weights."""
        return self._spec.precision

    @property
    def activation_bits(self) -> int:
        """Bits of the activations of the quantised ANN."""
        return activation_bits(self._spec.timesteps)

    @property
    def accumulation(self) -> float:
        """Picojoules of an accumulation in this format."""
        return self._prices.accumulate(self.precision)

    def _of_size(self, height: int, width: int) -> CostTotals:
        """Returns what a frame costs before its spikes are known, added up once per size."""
        size = height, width
        if size not in self._costs_of_size:
            count = count_operations(self._spec, height, width)
            silent, rival = without_spikes(self._spec, count, self._prices, self.precision)
            self._costs_of_size[size] = CostTotals(
                macs=self._spec.macs(height, width),
                analog=self._spec.analog_macs(height, width),
                silent=silent.total,
                rival=rival.total,
            )
        return self._costs_of_size[size]


def mean_cost(meters: Sequence[CostMeter]) -> FrameCost | None:
    """Returns the mean cost of the frames of several meters so far; None before the first."""
    sums = CostTotals(*map(sum, zip(*(astuple(meter.totals) for meter in meters), strict=True)))
    if not sums.frames:
        return None
    macs, analog = sums.macs / sums.frames, sums.analog / sums.frames
    if not sums.sampled:
        return FrameCost(macs * 1e-9, None, None, None)
    sops, rate = macs * sums.sops_per_mac / sums.sampled, sums.rate / sums.sampled
    silent, rival = sums.silent / sums.frames, sums.rival / sums.frames
    return FrameCost(
        gmacs=macs * 1e-9,
        firing_rate=rate,
        gsops=sops * 1e-9,
        energy_mj=energy_mj(analog, sops, snn_derain()),
        whole=_whole(meters[0], silent, sops * meters[0].accumulation, rival, rate),
    )


def _whole(meter: CostMeter, silent: float, fired: float, rival: float, rate: float) -> WholeCost:
    """Adds picojoules without spikes and those of accumulations up, beside the rival's."""
    spiking = silent + fired
    return WholeCost(
        precision=meter.precision,
        activation_bits=meter.activation_bits,
        spiking_mj=spiking * 1e-9,
        quantised_ann_mj=rival * 1e-9,
        ratio=rival / spiking,
        break_even_rate=break_even(rate, fired, rival - silent),
    )
