"""Profiles a model at several image sizes and makes the report of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timezone

from spikerain_edge.cores import usable_cores
from spikerain_edge.inference import Derainer
from spikerain_edge.profiling.boards import find_board, outlook
from spikerain_edge.profiling.child import Child
from spikerain_edge.profiling.device import describe_device, read_health
from spikerain_edge.profiling.document import (
    Device,
    LargestSize,
    Model,
    PowerLaw,
    Price,
    Report,
    Scaling,
    Settings,
    rounded,
)
from spikerain_edge.profiling.energy import VLIF_NEURON_PJ, PriceList, price_lists
from spikerain_edge.profiling.examination import Frames, ProfileOptions, examine
from spikerain_edge.profiling.memory_prices import MemoryPrices
from spikerain_edge.profiling.neuromorphic import neuromorphic
from spikerain_edge.profiling.neuromorphic_records import Neuromorphic
from spikerain_edge.profiling.operations import GraphCount, count_operations
from spikerain_edge.profiling.published import REFERENCE_SIDE, published_count, table1_summary
from spikerain_edge.profiling.records import Row
from spikerain_edge.profiling.rows import Findings, build_row
from spikerain_edge.profiling.scaling import (
    LEAST_GROWTH,
    MemoryUse,
    fit_power_law,
    largest_side,
    largest_use,
)
from spikerain_edge.profiling.spikes import count_spikes
from spikerain_edge.spec import ModelSpec
from spikerain_edge.system import available_memory


def profile(
    options: ProfileOptions,
    frames: Frames,
    start: Callable[[], Child] = Child,
    previous: Frames | None = None,
) -> Report:
    """Profiles a model and returns the report that docs/profile.md describes.

    Every size runs in a process of its own, so that its peak memory is not that of another size,
    and a size that does not fit costs its row and not the report.

    Args:
        options: what to profile.
        frames: makes the frames (height, width, 3 uint8 BGR) of a size.
        start: makes the process that a size runs in.
        previous: makes the frame before each, for a model that reads it; None for still pictures.

    Raises:
        SpikeRainError: the model cannot be used, or the provider or the board is not known.
    """
    if options.board:
        find_board(options.board)
    with Derainer.load(options.model, provider=options.provider, threads=1) as derainer:
        spec, backend = derainer.spec, derainer.backend
    reference = _count_reference(spec)
    before = read_health()
    found = [examine(options, size, spec, frames, start, previous) for size in options.sizes]
    threads = options.threads or usable_cores()
    device = describe_device(before, read_health(), threads=threads, backend=backend)
    return rounded(assemble(options, device, spec, reference, found))


def _count_reference(spec: ModelSpec) -> GraphCount | None:
    """Counts at the size that Table 1 starts from; None if the model does not take that size."""
    size = (REFERENCE_SIDE, REFERENCE_SIDE)
    if spec.height and (spec.height, spec.width) != size:
        return None
    return count_operations(spec, *size)


def assemble(
    options: ProfileOptions,
    device: Device,
    spec: ModelSpec,
    reference: GraphCount | None,
    found: Sequence[Findings],
) -> Report:
    """Makes the report of what was found out.

    Args:
        options: what was profiled.
        device: the machine.
        spec: the model.
        reference: its operations at 128x128; None if it does not take that size.
        found: what was found out about each size.
    """
    prices = price_lists(VLIF_NEURON_PJ if options.neuron_cost else None)
    published = published_count(reference) if reference else None
    rows = [build_row(each, spec, prices, published) for each in found]
    counts = [(each.size, each.count) for each in found if each.count]
    return Report(
        device=device,
        schema=1,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        model=_model(spec, [reference, *(each.count for each in found)]),
        settings=_settings(options, found, prices),
        prices=[_price(each) for each in prices],
        memory_prices=MemoryPrices.load().sources,
        rows=rows,
        scaling=_scaling(found, rows, prices[0].name, spec.stride),
        table1=table1_summary(published) if published else None,
        table1_reason=None if published else _unpublished(spec),
        outlook=outlook(options.board, counts) if options.board else None,
        neuromorphic=_on_chips(spec, found) if options.neuromorphic else None,
        notes=_notes(options, found, spec),
    )


def _on_chips(spec: ModelSpec, found: Sequence[Findings]) -> Neuromorphic:
    """Computes what neuromorphic chips need for the sizes whose spikes are known."""
    known = [
        (each.size, each.count, count_spikes(spec, each.count, each.activity))
        for each in found
        if each.count and each.activity
    ]
    return neuromorphic(spec, known)


def _unpublished(spec: ModelSpec) -> str:
    side = REFERENCE_SIDE
    return (
        f"No figures of Table 1: its convention counts at {side}x{side}, and this model takes "
        f"{spec.width}x{spec.height} only. One exported without --imgsz has them."
    )


def _model(spec: ModelSpec, counts: Sequence[GraphCount | None]) -> Model:
    weight_bytes = next((count.weight_bytes for count in counts if count), None)
    return Model(
        name=spec.name,
        variant=spec.variant,
        timesteps=spec.timesteps,
        precision=spec.precision,
        parameters=spec.parameters,
        weight_mb=None if weight_bytes is None else weight_bytes * 1e-6,
        stride=spec.stride,
        weights_sha256=spec.weights_sha256,
    )


def _settings(
    options: ProfileOptions, found: Sequence[Findings], prices: Sequence[PriceList]
) -> Settings:
    return Settings(
        warmup=options.warmup,
        iterations=options.iterations,
        images=options.images,
        frames=max((each.frames for each in found), default=0),
        neuron_pj=prices[0].neuron,
    )


def _price(prices: PriceList) -> Price:
    return Price(
        name=prices.name,
        mac_pj=prices.mac,
        sop_pj=prices.synaptic_operation,
        neuron_pj=prices.neuron,
        source=prices.source,
        leaves_out=prices.leaves_out,
    )


def _scaling(found: Sequence[Findings], rows: Sequence[Row], prices: str, stride: int) -> Scaling:
    pixels = [each.pixels for each in found]
    return Scaling(
        latency=_fit(pixels, [row.latency_ms.mean if row.latency_ms else None for row in rows]),
        operations=_fit(pixels, [row.gmacs.dense if row.gmacs else None for row in rows]),
        energy=_fit(pixels, [row.energy_mj[prices] for row in rows]),
        largest_size=_largest(found, stride),
    )


def _fit(pixels: Sequence[int], values: Sequence[float | None]) -> PowerLaw | None:
    known = [(area, value) for area, value in zip(pixels, values, strict=True) if value]
    law = fit_power_law([area for area, _ in known], [value for _, value in known])
    if law is None:
        return None
    # Products on global means do not grow: beyond four decimals, operations are not exactly 1.
    return PowerLaw(exponent=round(law.exponent, 4), r2=round(law.r2, 4))


def _largest(found: Sequence[Findings], stride: int) -> LargestSize:
    uses = [
        MemoryUse(each.pixels, each.timing.loaded, each.timing.peak)
        for each in found
        if each.timing
    ]
    available, largest = available_memory(), largest_use(uses)
    if available is None or largest is None:
        return LargestSize(None, "no estimate: memory in use or available is not known")
    side = largest_side(uses, available, stride)
    if side is None:
        return LargestSize(
            None,
            f"no estimate: frames of the largest size added {largest.growth * 1e-6:.0f} MB "
            f"to the model, less than the {LEAST_GROWTH * 1e-6:.0f} MB that can be extrapolated; "
            "measure a larger one",
        )
    return LargestSize(
        side,
        "estimated, nothing was run there: peak memory of the largest size measured, grown "
        f"with the pixels to the {available * 1e-6:.0f} MB available",
    )


def _notes(options: ProfileOptions, found: Sequence[Findings], spec: ModelSpec) -> list[str]:
    notes = [
        f"{width}x{height} is padded to {padded[1]}x{padded[0]}: the model works on multiples of "
        f"{spec.stride}; operations, spikes and energy are those of the padded image"
        for (height, width), padded in ((each.size, each.padded) for each in found)
        if (height, width) != padded
    ]
    return [
        *notes,
        *filter(None, [options.model_note, options.frames_note]),
        "The patch embedding sees the same image at every timestep, runs once and is counted once.",
        f"Energy in mJ is estimated from operations over T = {spec.timesteps} timesteps; measured "
        "energy, in joules, is what a power rail of this machine said.",
    ]
