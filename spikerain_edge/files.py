"""Writes files whole, and keeps what is written from replacing what is read."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from spikerain_edge.errors import InputError


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file that appears whole or not at all.

    A device or a pipe, such as `/dev/null`, is written to directly.

    Raises:
        OSError: it cannot be written; what was there before is untouched.
    """
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError:
        with suppress(OSError):
            partial.unlink()
        raise


def require_distinct(destinations: Iterable[str], read: Iterable[Path]) -> None:
    """Refuses destinations that would replace each other or a file that is read.

    Args:
        destinations: paths that will be written; `-`, standard output, is passed over.
        read: inputs and models.

    Raises:
        InputError: two of them are one file.
    """
    taken = {path.resolve(): "is read" for path in read}
    for destination in destinations:
        place = Path(destination).resolve()
        if destination != "-" and place in taken and not _is_device(place):
            raise InputError(
                f"{destination} {taken[place]}, writing it would replace that",
                "give every output a place of its own",
            )
        taken[place] = "is named twice"


def _is_device(place: Path) -> bool:
    return place.exists() and not place.is_file() and not place.is_dir()
