"""Estimated energy of operations. Memory traffic is not part of it: a board draws more."""

from __future__ import annotations

from dataclasses import dataclass

VLIF_NEURON_PJ = 3.7
"""Picojoules per emitted spike for the neuron itself: VLIF, AAAI 2026."""


@dataclass(frozen=True)
class PriceList:
    """Prices of operations.

    Attributes:
        name: how reports refer to it.
        mac: picojoules per dense (analogue) multiply-accumulate.
        synaptic_operation: picojoules per synaptic operation, one accumulation for one spike.
        source: where the prices come from.
        neuron: picojoules per emitted spike; none where neurons are free.
    """

    name: str
    mac: float
    synaptic_operation: float
    source: str
    neuron: float | None = None

    @property
    def leaves_out(self) -> str:
        """What the prices do not include."""
        updates = "neuron updates" if self.neuron is None else "updates of neurons that stay silent"
        return f"memory traffic, {updates}, attention, concatenation, control"


def snn_derain(neuron: float | None = None) -> PriceList:
    """Returns the prices of the spiking deraining papers."""
    source = "SNN deraining literature; SpikeRain, WACV 2026"
    return PriceList("snn-derain", 12.5, 0.077, source, neuron)


def cmos45(neuron: float | None = None) -> PriceList:
    """Returns 32-bit float in 45 nm CMOS: a multiplication 3.7 pJ, an addition 0.9 pJ."""
    source = "M. Horowitz, Computing's energy problem, ISSCC 2014; 45 nm CMOS, 32-bit float"
    return PriceList("cmos45", 4.6, 0.9, source, neuron)


def price_lists(neuron: float | None = None) -> tuple[PriceList, ...]:
    """Returns every price list that reports use."""
    return snn_derain(neuron), cmos45(neuron)


def as_ann(name: str) -> str:
    """Names the energy of the network as if it were an ANN, at a price list."""
    return f"{name}-as-ann"


def energy_mj(
    analog_macs: float, synaptic_operations: float, prices: PriceList, spikes: float = 0.0
) -> float:
    """Computes `E = mac * MACs(analogue) + sop * SOPs(spiking) + neuron * spikes` in millijoules.

    Args:
        analog_macs: multiply-accumulates of convolutions that read no spikes.
        synaptic_operations: dense multiply-accumulates times firing rate, of the others.
        prices: what each costs.
        spikes: emitted spikes, where the list prices neurons.
    """
    picojoules = (
        analog_macs * prices.mac
        + synaptic_operations * prices.synaptic_operation
        + spikes * (prices.neuron or 0.0)
    )
    return picojoules * 1e-9


def ann_energy_mj(dense_macs: float, prices: PriceList) -> float:
    """Prices every multiply-accumulate as one, as if the network were an ANN; millijoules."""
    return energy_mj(dense_macs, 0.0, prices)
