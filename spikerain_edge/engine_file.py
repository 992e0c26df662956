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
import json
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from numbers import Real
from pathlib import Path
from typing import Any

from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.files import write_whole
from spikerain_edge.sizes import Size
from spikerain_edge.spec import ModelSpec

MAGIC = b"SpikeRain engine"
SUFFIX = ".engine"
HEADER_VERSION = 1
AHEAD_OF_TIME = "ahead of time"
MAX_HEADER_BYTES = 4 << 20
MAX_PLAN_BYTES = 1 << 30
MAX_PROFILES = 16

_PREFIX = struct.Struct("<16sI32s")
# What other files begin with: plans of TensorRT and of TensorRT for RTX, and ONNX graphs, whose
# first field is the version of the format.
_FOREIGN = {b"ftrt": "a bare TensorRT plan", b"vtrt": "a bare TensorRT plan", b"\x08": "ONNX"}


@dataclass(frozen=True)
class Profile:
    """Image sizes (height, width) that one optimisation profile serves.

    Attributes:
        minimum: smallest.
        optimum: the one that kernels are chosen for.
        maximum: largest.
    """

    minimum: Size
    optimum: Size
    maximum: Size

    @classmethod
    def fixed_at(cls, size: Size) -> Profile:
        """A profile of one size."""
        return cls(size, size, size)

    @property
    def fixed(self) -> bool:
        """Whether it serves one size only."""
        return self.minimum == self.maximum

    def serves(self, size: Size) -> bool:
        """Whether images of this size can be run."""
        return all(
            low <= side <= high
            for low, side, high in zip(self.minimum, size, self.maximum, strict=True)
        )

    def __str__(self) -> str:
        smallest, largest = (f"{width}x{height}" for height, width in (self.minimum, self.maximum))
        return largest if self.fixed else f"{smallest} to {largest}"


@dataclass(frozen=True)
class EngineHeader:
    """What an engine is and where it runs.

    Attributes:
        spec: the model; its precision and batch are the engine's.
        library: what built it, `TensorRT` or `TensorRT for RTX`.
        library_version: of that library; another one does not read the plan.
        gpu: name of the GPU it was built on, or `AHEAD_OF_TIME`.
        capability: compute capability it was built for, such as `8.7`.
        profiles: image sizes it serves.
        source_sha256: digest of the ONNX file it was built from.
        inspected: whether the finished engine's own layer information confirmed the precision,
            beyond the types of the network it was built from; that takes a GPU.
        workspace: GiB that a layer may take while it runs, where the user chose it.
        plan_bytes: length of the plan.
        plan_sha256: its digest.
        header_version: version of this description.
    """

    spec: ModelSpec
    library: str
    library_version: str
    gpu: str
    capability: str
    profiles: tuple[Profile, ...]
    source_sha256: str
    inspected: bool = False
    workspace: float | None = None
    plan_bytes: int = 0
    plan_sha256: str = ""
    header_version: int = HEADER_VERSION

    @property
    def rebuild_command(self) -> str:
        """What makes such an engine on this machine."""
        precision = "" if self.spec.precision == "fp32" else f" --{self.spec.precision}"
        shape = _shape_options(self.profiles[0], self.spec.batch, self.workspace)
        return f"spikerain-edge export {self.spec.name} --format engine{precision}{shape}"

    def to_json(self) -> bytes:
        """The header as it is written into a file."""
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, text: bytes) -> EngineHeader:
        """Reads a header.

        Raises:
            ModelError: it is not one, or it or its ModelSpec is of a version not known here.
        """
        try:
            values = json.loads(text)
            version = values["header_version"]
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError("the engine's header is damaged", "build the engine again") from error
        if version != HEADER_VERSION:
            raise ModelError(
                f"the engine's header has version {version!r}, this program reads {HEADER_VERSION}",
                "build the engine again, or install a matching spikerain-edge",
            )
        try:
            return _header(values)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                "the engine's header is incomplete", "build the engine again"
            ) from error


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


def _header(values: Mapping[str, Any]) -> EngineHeader:
    texts = {
        name: _of(str, values[name])
        for name in (
            *("library", "library_version", "gpu", "capability"),
            *("source_sha256", "plan_sha256"),
        )
    }
    profiles = tuple(
        Profile(*(_size(entry[name]) for name in ("minimum", "optimum", "maximum")))
        for entry in values["profiles"]
    )
    if not 0 < len(profiles) <= MAX_PROFILES:
        raise ValueError("number of profiles")
    workspace = values.get("workspace")  # which engines of earlier builds do not have
    workspace = None if workspace is None else float(_of(Real, workspace))
    spec = _of(dict, values["spec"])
    shape = _shape_options(profiles[0], _of(int, spec.get("batch", 1)), workspace)
    return EngineHeader(
        spec=ModelSpec.from_json(json.dumps(spec), f" --format engine{shape}"),
        profiles=profiles,
        inspected=_of(bool, values["inspected"]),
        workspace=workspace,
        plan_bytes=_of(int, values["plan_bytes"]),
        **texts,
    )


def _shape_options(profile: Profile, batch: int, workspace: float | None) -> str:
    """Options of the command that builds an engine of these sizes."""
    height, width = profile.optimum
    size = f" --imgsz {width}x{height}{'' if profile.fixed else ' --dynamic'}"
    images = "" if batch == 1 else f" --batch {batch}"
    return size + images + ("" if workspace is None else f" --workspace {workspace:g}")


def _size(value: Any) -> Size:
    height, width = (_of(int, side) for side in value)
    if min(height, width) < 1:
        raise ValueError("an image has at least one pixel")
    return height, width


def _of(kind: type, value: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value
