"""The table that `run` shows at its end."""

from __future__ import annotations

from typing import Any

from rich.markup import escape
from rich.table import Table

from spikerain_edge.profiling.whole_energy import rival_name
from spikerain_edge.stream.gate_mode import GateMode

# What breaks the sequence of frames that a video model reads.
_BREAKS = {
    "cut": "a cut",
    "size": "a change of size",
    "outage": "an outage",
    "gap": "a gap in time",
}


def summary_table(summary: dict[str, Any]) -> Table:
    """Returns the summary of a run as a table.

    Args:
        summary: as `Session.summary` returns it.
    """
    title = escape(f"spikerain-edge · {summary['model']} · {summary['backend']}")
    table = Table(title=title, show_header=False)
    table.add_column("", style="bold")
    table.add_column("", justify="right")
    table.add_row("frames", f"{summary['frames']}, {summary['dropped']} dropped")
    if len(summary["cameras"]) > 1:
        for index, camera in enumerate(summary["cameras"]):
            frames = f"{camera['frames']}, {camera['dropped']} dropped"
            table.add_row(escape(f"camera {index}, {camera['camera']}"), frames)
    if summary["options"]["gate"] is GateMode.AUTO:
        rain = summary["rain"]
        table.add_row("frames passed unchanged", f"{rain['bypassed']}, state {rain['state']}")
    if any((summary["restarts"] or {}).values()):
        table.add_row("frames without a previous one", _by_reason(summary["restarts"]))
    _add_faults(table, summary)
    table.add_row("frames per second", f"{summary['fps']:.2f}")
    _add_times(table, summary)
    _add_costs(table, summary)
    _add_outputs(table, summary)
    return table


def _add_faults(table: Table, summary: dict[str, Any]) -> None:
    if summary["corrupt"]:
        table.add_row("frames corrupt", f"{summary['corrupt']} arrived damaged", style="red")
    if summary["outages"]:
        seconds = sum(outage["seconds"] for outage in summary["outages"])
        table.add_row("outages", f"{len(summary['outages'])}, {seconds:.1f} seconds", style="red")
    if summary["missing"]:
        table.add_row("frames missing", f"{summary['missing']} could not be used", style="red")


def _by_reason(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} after {_BREAKS[name]}" for name, count in counts.items() if count)


def _add_times(table: Table, summary: dict[str, Any]) -> None:
    for title, key in (("inference", "latency_ms"), ("capture to written", "end_to_end_ms")):
        if summary[key]:
            values = " / ".join(f"{value:.1f}" for value in summary[key].values())
            table.add_row(f"{title}, ms, p50/90/95/99", values)
    if summary["age_ms"]:
        ages = " / ".join(f"{value:.1f}" for value in summary["age_ms"].values())
        table.add_row("age when written, ms, p50/99", ages)


def _add_costs(table: Table, summary: dict[str, Any]) -> None:
    table.add_row("dense GMACs per frame", f"{summary['gmacs_per_frame']:.2f}")
    if summary["gsops_per_frame"] is None:
        table.add_row("spikes and energy", "unknown: the model has no probe graph")
    else:
        rate = f"{summary['gsops_per_frame']:.3f} at a firing rate of {summary['firing_rate']:.3f}"
        table.add_row("GSOPs per frame", rate)
        operations = f"{summary['energy_mj_per_frame']:.2f} mJ"
        table.add_row("energy per frame, operations alone", operations)
        _add_whole_energy(table, summary["whole_energy"])
    measured = summary["measured_energy"]
    if measured["joules_per_frame"] is not None:
        energy = f"{measured['joules_per_frame']:.3f} J at {measured['watts']:.1f} W"
        table.add_row(escape(f"energy per frame, measured, {measured['rail']}"), energy)


def _add_whole_energy(table: Table, whole: dict[str, Any]) -> None:
    spiking, rival = whole["spiking_mj"], whole["quantised_ann_mj"]
    table.add_row("energy per frame with memory, estimated", f"{spiking:.2f} mJ")
    table.add_row(
        f"as {rival_name(whole['activation_bits'])}",
        f"{rival:.2f} mJ, {whole['ratio']:.2f} times as much",
    )
    rate = whole["break_even_rate"]
    even = "none" if rate is None else "above 1" if rate > 1 else f"{rate:.3f}"
    table.add_row("both equal at a firing rate of", even)


def _add_outputs(table: Table, summary: dict[str, Any]) -> None:
    failed = summary["error"] is not None
    for sink in summary["outputs"]:
        if failed and not sink["written"]:
            continue
        lost = "".join(f", {sink[loss]} {loss}" for loss in ("dropped", "failed") if sink[loss])
        table.add_row("written", escape(f"{sink['output']}{lost}"))
