"""Headers of engine files: they describe a TensorRT engine and the machine that it runs on."""

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
REBUILD = "build it again: spikerain-edge export MODEL --format engine"
"""Remedy for an engine file whose header cannot be read."""

_Side = Annotated[int, msgspec.Meta(ge=1, le=MAX_SIDE)]
_Gibibytes = Annotated[float, msgspec.Meta(ge=0, le=1e6)]


@dataclass(frozen=True)
class Profile:
    """Image sizes that one TensorRT optimisation profile accepts, as (height, width) in pixels.

    Attributes:
        minimum: smallest size.
        optimum: size that TensorRT chooses its kernels for.
        maximum: largest size.
    """

    minimum: tuple[_Side, _Side]
    optimum: tuple[_Side, _Side]
    maximum: tuple[_Side, _Side]

    @classmethod
    def fixed_at(cls, size: Size) -> Profile:
        """Returns a profile that accepts one size only."""
        return cls(size, size, size)

    @property
    def fixed(self) -> bool:
        """Whether the profile accepts one size only."""
        return self.minimum == self.maximum

    def serves(self, size: Size) -> bool:
        """Whether the profile accepts images of this size (height, width)."""
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
    """Description of an engine: its model, the library and GPU it needs, its image sizes.

    Attributes:
        spec: description of the model, with the precision and batch size of the engine.
        library: library that built the engine, `TensorRT` or `TensorRT for RTX`.
        library_version: version of that library; no other version can load the plan.
        gpu: name of the GPU that the engine was built on, or `AHEAD_OF_TIME`.
        capability: compute capability that the engine was built for, such as `8.7`.
        profiles: image sizes that the engine accepts.
        source_sha256: SHA-256 of the ONNX file that the engine was built from.
        inspected: whether the layer information of the finished engine confirmed its precision.
            This needs a GPU; otherwise only the types in the network were checked.
        workspace: memory in GiB that a layer may use while it runs; None for TensorRT's default.
        plan_bytes: length of the plan in bytes.
        plan_sha256: SHA-256 of the plan.
        header_version: version of the header's format.
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
        """Command that builds the same engine for this machine."""
        precision = "" if self.spec.precision == "fp32" else f" --{self.spec.precision}"
        shape = _shape_options(self.profiles[0], self.spec.batch, self.workspace)
        return f"spikerain-edge export {self.spec.name} --format engine{precision}{shape}"

    def to_json(self) -> bytes:
        """Returns the header as JSON, as engine files hold it."""
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, text: bytes) -> EngineHeader:
        """Reads a header from JSON.

        Raises:
            ModelError: the text is not a header, a field is missing or has a wrong type, or the
                version of the header or of its ModelSpec is not supported.
        """
        try:
            values = msgspec.json.decode(text)
            version = values["header_version"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ModelError("the header of the engine is damaged", REBUILD) from error
        if version != HEADER_VERSION:
            raise ModelError(
                f"the header of the engine has version {version!r:.40} but this program reads "
                f"version {HEADER_VERSION}",
                REBUILD,
            )
        try:
            return _header(values)
        except (KeyError, msgspec.ValidationError) as error:
            raise ModelError(
                "the header of the engine is incomplete or has invalid values", REBUILD
            ) from error


@dataclass(frozen=True)
class _Shape:
    """Fields of a header that the command for building the engine again depends on."""

    profiles: _Profiles
    spec: dict[str, Any]
    workspace: _Gibibytes | None = None


def _header(values: Mapping[str, Any]) -> EngineHeader:
    shape = msgspec.convert(values, _Shape)
    batch = msgspec.convert(shape.spec.get("batch", 1), int)
    options = f" --format engine{_shape_options(shape.profiles[0], batch, shape.workspace)}"
    # The error for an unsupported version names the command that builds the engine again.
    ModelSpec.from_json(msgspec.json.encode(shape.spec).decode(), options)
    return msgspec.convert(values, EngineHeader)


def _shape_options(profile: Profile, batch: int, workspace: float | None) -> str:
    """Returns the options of `export` for an engine of these sizes, with a leading space."""
    height, width = profile.optimum
    size = f" --imgsz {width}x{height}{'' if profile.fixed else ' --dynamic'}"
    images = "" if batch == 1 else f" --batch {batch}"
    return size + images + ("" if workspace is None else f" --workspace {workspace:g}")
