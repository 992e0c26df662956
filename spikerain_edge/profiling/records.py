"""One row of a report: what a frame of one image size costs.

These records are the JSON document itself: a field's name, type and description here are those of
`docs/profile.schema.json`. Units are in the names; `null` stands for what is not known.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from spikerain_edge.profiling.energy import as_ann, price_lists
from spikerain_edge.profiling.energy_records import WholeEnergy
from spikerain_edge.profiling.memory_prices import Precision
from spikerain_edge.profiling.record import Record, about

_NAMES = [prices.name for prices in price_lists()]
_PER_PRICES = {"required": _NAMES}
_PER_PRICES_AND_ANN = {"required": [*_NAMES, *map(as_ann, _NAMES)]}

Pixels = Annotated[int, Meta(ge=1)]
Size = tuple[Pixels, Pixels]
"""Height and width."""

Milliseconds = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
PerPrices = Annotated[dict[str, float | None], Meta(extra_json_schema=_PER_PRICES)]
"""A figure for each price list, by its name."""


class Latency(Record, frozen=True):
    """Milliseconds per frame, pre- and post-processing included."""

    p50: Annotated[Milliseconds, about("median")]
    p90: Annotated[Milliseconds, about("90 % of the frames took at most this")]
    p95: Annotated[Milliseconds, about("95 % of the frames took at most this")]
    p99: Annotated[Milliseconds, about("99 % of the frames took at most this")]
    mean: Annotated[Milliseconds, about("mean")]
    min: Annotated[Milliseconds, about("fastest frame")]
    ci95: Annotated[
        tuple[float, float], about("95 % confidence interval of the mean (Student's t)")
    ]
    iterations: Annotated[int, about("timed frames")]


class StageMedians(Record, frozen=True):
    """Median milliseconds per frame of each stage."""

    pre: Annotated[float, about("to check, pad and lay out the image")]
    engine: Annotated[float, about("in the engine")]
    post: Annotated[float, about("to crop")]


class Macs(Record, frozen=True):
    """1e9 multiply-accumulates of all convolutions over all timesteps."""

    dense: Annotated[float, about("as if every input were dense")]
    analog: Annotated[float, about("the part that reads features")]
    spiking: Annotated[float, about("the part that reads spikes")]


class Table1Cost(Record, frozen=True):
    """The cost of a frame by the convention of the paper's Table 1."""

    gflops: Annotated[float, about("1e9 FLOPs; not the dense count")]
    mj: Annotated[float, about("12.5 pJ for each of them, millijoules")]


class Table1Row(Table1Cost, frozen=True):
    """The cost by the convention of Table 1, and the figures that the paper prints."""

    printed: Annotated[
        Table1Cost | None,
        about("the row of Table 1; null for sizes and variants that it does not have"),
    ]
    matches: Annotated[
        bool | None, about("whether both figures equal the printed row; null where there is none")
    ]


class Reading(Record, frozen=True):
    """Energy measured at a power rail, never estimated."""

    joules_per_frame: Annotated[float | None, about("measured joules, idle power included")]
    net_joules_per_frame: Annotated[
        float | None, about("joules_per_frame less what idle_watts would have used meanwhile")
    ]
    rail: Annotated[str | None, about("name of the rail; null where there is none")]
    reason: Annotated[str | None, about("why something was not measured; else null")]
    idle_watts: Annotated[float | None, about("mean power before the first frame")]
    watts: Annotated[float | None, about("mean power while frames were processed")]


class Rail(Reading, frozen=True):
    """Energy measured at one power rail."""

    rail: Annotated[str, about("name of the rail")]


class Measured(Reading, frozen=True):
    """Energy at the power rail of the whole machine, and at every rail."""

    rails: Annotated[
        list[Rail], about("every rail, this one first. They may overlap, so do not add them")
    ]


