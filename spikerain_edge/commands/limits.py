"""Reads the options that say how recordings are cut and kept."""

from __future__ import annotations

from collections.abc import Iterable

from spikerain_edge.errors import InputError
from spikerain_edge.stream.amounts import is_bytes, parse_bytes, parse_seconds
from spikerain_edge.stream.retention import Limits


def parse_limits(segment: str | None, keep: Iterable[str], min_free: str | None) -> Limits:
    """The limits that the options `--segment`, `--keep` and `--min-free` set.

    Args:
        segment: a length of time such as `10m`, or none.
        keep: lengths of time and amounts, such as `24h` and `20GiB`, at most one of each.
        min_free: an amount such as `2GiB`, or none.

    Raises:
        InputError: one is not valid.
    """
    seconds: float | None = None
    size: int | None = None
    for text in keep:
        if (size if is_bytes(text) else seconds) is not None:
            raise InputError("--keep is given twice", "give one time, one size, or one of each")
        if is_bytes(text):
            size = parse_bytes(text, "--keep")
        else:
            seconds = parse_seconds(text, "--keep")
    return Limits(
        segment=parse_seconds(segment, "--segment") if segment is not None else None,
        keep_seconds=seconds,
        keep_bytes=size,
        min_free=parse_bytes(min_free, "--min-free") if min_free is not None else 0,
    )
