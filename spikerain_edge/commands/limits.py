"""Parses the options for splitting, keeping and deleting recordings."""

from __future__ import annotations

from collections.abc import Iterable

from spikerain_edge.errors import InputError
from spikerain_edge.stream.amounts import is_bytes, parse_bytes, parse_seconds
from spikerain_edge.stream.retention import Limits

# Seconds of a file where old ones are deleted and nobody says how long one is: a single file could
# be deleted only as a whole.
_SEGMENT = 600.0


def parse_limits(segment: str | None, keep: Iterable[str], min_free: str | None) -> Limits:
    """Parses the options `--segment`, `--keep` and `--min-free`.

    Args:
        segment: duration of a video file, such as `10m`; if None, no limit, but ten minutes where
            `keep` is given.
        keep: age and total size to keep, such as `24h` and `20GiB`, at most one of each.
        min_free: disk space to leave free, such as `2GiB`; None for no limit.

    Raises:
        InputError: a value is not valid, or `keep` has two ages or two sizes.
    """
    seconds: float | None = None
    size: int | None = None
    for text in keep:
        if (size if is_bytes(text) else seconds) is not None:
            raise InputError(
                "--keep has two times or two sizes", "give at most one time and one size"
            )
        if is_bytes(text):
            size = parse_bytes(text, "--keep")
        else:
            seconds = _age(text)
    given = parse_seconds(segment, "--segment") if segment is not None else None
    deletes = seconds is not None or size is not None
    return Limits(
        segment=_SEGMENT if given is None and deletes else given,
        keep_seconds=seconds,
        keep_bytes=size,
        min_free=parse_bytes(min_free, "--min-free") if min_free is not None else 0,
    )


def _age(text: str) -> float:
    try:
        return parse_seconds(text, "--keep")
    except InputError as error:
        raise InputError(error.cause, "give an age such as 24h or a size such as 20GiB") from error
