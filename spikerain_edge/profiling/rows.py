"""One row of a report: everything known about one image size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from spikerain_edge.inference import Activity
from spikerain_edge.profiling import power
from spikerain_edge.profiling.energy import PriceList, ann_energy_mj, energy_mj
from spikerain_edge.profiling.latency import median_ms, summary_ms
from spikerain_edge.profiling.measurement import Timing
from spikerain_edge.profiling.operations import GraphCount, LayerCount
from spikerain_edge.profiling.published import PublishedCount, table1_row
from spikerain_edge.profiling.spikes import Spikes, count_spikes, neuron_rows
from spikerain_edge.spec import ModelSpec

Size = tuple[int, int]


@dataclass(frozen=True)
class Findings:
    """What was found out about one size; what could not be is none.

    Attributes:
        size: height and width asked for.
        padded: height and width as the graph gets them.
        frames: how many images the neurons were watched on.
        timing: measured times, memory and power.
        count: operations.
        activity: what the neurons did.
        problem: why timing or count is missing; empty where they are not.
        spikes_reason: why activity is missing; empty where it is not.
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
) -> dict[str, Any]:
    """One row of a report.

    Args:
        found: what is known about the size.
        spec: the model.
        prices: what operations cost.
        published: what Table 1's convention counts at 128x128; none where that is not known.
    """
    count, activity = found.count, found.activity
    spikes = count_spikes(spec, count, activity) if count and activity else None
    return {
        "imgsz": list(found.size),
        "padded": list(found.padded),
        "problem": found.problem or None,
        **_times(found.timing),
        **_operations(count),
        "firing_rate": spikes.rate if spikes else None,
        "spikes_per_frame": spikes.per_frame if spikes else None,
        "gsops": spikes.total_operations * 1e-9 if spikes else None,
        "spikes_reason": found.spikes_reason or found.problem or None if not spikes else None,
        **_energies(count, spikes, prices),
        "table1": published and table1_row(published, spec.variant, spec.timesteps, *found.padded),
        "measured": _measured(found),
        "layers": [_layer(layer, spikes, prices) for layer in count.layers] if count else [],
        "neurons": neuron_rows(spec, activity, *found.padded) if activity else [],
    }


def _times(timing: Timing | None) -> dict[str, Any]:
    if timing is None:
        return dict.fromkeys(("latency_ms", "stage_ms", "fps", "peak_memory_mb"))
    stages = timing.stages
    return {
        "latency_ms": summary_ms(stages.whole),
        "stage_ms": {
            "pre": median_ms(stages.pre),
            "engine": median_ms(stages.engine),
            "post": median_ms(stages.post),
        },
        "fps": 1 / fmean(stages.whole),
        "peak_memory_mb": timing.peak * 1e-6,
    }


def _operations(count: GraphCount | None) -> dict[str, Any]:
    if count is None:
        return {"gmacs": None, "bytes_moved_mb": None}
    return {
        "gmacs": {
            "dense": count.dense_macs * 1e-9,
            "analog": count.analog_macs * 1e-9,
            "spiking": count.spiking_macs * 1e-9,
        },
        "bytes_moved_mb": count.moved_bytes * 1e-6,
    }


def _energies(
    count: GraphCount | None, spikes: Spikes | None, prices: Sequence[PriceList]
) -> dict[str, Any]:
    spiking: dict[str, float | None] = {}
    dense: dict[str, float | None] = {}
    ratios: dict[str, float | None] = {}
    for each in prices:
        as_ann = ann_energy_mj(count.dense_macs, each) if count else None
        as_is = None
        if count and spikes:
            as_is = energy_mj(count.analog_macs, spikes.total_operations, each, spikes.per_frame)
        spiking[each.name] = as_is
        dense[f"{each.name}-as-ann"] = as_ann
        ratios[each.name] = as_ann / as_is if as_ann and as_is else None
    return {
        "energy_mj": {**spiking, **dense},
        "energy_ratio": ratios,
        "neuron_energy_mj": _neuron_energy(spikes, prices[0].neuron),
    }


def _neuron_energy(spikes: Spikes | None, picojoules: float | None) -> float | None:
    if spikes is None or picojoules is None:
        return None
    return spikes.per_frame * picojoules * 1e-9


def _layer(layer: LayerCount, spikes: Spikes | None, prices: Sequence[PriceList]) -> dict[str, Any]:
    if layer.spiking:
        operations = spikes.operations[layer.name] if spikes else None
        rate = spikes.input_rates[layer.name] if spikes else None
        energy = {
            each.name: None if operations is None else energy_mj(0, operations, each)
            for each in prices
        }
    else:
        operations = rate = None
        energy = {each.name: energy_mj(layer.macs, 0, each) for each in prices}
    return {
        "name": layer.name,
        "kind": "spiking" if layer.spiking else "analog",
        "gmacs": layer.macs * 1e-9,
        "gsops": None if operations is None else operations * 1e-9,
        "firing_rate": rate,
        "energy_mj": energy,
    }


def _measured(found: Findings) -> dict[str, Any]:
    """What the rails said. The first stands for the machine; they may overlap."""
    if found.timing is None:
        return {**_nothing_measured(found.problem), "rails": []}
    frames, used = found.timing.frames, found.timing.power
    if used.rail is None:
        return {**_nothing_measured(used.reason), "rails": []}
    first = power.RailEnergy(used.rail, used.joules, used.idle_watts, used.net_joules, used.reason)
    rails = [_rail(rail, frames, used.seconds) for rail in (first, *used.others)]
    return {**rails[0], "rails": rails}


def _nothing_measured(reason: str) -> dict[str, Any]:
    names = ("joules_per_frame", "net_joules_per_frame", "rail", "idle_watts", "watts")
    return {**dict.fromkeys(names), "reason": reason}


def _rail(rail: power.RailEnergy, frames: int, seconds: float) -> dict[str, Any]:
    joules, net = rail.joules, rail.net_joules
    return {
        "joules_per_frame": None if joules is None else joules / frames,
        "net_joules_per_frame": None if net is None else net / frames,
        "rail": rail.rail,
        "reason": rail.reason or None,
        "idle_watts": rail.idle_watts,
        "watts": None if joules is None else joules / seconds,
    }
