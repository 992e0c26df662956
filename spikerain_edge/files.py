"""Writes files whole, and keeps what is written from replacing what is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from spikerain_edge.errors import InputError


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file that appears whole or not at all.

    A device or a pipe, such as `/dev/null`, is written to directly.

    Raises:
        OSError: it cannot be written; what was there before is untouched.
    """
    write_together({path: content})


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Writes files that appear whole and all of them, or not at all; see `write_whole`.

    Raises:
        OSError: one cannot be written; what was there before is untouched.
    """
    with ExitStack() as failed:
        partials = {}
        for path, content in contents.items():
            if path.exists() and not path.is_file():
                path.write_bytes(content)
                continue
            partial = path.with_name(f".{path.name}.partial")
            failed.callback(_remove, partial)
            partial.write_bytes(content)
            partials[path] = partial
        for path, partial in partials.items():
            partial.replace(path)
        failed.pop_all()


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


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
