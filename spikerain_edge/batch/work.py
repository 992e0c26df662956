"""The work folder of a batch: the state needed to resume, and a lock against a second batch."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from spikerain_edge.batch.tree import Input, Still
from spikerain_edge.errors import InputError, StreamError
from spikerain_edge.files import PARTIAL_STEM, partial_stem

_NAME = ".spikerain-batch"


def work_folder(output: Path, key: str) -> Path:
    """Returns the folder for the segments of a video.

    Args:
        output: the output folder.
        key: path of the video within the tree.
    """
    return output / _NAME / hashlib.sha256(os.fsencode(key)).hexdigest()[:16]


@contextmanager
def locked(output: Path) -> Iterator[None]:
    """Creates the output folder if it is missing, and locks it against other batches.

    Raises:
        InputError: another batch writes into it.
        StreamError: it cannot be written.
    """
    try:
        lock = _lock(output / _NAME)
    except BlockingIOError as error:
        raise InputError(
            f"another batch is writing into {output}", "wait for it, or end it"
        ) from error
    except OSError as error:
        raise _unwritable(output, error) from error
    with lock:
        yield


def _lock(folder: Path) -> BinaryIO:
    """Opens and locks the file `lock` of a folder.

    Raises:
        BlockingIOError: another process holds it.
        OSError: it cannot be written.
    """
    path = folder / "lock"
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock = path.open("ab")
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A batch that ended meanwhile has removed its file: a third would lock another one.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(lock.fileno()), path.stat()):
                    return lock
        except BaseException:
            lock.close()
            raise
        lock.close()


def make_folders(inputs: Iterable[Input]) -> list[Path]:
    """Creates the folders of all outputs; returns the new ones, the innermost first.

    Workers must not make folders: one that fails would remove a folder that others use.

    Raises:
        StreamError: a folder cannot be made.
    """
    made: list[Path] = []
    for folder in dict.fromkeys(map(_folder, inputs)):
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(folder, error) from error
        made += missing
    return sorted(made, key=lambda path: len(path.parts), reverse=True)


def remove_partial_outputs(inputs: Iterable[Input]) -> None:
    """Removes incomplete files of an interrupted batch or a dead worker.

    Raises:
        StreamError: a folder cannot be read or written.
    """
    begun: dict[Path, set[str]] = {}
    for item in inputs:
        name = item.name if isinstance(item, Still) else item.output.stem
        begun.setdefault(_folder(item), set()).add(name)
    for folder, names in begun.items():
        try:
            for entry in folder.iterdir():
                stem = partial_stem(entry.name)
                if stem is not None and any(_belongs(stem, name) for name in names):
                    entry.unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(folder, error) from error


def remove_work(output: Path, keep: Iterable[str] = ()) -> None:
    """Removes the work folder, except the segments of some videos.

    Args:
        output: the output folder.
        keep: paths of these videos within the tree.
    """
    kept = {work_folder(output, key).name for key in keep}
    with suppress(OSError):
        found = {path.name for path in (output / _NAME).iterdir() if path.is_dir()}
        for name in found - kept:
            shutil.rmtree(output / _NAME / name, ignore_errors=True)
        if not found & kept:
            shutil.rmtree(output / _NAME, ignore_errors=True)


def remove_empty(folders: Iterable[Path]) -> None:
    """Removes the given folders that are empty."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def remove_segments(output: Path, key: str) -> None:
    """Removes the segments of a video."""
    shutil.rmtree(work_folder(output, key), ignore_errors=True)


def _folder(item: Input) -> Path:
    return item.folder if isinstance(item, Still) else item.output.parent


def _belongs(stem: str, name: str) -> bool:
    """Whether a partial file with this stem was begun for an output or a page of it."""
    short = name[:PARTIAL_STEM]
    return stem == short or stem.startswith(f"{short}_")


def _unwritable(folder: Path, error: OSError) -> StreamError:
    return StreamError(
        f"cannot write into {folder}: {error.strerror}",
        "name another folder with --output, or make room there",
    )
