"""Keeps built engines, because a build takes minutes on a board.

The key of an engine is a digest of everything that it depends on. The key is the file name and must
match the header of the file, so that no stale or damaged engine is used.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

from spikerain_edge.caches import cache_folder, forget_oldest
from spikerain_edge.engine_file import SUFFIX, EngineFile, read_engine_file
from spikerain_edge.engine_header import HEADER_VERSION, EngineHeader
from spikerain_edge.errors import InputError, ModelError, SpikeRainError
from spikerain_edge.files import write_whole
from spikerain_edge.inference.tensorrt_library import Library
from spikerain_edge.spec import ModelSpec
from spikerain_export.progress import Progress
from spikerain_export.tensorrt.builder import BuildSettings, build_engine
from spikerain_export.tensorrt.requirements import check_graph, check_profiles
from spikerain_export.tensorrt.target import Target, choose_library, find_target

MAX_ENGINES = 32

_log = logging.getLogger(__name__)


class EngineCache:
    """A folder of engines; beyond `MAX_ENGINES`, the least recently used ones are deleted.

    Args:
        folder: the folder; None for the user's cache folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or cache_folder("engines")

    def find(self, key: str) -> EngineFile | None:
        """Returns the engine of a key, or None; deletes it if it is damaged or has another key."""
        path = self.path(key)
        try:
            found = read_engine_file(path)
        except InputError:
            return None
        except ModelError:
            found = None
        if found is None or header_key(found.header) != key:
            self.forget(key)
            return None
        with suppress(OSError):
            os.utime(path)
        return found

    def forget(self, key: str) -> None:
        """Deletes the engine of a key, if it exists."""
        with suppress(OSError):
            self.path(key).unlink()

    def store(self, file: EngineFile) -> Path:
        """Writes an engine to the cache and returns its path.

        Raises:
            InputError: the engine cannot be written.
        """
        path = self.path(header_key(file.header))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, file.to_bytes())
        except OSError as error:
            raise InputError(
                f"cannot write {path.parent}: {error.strerror}",
                "set XDG_CACHE_HOME to a folder that you can write to",
            ) from error
        forget_oldest(self.folder, f"*{SUFFIX}", MAX_ENGINES, keep=path)
        return path

    def path(self, key: str) -> Path:
        """Returns the path of the engine of a key."""
        return self.folder / f"{key}{SUFFIX}"

    def timings(self, library: Library, target: Target) -> Path:
        """Returns the path of the kernel timings for a library and a GPU."""
        name = f"{library.name} {library.version} {target.gpu} {target.capability}"
        return self.folder / f"{re.sub(r'[^A-Za-z0-9.]+', '-', name)}.timings"


def build_cached(
    content: bytes,
    spec: ModelSpec,
    settings: BuildSettings,
    cache: EngineCache,
    *,
    progress: Progress | None = None,
    library: Library | None = None,
    accept: Callable[[EngineFile], None] = lambda file: None,
) -> EngineFile:
    """Returns the engine from the cache, or builds it and adds it; see `build_engine`.

    Args:
        content: ONNX file; the engine gets its precision.
        spec: its description.
        settings: settings of the build.
        cache: the cache; if it cannot be written, the engine is still returned.
        progress: called with each step of the build.
        library: TensorRT; None to find it.
        accept: called with the found or built engine; if it raises an error, the engine is not
            kept.

    Raises:
        InputError: the engine cannot be built with these settings, TensorRT or the GPU is
            missing, or the build was cancelled.
        ModelError: TensorRT cannot build the graph, or does not run it in its precision.
    """
    check_graph(spec)
    check_profiles(spec, settings.profiles)
    library = library or choose_library(settings.capability)
    target = find_target(library, settings.capability, settings.device)
    source = hashlib.sha256(content).hexdigest()
    key = engine_key(source, spec, settings, library, target)
    found = cache.find(key)
    if found is not None:
        try:
            accept(found)
        except ModelError:
            cache.forget(key)
            raise
        return found
    if settings.timings is None:
        settings = replace(settings, timings=cache.timings(library, target))
    built = build_engine(content, spec, settings, progress=progress, library=library, target=target)
    accept(built)
    try:
        cache.store(built)
    except SpikeRainError as error:
        _log.warning("the engine cannot be cached and must be built again next time: %s", error)
    return built


def engine_key(
    source_sha256: str,
    spec: ModelSpec,
    settings: BuildSettings,
    library: Library,
    target: Target,
) -> str:
    """Returns the key of an engine: the digest of everything that it depends on."""
    return header_key(
        EngineHeader(
            spec=spec,
            library=library.name,
            library_version=library.version,
            gpu=target.gpu,
            capability=target.capability,
            profiles=settings.profiles,
            source_sha256=source_sha256,
            workspace=settings.workspace,
        )
    )


def header_key(header: EngineHeader) -> str:
    """Returns the key of an existing engine from its header."""
    parts = [
        *(header.source_sha256, header.spec.precision, header.spec.batch),
        [asdict(profile) for profile in header.profiles],
        *(header.library, header.library_version, header.gpu, header.capability),
        None if header.workspace is None else float(header.workspace),
        *(HEADER_VERSION, header.spec.spec_version),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
