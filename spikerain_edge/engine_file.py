"""Engine files: a header that describes a TensorRT plan, followed by the plan.

Layout (integers are little-endian):

    16 bytes   `MAGIC`
     4 bytes   length of the header
    32 bytes   SHA-256 of the header
               header as JSON (`EngineHeader`)
               plan as TensorRT serialised it

A plan runs only with the TensorRT version and the GPU that it was built for. TensorRT reports a
mismatch late and unclearly, so the header is compared before the plan is deserialised.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, replace
from pathlib import Path

from spikerain_edge.engine_header import AHEAD_OF_TIME, REBUILD, EngineHeader
from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.files import read_bounded, write_whole

MAGIC = b"SpikeRain engine"
SUFFIX = ".engine"
MAX_HEADER_BYTES = 4 << 20
MAX_PLAN_BYTES = 1 << 30

_PREFIX = struct.Struct("<16sI32s")
# First bytes of other files: plans of TensorRT and TensorRT for RTX, and ONNX graphs, which begin
# with the version of their format.
_FOREIGN = {
    b"ftrt": "a bare TensorRT plan",
    b"vtrt": "a bare TensorRT plan",
    b"\x08": "an ONNX graph",
}
_COPY_OR_REBUILD = f"copy the file again, or {REBUILD}"


@dataclass(frozen=True)
class EngineFile:
    """An engine file in memory.

    Attributes:
        header: description of the engine.
        plan: the engine as TensorRT serialised it.
        origin: name of the engine in messages.
    """

    header: EngineHeader
    plan: bytes
    origin: str = "the engine"

    @classmethod
    def seal(cls, header: EngineHeader, plan: bytes) -> EngineFile:
        """Returns an engine file whose header holds the length and SHA-256 of the plan."""
        digest = hashlib.sha256(plan).hexdigest()
        return cls(replace(header, plan_bytes=len(plan), plan_sha256=digest), plan)

    def to_bytes(self) -> bytes:
        """Returns the content of the file."""
        header = self.header.to_json()
        prefix = _PREFIX.pack(MAGIC, len(header), hashlib.sha256(header).digest())
        return prefix + header + self.plan

    def write(self, path: Path) -> None:
        """Writes the file; it appears complete or not at all.

        Raises:
            InputError: the file cannot be written.
        """
        try:
            write_whole(path, self.to_bytes())
        except OSError as error:
            raise InputError(
                f"cannot write {path}: {error.strerror}", "name another file with --output"
            ) from error

    def require_match(self, library: str, version: str, gpu: str, capability: str) -> None:
        """Checks, before the plan is deserialised, that the engine was built for this machine.

        Args:
            library: name of the TensorRT library on this machine.
            version: version of that library.
            gpu: name of the GPU of this machine.
            capability: compute capability of that GPU.

        Raises:
            ModelError: the library, its version, the GPU or the compute capability differs.
        """
        header = self.header
        pairs = [
            (f"{header.library} {header.library_version}", f"{library} {version}"),
            (f"compute capability {header.capability}", f"compute capability {capability}"),
        ]
        if header.gpu != AHEAD_OF_TIME:
            pairs.append((f"the GPU {header.gpu}", f"the GPU {gpu}"))
        differing = [(needed, present) for needed, present in pairs if needed != present]
        if differing:
            needed, present = (" and ".join(side) for side in zip(*differing, strict=True))
            raise ModelError(
                f"{self.origin} was built for {needed}, but this machine has {present}",
                f"build it on this machine: {header.rebuild_command}",
            )


def is_engine_file(path: Path) -> bool:
    """Whether a path has the suffix of engine files."""
    return path.suffix == SUFFIX


def read_engine_file(path: Path) -> EngineFile:
    """Reads an engine file and checks its size, digests and versions.

    Raises:
        InputError: the file does not exist.
        ModelError: the file cannot be read, is too large, is not an engine file, is damaged, or has
            an unsupported version.
    """
    limit = _PREFIX.size + MAX_HEADER_BYTES + MAX_PLAN_BYTES
    return parse_engine_file(read_bounded(path, limit, "engine file"), str(path))


def parse_engine_file(content: bytes, origin: str) -> EngineFile:
    """Parses the content of an engine file.

    Args:
        content: the whole file.
        origin: name of the file in messages.

    Raises:
        ModelError: the content is not an engine file, is damaged, or has an unsupported version.
    """
    header, start = _read_header(content, origin)
    plan = content[start:]
    if len(plan) != header.plan_bytes:
        raise ModelError(
            f"{origin} is incomplete or has extra bytes: its plan has {len(plan)} bytes instead of "
            f"{header.plan_bytes}",
            _COPY_OR_REBUILD,
        )
    if hashlib.sha256(plan).hexdigest() != header.plan_sha256:
        raise ModelError(
            f"{origin} was changed after it was built (its SHA-256 does not match)",
            _COPY_OR_REBUILD,
        )
    return EngineFile(header, plan, origin)


def _read_header(content: bytes, origin: str) -> tuple[EngineHeader, int]:
    """Returns the checked header and the offset of the plan."""
    if content[: len(MAGIC)] != MAGIC:
        kinds = (kind for start, kind in _FOREIGN.items() if content.startswith(start))
        found = next(kinds, "")
        raise ModelError(
            f"{origin} is not a SpikeRain engine file" + (f" but {found}" if found else ""),
            "build one: spikerain-edge export MODEL --format engine",
        )
    damaged = ModelError(f"the header of {origin} is damaged", _COPY_OR_REBUILD)
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
