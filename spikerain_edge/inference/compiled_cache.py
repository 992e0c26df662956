"""Keeps graphs that OpenVINO compiled, because compiling takes longer than loading.

The key of a file is a digest of everything that it depends on, and is its name. A file begins with
the digest of its content, so that a damaged one is not used.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from spikerain_edge.caches import cache_folder, forget_oldest
from spikerain_edge.errors import InputError
from spikerain_edge.files import write_whole

MAX_FILES = 32
"""Beyond these, the least recently used files are deleted."""
MAX_BYTES = 1 << 30

_SUFFIX = ".openvino"
_DIGEST_BYTES = 32
_log = logging.getLogger(__name__)
_Loaded = TypeVar("_Loaded")


class CompiledCache:
    """A folder of compiled graphs. If there is none or it cannot be written, nothing is kept.

    Args:
        folder: the folder; None for the user's cache folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or _users_folder()

    def key(self, *parts: object) -> str:
        """Returns the key of a compiled graph from all that it depends on."""
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    def path(self, key: str) -> Path | None:
        """Returns the path of the file of a key; None if nothing is kept."""
        return None if self.folder is None else self.folder / f"{key}{_SUFFIX}"

    def find(self, key: str, load: Callable[[io.BytesIO], _Loaded]) -> _Loaded | None:
        """Loads a compiled graph; deletes its file if it is damaged.

        Args:
            key: result of `key`.
            load: turns the content of the file into a compiled graph; raises a RuntimeError if it
                cannot.

        Returns:
            What `load` returns, or None if there is no usable file.
        """
        path = self.path(key)
        if path is None:
            return None
        try:
            if not path.is_file() or path.stat().st_size > MAX_BYTES:
                return None
            content = path.read_bytes()
        except OSError:
            return None
        digest, graph = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        if hashlib.sha256(graph).digest() == digest:
            with suppress(RuntimeError):
                loaded = load(io.BytesIO(graph))
                with suppress(OSError):
                    os.utime(path)
                return loaded
        with suppress(OSError):
            path.unlink()
        return None

    def store(self, key: str, graph: bytes) -> None:
        """Writes a compiled graph, if the folder can be written and the graph is not too large."""
        path = self.path(key)
        if path is None or len(graph) + _DIGEST_BYTES > MAX_BYTES:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, hashlib.sha256(graph).digest() + graph)
        except OSError as error:
            _log.debug("the compiled graph was not kept: %s", error)
            return
        forget_oldest(path.parent, f"*{_SUFFIX}", MAX_FILES, keep=path)


def _users_folder() -> Path | None:
    """Returns the folder for compiled graphs in the user's cache; None if the user has no cache."""
    try:
        return cache_folder("compiled")
    except InputError as error:
        _log.debug("compiled graphs are not kept: %s", error.cause)
        return None
