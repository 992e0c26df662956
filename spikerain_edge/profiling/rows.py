"""Makes the row of a report for one image size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

import msgspec

from spikerain_edge.inference import Activity
from spikerain_edge.profiling import power
from spikerain_edge.profiling.energy import PriceList, ann_energy_mj, as_ann, energy_mj
from spikerain_edge.profiling.latency import mean_interval, percentiles_ms
from spikerain_edge.profiling.measurement import StageTimes, Timing
from spikerain_edge.profiling.operations import GraphCount, LayerCount
from spikerain_edge.profiling.published import PublishedCount, table1_row
from spikerain_edge.profiling.records import (
    Latency,
    LayerRow,
    Macs,
    Measured,
    NeuronRow,
    Rail,
    Row,
    Size,
    StageMedians,
)
from spikerain_edge.profiling.spikes import Spikes, count_spikes, neuron_count
from spikerain_edge.profiling.whole_energy import Comparison, compare_all, whole_energy
from spikerain_edge.spec import ModelSpec


@dataclass(frozen=True)
class Findings:
    """Measurements of one image size; None where a measurement failed.

    Attributes:
        size: requested height and width.
        padded: height and width of the padded image that the graph reads.
        frames: number of images that the activity was measured on.
        timing: measured times, memory and power.
        count: operations.
        activity: activity of the neurons.
        problem: why timing or count is missing; else empty.
        spikes_reason: why activity is missing; else empty.
    """

    size: Size
    padded: Size
    frames: int = 0
    timing: Timing | None = None
    count: GraphCount | None = None
    activity: Activity | None = None
    problem: str = ""
    spikes_reason: str = ""

    @property
    def pixels(self) -> int:
        """Area of the padded image."""
        return self.padded[0] * self.padded[1]


def build_row(
    found: Findings,
    spec: ModelSpec,
    prices: Sequence[PriceList],
    published: PublishedCount | None,
) -> Row:
    """Makes one row of a report.

    Args:
        found: what is known about the size.
        spec: the model.
        prices: what operations cost.
        published: what Table 1's convention counts at 128x128; None if that is not known.
    """
    timing, count, activity = found.timing, found.count, found.activity
    spikes = count_spikes(spec, count, activity) if count and activity else None
    whole = compare_all(spec, count, spikes) if count and spikes else []
    as_is = {each.name: _energy(count, spikes, each) for each in prices}
    dense = {each.name: ann_energy_mj(count.dense_macs, each) if count else None for each in prices}
    table1 = None
    if published:
        table1 = table1_row(published, spec.variant, spec.timesteps, *found.padded)
    return Row(
        imgsz=found.size,
        padded=found.padded,
        problem=found.problem or None,
        latency_ms=latency_ms(timing.stages.whole) if timing else None,
        stage_ms=_stages(timing.stages) if timing else None,
        fps=1 / fmean(timing.stages.whole) if timing else None,
        peak_memory_mb=timing.peak * 1e-6 if timing else None,
        gmacs=_macs(count) if count else None,
        bytes_moved_mb=count.moved_bytes * 1e-6 if count else None,
        firing_rate=spikes.rate if spikes else None,
        spikes_per_frame=spikes.per_frame if spikes else None,
        gsops=spikes.total_operations * 1e-9 if spikes else None,
        spikes_reason=found.spikes_reason or found.problem or None if not spikes else None,
        energy_mj={**as_is, **{as_ann(name): energy for name, energy in dense.items()}},
        energy_ratio={name: _ratio(dense[name], as_is[name]) for name in as_is},
        neuron_energy_mj=_neuron_energy(spikes, prices[0].neuron),
        whole_energy=[whole_energy(each) for each in whole],
        table1=table1,
        measured=_measured(timing, found.problem),
        layers=[_layer(each, spikes, prices, whole) for each in count.layers] if count else [],
        neurons=neuron_rows(spec, activity, *found.padded) if activity else [],
    )


def latency_ms(seconds: Sequence[float]) -> Latency:
    """Summarises times.

    Args:
        seconds: wall time of each frame, at least one.
    """
    low, high = mean_interval(seconds)
    return Latency(
        **percentiles_ms(seconds),
        mean=fmean(seconds) * 1e3,
        min=min(seconds) * 1e3,
        ci95=(low * 1e3, high * 1e3),
        iterations=len(seconds),
    )


def neuron_rows(spec: ModelSpec, activity: Activity, height: int, width: int) -> list[NeuronRow]:
    """Returns what every layer of neurons did on images of a (padded) size."""
    return [
        NeuronRow(
            name=layer.name,
            channels=layer.channels,
            count=neuron_count(layer, height, width),
            firing_rate_per_timestep=[float(rate) for rate in rates],
            silent_share=float(silent),
        )
        for layer, rates, silent in zip(spec.neurons, activity.rates, activity.silent, strict=True)
    ]


def _stages(stages: StageTimes) -> StageMedians:
    return StageMedians(
        pre=median(stages.pre) * 1e3,
        engine=median(stages.engine) * 1e3,
        post=median(stages.post) * 1e3,
    )


def _macs(count: GraphCount) -> Macs:
    return Macs(
        dense=count.dense_macs * 1e-9,
        analog=count.analog_macs * 1e-9,
        spiking=count.spiking_macs * 1e-9,
    )


def _energy(count: GraphCount | None, spikes: Spikes | None, prices: PriceList) -> float | None:
    if count is None or spikes is None:
        return None
    return energy_mj(count.analog_macs, spikes.total_operations, prices, spikes.per_frame)


def _ratio(dense: float | None, as_is: float | None) -> float | None:
    return dense / as_is if dense and as_is else None


def _neuron_energy(spikes: Spikes | None, picojoules: float | None) -> float | None:
    if spikes is None or picojoules is None:
        return None
    return spikes.per_frame * picojoules * 1e-9


def _layer(
    layer: LayerCount,
    spikes: Spikes | None,
    prices: Sequence[PriceList],
    whole: Sequence[Comparison],
) -> LayerRow:
    watched = spikes if layer.spiking else None
    operations = watched.operations[layer.name] if watched else None
    known = watched is not None or not layer.spiking
    macs = 0 if layer.spiking else layer.macs
    return LayerRow(
        name=layer.name,
        kind="spiking" if layer.spiking else "analog",
        gmacs=layer.macs * 1e-9,
        gsops=None if operations is None else operations * 1e-9,
        firing_rate=watched.input_rates[layer.name] if watched else None,
        energy_mj={
            each.name: energy_mj(macs, operations or 0, each) if known else None for each in prices
        },
        break_even_rate={each.precision: each.layers[layer.name] for each in whole}
        if watched
        else None,
    )


def _measured(timing: Timing | None, problem: str) -> Measured:
    """Returns what the rails said. The first stands for the machine; they may overlap."""
    used = timing.power if timing else None
    if timing is None or used is None or used.rail is None:
        return Measured(
            joules_per_frame=None,
            net_joules_per_frame=None,
            rail=None,
            reason=used.reason if used else problem,
            idle_watts=None,
            watts=None,
            rails=[],
        )
    first = power.RailEnergy(used.rail, used.joules, used.idle_watts, used.net_joules, used.reason)
    rails = [_rail(rail, timing.frames, used.seconds) for rail in (first, *used.others)]
    return Measured(**msgspec.structs.asdict(rails[0]), rails=rails)


def _rail(rail: power.RailEnergy, frames: int, seconds: float) -> Rail:
    joules, net = rail.joules, rail.net_joules
    return Rail(
        joules_per_frame=None if joules is None else joules / frames,
        net_joules_per_frame=None if net is None else net / frames,
        rail=rail.rail,
        reason=rail.reason or None,
        idle_watts=rail.idle_watts,
        watts=None if joules is None else joules / seconds,
    )