class LayerRow(Record, frozen=True):
    """One convolution, summed over timesteps."""

    name: Annotated[str, about("where in the network it stands")]
    kind: Annotated[Literal["analog", "spiking"], about("what it reads")]
    gmacs: Annotated[float, about("1e9 dense multiply-accumulates")]
    gsops: Annotated[
        float | None, about("1e9 synaptic operations; null if analog or if spikes are unknown")
    ]
    firing_rate: Annotated[float | None, about("mean firing rate of its input; null likewise")]
    energy_mj: Annotated[PerPrices, about("estimated millijoules by price list, without neurons")]
    break_even_rate: Annotated[
        dict[Precision, float | None] | None,
        about(
            "by precision: firing rate of its input at which it costs as much as in the quantised "
            "ANN, memory traffic included; null if there is none, or if analog or unknown"
        ),
    ]


class NeuronRow(Record, frozen=True):
    """One layer of neurons."""

    name: Annotated[str, about("where in the network it stands")]
    channels: Annotated[int, about("feature channels")]
    count: Annotated[int, about("neurons at this size")]
    firing_rate_per_timestep: Annotated[
        list[Share],
        about("share of neurons that fire, one value per timestep, mean over the frames"),
    ]
    silent_share: Annotated[
        float, about("share of channels in which no neuron fires at any timestep, mean")
    ]


class Row(Record, frozen=True):
    """Everything known about one image size."""

    imgsz: Annotated[Size, about("height, width in pixels, as asked for")]
    padded: Annotated[
        Size, about("height, width as the graph gets them: multiples of the model's stride")
    ]
    problem: Annotated[
        str | None, about("why this size was not (fully) measured; null where all went well")
    ]
    latency_ms: Latency | None
    stage_ms: StageMedians | None
    fps: Annotated[
        float | None, about("frames per second, one after the other: 1000 / mean latency")
    ]
    peak_memory_mb: Annotated[
        float | None,
        about(
            "1e6 bytes: largest resident memory of a fresh process that loads the "
            "model and derains at this size; memory of a GPU is not in it"
        ),
    ]
    gmacs: Macs | None
    bytes_moved_mb: Annotated[
        float | None,
        about(
            "1e6 bytes, in the graph's types: the weights, the input and the output of "
            "every convolution, each once. Running one convolution at a time cannot avoid them"
        ),
    ]
    firing_rate: Annotated[
        float | None,
        about("share of neurons that fire in a timestep: spikes_per_frame / (neurons x timesteps)"),
    ]
    spikes_per_frame: Annotated[
        float | None, about("spikes of all neurons over all timesteps, mean over the frames")
    ]
    gsops: Annotated[
        float | None,
        about(
            "1e9 synaptic operations: dense multiply-accumulates times the firing rate "
            "of the input, summed over spiking convolutions"
        ),
    ]
    spikes_reason: Annotated[
        str | None,
        about("why firing rates, spikes, gsops and spike-based energies are null; else null"),
    ]
    energy_mj: Annotated[
        dict[str, float | None],
        about(
            "estimated millijoules per frame by price list; with -as-ann, of the same "
            "network as if it were an ANN: all dense multiply-accumulates at the price of one",
            extra_json_schema=_PER_PRICES_AND_ANN,
        ),
    ]
    energy_ratio: Annotated[
        PerPrices, about("by price list: energy as if an ANN / energy of the spiking network")
    ]
    neuron_energy_mj: Annotated[
        float | None,
        about(
            "the part of energy_mj that neurons' spikes cost; null unless asked for "
            "with --neuron-cost (and spikes are known)"
        ),
    ]
    whole_energy: Annotated[
        list[WholeEnergy],
        about("for each precision, memory traffic included; empty where spikes are unknown"),
    ]
    table1: Table1Row | None
    measured: Measured
    layers: Annotated[list[LayerRow], about("every convolution, in the order of execution")]
    neurons: Annotated[list[NeuronRow], about("every neuron layer; empty where spikes are unknown")]
