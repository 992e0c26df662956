"""Headers of engine files: what a TensorRT engine is and where it runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import msgspec

from spikerain_edge.errors import ModelError
from spikerain_edge.parts import Count, Label
from spikerain_edge.sizes import MAX_SIDE, Size
from spikerain_edge.spec import ModelSpec

HEADER_VERSION = 1
AHEAD_OF_TIME = "ahead of time"
MAX_PROFILES = 16

_Side = Annotated[int, msgspec.Meta(ge=1, le=MAX_SIDE)]
_Gibibytes = Annotated[float, msgspec.Meta(ge=0, le=1e6)]


@dataclass(frozen=True)
class Profile:
    """Image sizes (height, width) that one optimisation profile serves.

    Attributes:
        minimum: smallest.
        optimum: the one that kernels are chosen for.
        maximum: largest.
    """

    minimum: tuple[_Side, _Side]
    optimum: tuple[_Side, _Side]
    maximum: tuple[_Side, _Side]

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


_Profiles = Annotated[tuple[Profile, ...], msgspec.Meta(min_length=1, max_length=MAX_PROFILES)]


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
    library: Label
    library_version: Label
    gpu: Label
    capability: Label
    profiles: _Profiles
    source_sha256: Label
    inspected: bool = False
    workspace: _Gibibytes | None = None
    plan_bytes: Count = 0
    plan_sha256: Label = ""
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
            values = msgspec.json.decode(text)
            version = values["header_version"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ModelError("the engine's header is damaged", "build the engine again") from error
        if version != HEADER_VERSION:
            raise ModelError(
                f"the engine's header has version {version!r:.40}, "
                f"this program reads {HEADER_VERSION}",
                "build the engine again, or install a matching spikerain-edge",
            )
        try:
            return _header(values)
        except (KeyError, msgspec.ValidationError) as error:
            raise ModelError(
                "the engine's header is incomplete or wrong", "build the engine again"
            ) from error


@dataclass(frozen=True)
class _Shape:
    """The part of a header that tells, beside the description, how to build such an engine."""

    profiles: _Profiles
    spec: dict[str, Any]
    workspace: _Gibibytes | None = None


def _header(values: Mapping[str, Any]) -> EngineHeader:
    made = msgspec.convert(values, _Shape)
    batch = msgspec.convert(made.spec.get("batch", 1), int)
    options = f" --format engine{_shape_options(made.profiles[0], batch, made.workspace)}"
    # Refuses an older description with the command that builds the engine again.
    ModelSpec.from_json(msgspec.json.encode(made.spec).decode(), options)
    return msgspec.convert(values, EngineHeader)


def _shape_options(profile: Profile, batch: int, workspace: float | None) -> str:
    """Options of the command that builds an engine of these sizes."""
    height, width = profile.optimum
    size = f" --imgsz {width}x{height}{'' if profile.fixed else ' --dynamic'}"
    images = "" if batch == 1 else f" --batch {batch}"
    return size + images + ("" if workspace is None else f" --workspace {workspace:g}")
