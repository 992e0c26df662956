"""Writes files whole, and keeps what is written from replacing what is read."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from spikerain_edge.errors import InputError


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file that appears whole or not at all.

    A device or a pipe, such as `/dev/null`, is written to directly; a link stays one.

    Raises:
        OSError: it cannot be written, and names the file; what was there before is untouched.
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
            place = path.resolve()
            partial = path if _is_device(path) else partial_name(place)
            if partial != path:
                failed.callback(_remove, partial)
                partials[place] = partial
            with _named(path):
                partial.write_bytes(content)
        for place, partial in partials.items():
            partial.replace(place)
        failed.pop_all()


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Puts the path that a user knows into an error of the system, which may name none."""
    try:
        yield
    except OSError as error:
        error.filename = str(path)
        raise


def partial_name(path: Path) -> Path:
    """A hidden name beside `path` for a file that is not complete; no two calls give the same one.

    It keeps the suffix and is never longer than a file system allows.
    """
    return path.with_name(f".{path.stem[:40]}.{secrets.token_hex(4)}.partial{path.suffix[:16]}")


def require_writable(path: Path) -> None:
    """Looks, before long work, whether its result can be written by `write_whole`.

    Raises:
        InputError: it cannot.
    """
    place = path.resolve()
    if _is_device(path):
        touched = [path]
    else:
        touched = [place, place.parent] if place.exists() else [place.parent]
    if place.is_dir() or not all(os.access(each, os.W_OK) for each in touched):
        raise InputError(f"cannot write {path}", "name a file in a folder that can be written")


def require_targets(*targets: Path | str | None) -> None:
    """Checks, before long work, that all files of its results can be written.

    Args:
        targets: files that will be written; `-`, standard output, and none are passed over.

    Raises:
        InputError: the folder of a target does not exist, or a target is a folder, cannot be
            written to, or is named twice.
    """
    paths = [Path(target) for target in targets if target and str(target) != "-"]
    for path in paths:
        if not path.parent.is_dir():
            raise InputError(f"no folder {path.parent}", f"create it: mkdir -p {path.parent}")
        require_writable(path)
    require_distinct(map(str, paths), [])


def require_folder(folder: Path) -> None:
    """Looks, before long work, whether its results can be written into a folder.

    Raises:
        InputError: it is a file, or the system does not let it be written to or created.
    """
    place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not place.is_dir():
        raise InputError(f"{place} is not a folder", "name another place for what is written")
    if not os.access(place, os.W_OK | os.X_OK):
        raise InputError(f"cannot write to {place}", "name another folder")


def create_folder(folder: Path) -> None:
    """Creates a folder and those above it, where they are missing.

    Raises:
        InputError: the system does not let it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot create the folder {folder} ({error.strerror})", "name another"
        ) from error


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
        if destination != "-" and place in taken and not _is_device(Path(destination)):
            raise InputError(
                f"{destination} {taken[place]}, writing it would replace that",
                "give every output a place of its own",
            )
        taken[place] = "is named twice"


def _is_device(path: Path) -> bool:
    """Whether a path is a device or a pipe, or an open file by its number, as `/dev/stdout` is."""
    target = path.readlink() if path.is_symlink() else path
    if any(target.is_relative_to(system) for system in ("/proc", "/dev/fd")):
        return True
    return path.exists() and not path.is_file() and not path.is_dir()
