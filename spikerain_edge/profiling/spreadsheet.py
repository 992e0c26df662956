"""The report's rows as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import msgspec

from spikerain_edge.profiling.document import Report


def rows_as_csv(report: Report) -> str:
    """Writes one line per image size. A dot joins nested names; unknown values are empty.

    Sizes take two columns each, height and width. Layers, neurons and rails are left to the JSON.

    Args:
        report: what to write.
    """
    rows = [dict(_flat(row)) for row in msgspec.to_builtins(report.rows)]
    names = dict.fromkeys(name for row in rows for name in row)
    # What one size lacks as a whole is a group of columns for another.
    columns = [one for one in names if not any(other.startswith(f"{one}.") for other in names)]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, "", "ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict):
            yield from _flat(value, f"{key}.")
        elif name in ("imgsz", "padded"):
            height, width = value
            yield f"{key}.height", height
            yield f"{key}.width", width
        elif not isinstance(value, list | tuple):
            yield key, value
