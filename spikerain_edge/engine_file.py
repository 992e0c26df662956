"""Engine files: a header that says what a TensorRT plan is, and the plan behind it.

Layout, integers little-endian:

    16 bytes   `MAGIC`
     4 bytes   length of the header
    32 bytes   SHA-256 of the header
               header, JSON (`EngineHeader`)
               plan, as TensorRT serialised it

A plan runs on the TensorRT and the GPU it was built for and nowhere else, and deserialising a wrong
one fails late and unclearly. Whoever loads an engine therefore compares the header first.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, replace
from pathlib import Path

from spikerain_edge.engine_header import AHEAD_OF_TIME, EngineHeader
from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.files import write_whole

MAGIC = b"SpikeRain engine"
SUFFIX = ".engine"
MAX_HEADER_BYTES = 4 << 20
MAX_PLAN_BYTES = 1 << 30

_PREFIX = struct.Struct("<16sI32s")
# What other files begin with: plans of TensorRT and of TensorRT for RTX, and ONNX graphs, whose
# first field is the version of the format.
_FOREIGN = {b"ftrt": "a bare TensorRT plan", b"vtrt": "a bare TensorRT plan", b"\x08": "ONNX"}


@dataclass(frozen=True)
class EngineFile:
    """An engine: header and plan."""

    header: EngineHeader
    plan: bytes
    origin: str = "the engine"

    @classmethod
    def seal(cls, header: EngineHeader, plan: bytes) -> EngineFile:
        """An engine whose header has length and digest of its plan filled in."""
        digest = hashlib.sha256(plan).hexdigest()
        return cls(replace(header, plan_bytes=len(plan), plan_sha256=digest), plan)

    def to_bytes(self) -> bytes:
        """The content of the file."""
        header = self.header.to_json()
        prefix = _PREFIX.pack(MAGIC, len(header), hashlib.sha256(header).digest())
        return prefix + header + self.plan

    def write(self, path: Path) -> None:
        """Writes the file, which appears whole or not at all.

        Raises:
            InputError: it cannot be written.
        """
        try:
            write_whole(path, self.to_bytes())
        except OSError as error:
            raise InputError(
                f"cannot write {path}: {error.strerror}", "name another file with --output"
            ) from error

    def require_match(self, library: str, version: str, gpu: str, capability: str) -> None:
        """Refuses an engine that was built for something else, before it is deserialised.

        Args:
            library: TensorRT flavour that is here.
            version: its version.
            gpu: name of the GPU that is here.
            capability: its compute capability.

        Raises:
            ModelError: the engine does not fit; says what differs and how to build it again.
        """
        made = self.header
        pairs = [
            (f"{made.library} {made.library_version}", f"{library} {version}"),
            (f"compute capability {made.capability}", f"compute capability {capability}"),
        ]
        if made.gpu != AHEAD_OF_TIME:
            pairs.append((f"the GPU {made.gpu}", f"the GPU {gpu}"))
        differing = [(theirs, ours) for theirs, ours in pairs if theirs != ours]
        if differing:
            wanted, present = (" and ".join(side) for side in zip(*differing, strict=True))
            raise ModelError(
                f"{self.origin} was built for {wanted}, here is {present}",
                f"build it here: {made.rebuild_command}",
            )


def is_engine_file(path: Path) -> bool:
    """Whether a path is named as engine files are."""
    return path.suffix == SUFFIX


def read_engine_file(path: Path) -> EngineFile:
    """Reads an engine file, bounded and checked.

    Raises:
        InputError: there is no such file.
        ModelError: it is unreadable, too large, foreign, damaged or of another version.
    """
    limit = _PREFIX.size + MAX_HEADER_BYTES + MAX_PLAN_BYTES
    try:
        if path.stat().st_size > limit:
            raise ModelError(
                f"{path} is too large for an engine ({path.stat().st_size >> 20} MiB)",
                "build it again: spikerain-edge export MODEL --format engine",
            )
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"no engine file {path}", "check the path") from error
    except OSError as error:
        raise ModelError(
            f"cannot read {path}: {error.strerror}", "check its permissions"
        ) from error
    return parse_engine_file(content, str(path))


def parse_engine_file(content: bytes, origin: str) -> EngineFile:
    """An engine file that is in memory.

    Args:
        content: the file.
        origin: what to call it in messages.

    Raises:
        ModelError: it is foreign, damaged or of another version.
    """
    header, start = _read_header(content, origin)
    plan = content[start:]
    if len(plan) != header.plan_bytes:
        raise ModelError(
            f"{origin} is cut off or has grown: its plan has {len(plan)} of "
            f"{header.plan_bytes} bytes",
            "copy or build the engine again",
        )
    if hashlib.sha256(plan).hexdigest() != header.plan_sha256:
        raise ModelError(
            f"{origin} has been changed since it was built (its SHA-256 is wrong)",
            "copy or build the engine again",
        )
    return EngineFile(header, plan, origin)


def _read_header(content: bytes, origin: str) -> tuple[EngineHeader, int]:
    """The checked header, and where the plan begins."""
    if content[: len(MAGIC)] != MAGIC:
        kinds = (kind for start, kind in _FOREIGN.items() if content.startswith(start))
        found = next(kinds, "")
        raise ModelError(
            f"{origin} is no engine file of SpikeRain's" + (f" but {found}" if found else ""),
            "build one: spikerain-edge export MODEL --format engine",
        )
    damaged = ModelError(f"the header of {origin} is damaged", "copy or build the engine again")
    if len(content) < _PREFIX.size:
        raise damaged
    _, length, digest = _PREFIX.unpack_from(content)
    start = _PREFIX.size + length
    text = content[_PREFIX.size : start]
    if length > MAX_HEADER_BYTES or len(text) != length or hashlib.sha256(text).digest() != digest:
        raise damaged
    try:
        return EngineHeader.from_json(text), start
    except ModelError as error:
        raise ModelError(f"{origin}: {error.cause}", error.remedy) from error
