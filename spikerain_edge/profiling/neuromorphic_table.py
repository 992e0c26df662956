"""The table of neuromorphic chips for a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType

from spikerain_edge.profiling.cells import number, paragraph, size, table
from spikerain_edge.profiling.neuromorphic_records import Neuromorphic


def neuromorphic_table(found: Neuromorphic) -> RenderableType:
    """Makes the table, with what its figures mean and where they are from."""
    rows = table(
        "a frame on neuromorphic chips, arithmetic from published figures",
        found.rows,
        [
            ("size", lambda row: size(row.imgsz)),
            ("chip", lambda row: row.chip),
            ("M neurons", lambda row: number(row.neurons * 1e-6)),
            ("M updates", lambda row: number(row.updates * 1e-6)),
            ("GSOPs", lambda row: number(row.gsops)),
            ("cores", lambda row: f"{row.cores:,}"),
            ("chips", lambda row: f"{row.chips:,}"),
            ("mJ", lambda row: number(row.energy_mj)),
            ("host GMACs", lambda row: number(row.host_gmacs)),
        ],
    )
    return Group(rows, *map(paragraph, [found.meaning, *found.sources]))
