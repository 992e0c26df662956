"""The report of `spikerain-edge profile` as a tree of records, and its JSON.

`python -m spikerain_edge.profiling.document` prints the JSON Schema of docs/profile.schema.json.
"""

from __future__ import annotations

import json
import math
from typing import Annotated, Any, Literal

import msgspec

from spikerain_edge.profiling.neuromorphic_records import Neuromorphic
from spikerain_edge.profiling.record import Record, about
from spikerain_edge.profiling.records import Row, Size

DIGITS = 7
"""Significant digits of a float in the report."""


class Clock(Record, frozen=True):
    """Clock of the fastest core, MHz."""

    current: Annotated[float, about("after the last size")]
    max: Annotated[float, about("its limit")]


class Temperature(Record, frozen=True):
    """Hottest thermal zone, degrees Celsius."""

    before: Annotated[float, about("before the first size")]
    after: Annotated[float, about("after the last size")]


class Device(Record, frozen=True):
    """The machine that was measured; `null` where the system does not tell."""

    name: Annotated[str | None, about("model of the board or machine")]
    cpu: Annotated[str | None, about("processor")]
    architecture: Annotated[str, about("such as aarch64")]
    cores: Annotated[int, about("cores this process may use")]
    threads: Annotated[int, about("threads within an operator")]
    memory_mb: Annotated[float | None, about("1e6 bytes of memory this process may use at most")]
    backend: Annotated[str, about("runtime and device that execute the graph")]
    governor: Annotated[str | None, about("cpufreq governor; several joined by a comma")]
    power_mode: Annotated[str | None, about("nvpmodel mode of a Jetson")]
    clock_mhz: Clock | None
    temperature_c: Temperature | None
    throttling: Annotated[
        str | None, about("whether the processor was throttled meanwhile, in words")
    ]
    os: Annotated[str, about("operating system and kernel")]
    versions: Annotated[dict[str, str], about("package: version")]


class Model(Record, frozen=True):
    """The model that was profiled."""

    name: Annotated[str, about("name of the model")]
    variant: Annotated[str, about("network it is an instance of")]
    timesteps: Annotated[int, about("T")]
    precision: Annotated[str, about("fp32, fp16 or int8")]
    parameters: Annotated[int, about("trainable parameters")]
    weight_mb: Annotated[
        float | None,
        about(
            "1e6 bytes of convolution weights and biases in the graph; null where no size could "
            "be counted"
        ),
    ]
    stride: Annotated[int, about("height and width are padded to multiples of this")]
    weights_sha256: Annotated[str, about("digest of the weights")]


class Settings(Record, frozen=True):
    """The options of the profile."""

    warmup: Annotated[int, about("frames before the timed ones")]
    iterations: Annotated[int, about("timed frames per size")]
    images: Annotated[str, about("`demo` or the folder given")]
    frames: Annotated[int, about("frames that spikes were measured on, per size")]
    neuron_pj: Annotated[
        float | None, about("picojoules per emitted spike where neurons are priced, else null")
    ]


class Price(Record, frozen=True):
    """A price list of operations."""

    name: Annotated[str, about("as in energy_mj")]
    mac_pj: Annotated[float, about("picojoules per analogue multiply-accumulate")]
    sop_pj: Annotated[float, about("picojoules per synaptic operation")]
    neuron_pj: Annotated[
        float | None, about("picojoules per emitted spike; null: neurons are free")
    ]
    source: Annotated[str, about("where the prices come from")]
    leaves_out: Annotated[str, about("what they leave out")]


class PowerLaw(Record, frozen=True):
    """`value = constant * pixels ** exponent`, fitted by least squares on logarithms."""

    exponent: Annotated[float, about("1 where the value is proportional to the pixels")]
    r2: Annotated[float, about("share of the variance of the logarithms that the law explains")]


class LargestSize(Record, frozen=True):
    """The largest square image whose peak memory is expected to fit."""

    side: Annotated[
        int | None, about("pixels, a multiple of the stride; null where `how` says why")
    ]
    how: Annotated[str, about("how this was estimated, or why it could not be")]


class Scaling(Record, frozen=True):
    """Growth with the pixels of the padded image; null with fewer than two different areas."""

    latency: Annotated[PowerLaw | None, about("mean latency")]
    operations: Annotated[PowerLaw | None, about("dense multiply-accumulates")]
    energy: Annotated[PowerLaw | None, about("energy estimated at the first price list")]
    largest_size: LargestSize


class Table1Parts(Record, frozen=True):
    """1e9 operations at 128x128 by what they belong to."""

    convolutions: Annotated[float, about("analogue convolutions, without the patch embedding")]
    batch_norm: Annotated[float, about("four operations per element")]
    pooling: Annotated[float, about("one operation per element")]


class Table1(Record, frozen=True):
    """The convention of the paper's Table 1."""

    gflops_at_128: Annotated[
        float, about("1e9: what the convention counts at 128x128 before rounding")
    ]
    parts: Table1Parts
    explanation: Annotated[str, about("why this and the dense count differ")]


class Bound(Record, frozen=True):
    """What a board allows at best for one size and precision: a bound, not a measurement."""

    imgsz: Annotated[Size, about("height, width in pixels")]
    precision: Annotated[Literal["fp16", "int8"], about("of spiking convolutions")]
    compute_ms: Annotated[float, about("multiply-accumulates at the peak rate")]
    memory_ms: Annotated[float, about("bytes moved in this precision at the peak bandwidth")]
    floor_ms: Annotated[float, about("the larger of the two")]
    fps: Annotated[float, about("frame rate that the bound allows")]
    limited_by: Annotated[Literal["compute", "memory"], about("which one that is")]


class Outlook(Record, frozen=True):
    """Bounds for a board; nothing was run on it."""

    board: Annotated[str, about("its key in boards.json")]
    name: Annotated[str, about("full name")]
    source: Annotated[str, about("where its rates were read")]
    meaning: Annotated[str, about("what the figures are and are not")]
    rows: list[Bound]


class Report(Record, frozen=True, kw_only=True):
    """Report of spikerain-edge profile."""

    device: Device
    schema: Annotated[Literal[1], about("raised by a change that would break a reader")]
    created: Annotated[str, about("UTC time, ISO 8601")]
    model: Model
    settings: Settings
    prices: list[Price]
    memory_prices: Annotated[list[str], about("sources of the prices of whole_energy, in words")]
    rows: Annotated[list[Row], about("one per image size, in the order asked for")]
    scaling: Scaling
    table1: Table1 | None
    table1_reason: Annotated[str | None, about("why every table1 is null; else null")] = None
    outlook: Annotated[Outlook | None, about("null unless asked for with --board")]
    neuromorphic: Annotated[
        Neuromorphic | None, about("null unless asked for with --neuromorphic")
    ] = None
    notes: Annotated[
        list[str],
        about("what a reader should know, such as sizes that were padded and images used"),
    ]


def as_json(report: Report) -> str:
    """Writes the report as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n"


def rounded(report: Report) -> Report:
    """Rounds all floats of a report to `DIGITS` significant digits.

    Raises:
        ValueError: one of them is not finite.
    """
    return msgspec.convert(_rounded(msgspec.to_builtins(report)), Report)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"a report cannot hold {value}")
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return value


def json_schema() -> dict[str, Any]:
    """Returns the JSON Schema (2020-12) of a report."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {**dialect, **msgspec.json.schema(Report)}


if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=2))
