"""Reads and writes files safely, and checks that outputs do not replace inputs."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from shlex import quote

from spikerain_edge.errors import InputError, ModelError

PARTIAL_STEM = 40
"""Number of characters of a stem that the name of an incomplete file keeps."""
_PARTIAL = re.compile(r"\.(.*)\.[0-9a-f]{8}\.partial(\..*)?", re.DOTALL)


def read_bounded(path: Path, limit: int, kind: str) -> bytes:
    """Reads a model or engine file if it is not too large.

    Args:
        path: the file.
        limit: largest size in bytes.
        kind: kind of the file in messages, such as "model file".

    Raises:
        InputError: the path does not exist or is not a regular file.
        ModelError: the file cannot be read or is larger than the limit.
    """
    try:
        size = path.stat().st_size
        if size > limit:
            raise ModelError(
                f"{path} is too large for a valid {kind} ({size >> 20} MiB)",
                "export it again: spikerain-edge export MODEL",
            )
        if not path.is_file():
            # Reading a device or a pipe may never end.
            raise InputError(f"{path} is not a regular file", f"name a {kind}")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(
            f"the {kind} {path} does not exist", f"check the path: ls {quote(str(path.parent))}"
        ) from error
    except OSError as error:
        raise ModelError(
            f"cannot read {path}: {error.strerror}",
            f"check the permissions: ls -l {quote(str(path))}",
        ) from error


def resolved(path: Path) -> Path:
    """Returns a path without symbolic links. A link that leads to itself stays as it is."""
    # Before Python 3.13, `Path.resolve` raises a RuntimeError for such a link.
    return Path(os.path.realpath(path))


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file so that it appears complete or not at all.

    Devices and pipes, such as `/dev/null`, are written directly. A symbolic link is followed.

    Raises:
        OSError: the file cannot be written; the error names it. An earlier file stays unchanged.
    """
    write_together({path: content})


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Writes several files so that all of them appear complete or none does; see `write_whole`.

    Raises:
        OSError: a file cannot be written; earlier files stay unchanged.
    """
    with ExitStack() as cleanup:
        partials = {}
        for path, content in contents.items():
            target = resolved(path)
            partial = path if _is_device(path) else partial_name(target)
            if partial != path:
                cleanup.callback(_remove, partial)
                partials[target] = partial
            with _named(path):
                partial.write_bytes(content)
        for target, partial in partials.items():
            partial.replace(target)
        cleanup.pop_all()


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Sets the file name of an OSError to the path that the user knows."""
    try:
        yield
    except OSError as error:
        error.filename = str(path)
        raise


def partial_name(path: Path) -> Path:
    """Returns a unique hidden path in the folder of `path` for an incomplete file.

    The name keeps the suffix and is short enough for every file system.
    """
    stem, mark = path.stem[:PARTIAL_STEM], secrets.token_hex(4)
    return path.with_name(f".{stem}.{mark}.partial{path.suffix[:16]}")


def partial_stem(name: str) -> str | None:
    """Returns what `partial_name` kept of the stem of a path; None for other names."""
    found = _PARTIAL.fullmatch(name)
    return found[1] if found else None


def require_writable(path: Path) -> None:
    """Checks, before long work, that `write_whole` can write a file.

    Raises:
        InputError: the path is a folder, its folder does not exist, or one of them is not writable.
    """
    target = resolved(path)
    if target.is_dir():
        raise InputError(f"cannot write {path}: it is a folder", "name a file in it")
    if not target.parent.is_dir():
        missing = target.parent if path.is_symlink() else path.parent
        raise InputError(
            f"cannot write {path}: the folder {missing} does not exist",
            f"create it: mkdir -p {quote(str(missing))}",
        )
    if _is_device(path):
        required = [path]
    else:
        required = [target, target.parent] if target.exists() else [target.parent]
    if not all(os.access(each, os.W_OK) for each in required):
        raise InputError(f"cannot write {path}", "name a file in a writable folder")


def require_targets(*targets: Path | str | None) -> None:
    """Checks, before long work, that all result files can be written.

    Args:
        targets: files that will be written; None and `-` (standard output) are ignored.

    Raises:
        InputError: the folder of a target does not exist, or a target is a folder, is not
            writable, or is named twice.
    """
    paths = [Path(target) for target in targets if target and str(target) != "-"]
    for path in paths:
        require_writable(path)
    require_distinct(map(str, paths), [])


def require_folder(folder: Path) -> None:
    """Checks, before long work, that results can be written into a folder.

    Raises:
        InputError: the path is a file, or the folder is not writable or cannot be created.
    """
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise InputError(f"{existing} is not a folder", "name another folder for the results")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(f"cannot write to {existing}", "name a folder that you can write to")


def create_folder(folder: Path) -> None:
    """Creates a folder and its missing parents.

    Raises:
        InputError: the folder cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot create the folder {folder} ({error.strerror})", "name another folder"
        ) from error


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def require_distinct(destinations: Iterable[str], read: Iterable[Path]) -> None:
    """Checks that outputs replace neither each other nor an input.

    Args:
        destinations: paths that will be written; `-` (standard output) is ignored.
        read: paths of inputs and models.

    Raises:
        InputError: an output would overwrite an input or another output.
    """
    conflicts = {resolved(path): "is read, and the output would overwrite it" for path in read}
    for destination in destinations:
        target = resolved(Path(destination))
        if destination != "-" and target in conflicts and not _is_device(Path(destination)):
            raise InputError(
                f"{destination} {conflicts[target]}", "name a different file for each output"
            )
        conflicts[target] = "is named twice as an output"


def _is_device(path: Path) -> bool:
    """Whether a path is a device, a pipe, or an open file such as `/dev/stdout`."""
    target = path.readlink() if path.is_symlink() else path
    if any(target.is_relative_to(system) for system in ("/proc", "/dev/fd")):
        return True
    return path.exists() and not path.is_file() and not path.is_dir()
