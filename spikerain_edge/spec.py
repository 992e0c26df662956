"""ModelSpec: what a graph says about itself.

It travels as JSON in the metadata of the ONNX file (key `METADATA_KEY`). Whoever loads a file reads
it first and refuses what it cannot serve.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from spikerain_edge.errors import ModelError
from spikerain_edge.parts import Count, Label, NeuronLayer, Operation, Pooling, Positive
from spikerain_edge.sizes import MAX_SIDE

METADATA_KEY = "spikerain.spec"
SPEC_VERSION = 3
MAX_SPEC_BYTES = 4 << 20
_LONGEST_NAME = 100

Precision = Literal["fp32", "fp16", "int8"]
Target = Literal["any", "onnxruntime", "tensorrt"]
Side = Annotated[int, msgspec.Meta(ge=0, le=MAX_SIDE)]
_Constant = Annotated[float, msgspec.Meta(gt=0, le=1e6)]


@dataclass(frozen=True)
class ModelSpec:
    """Self-description of a graph.

    Attributes:
        name: what the model is called.
        variant: the network it is an instance of.
        timesteps: `T`, unrolled in the graph.
        stride: height and width of an input must be multiples of this.
        precision: number format of the convolutions.
        target: runtime that the graph was made for; `any` where all run it alike.
        full_precision: tensors that stay in float32 in a graph of lower precision, by the names
            of the layers that make them.
        source_sha256: digest of the ONNX file that this one was made from; empty for the first.
        batch: images per call.
        height: rows of the images; 0 where any multiple of the stride will do.
        width: columns of the images; 0 likewise.
        parameters: trainable parameters of the network before folding.
        tau: membrane time constant in timesteps.
        threshold: firing threshold.
        neurons: every neuron layer; the probe graph reports their firing rates in this order.
        operations: every convolution.
        pools: every global average pooling.
        weights_sha256: digest of the weights the graph was made from.
        probe: whether the graph reports firing rates and silent channels too.
        graph_bytes: length of the serialised graph, which the metadata follows.
        graph_sha256: digest of those bytes and of this description, this field left empty.
        image_input: name of the input, uint8 (1, H, W, 3) BGR.
        image_output: name of the output, of the same type and shape.
        rates_output: name of the probe graph's second output, firing rates float32 (layers, T).
        silent_output: name of its third, the share of channels that never fire, float32 (layers,).
        spec_version: version of this description.
    """

    name: Label
    variant: Label
    timesteps: Positive
    stride: Annotated[int, msgspec.Meta(ge=1, le=MAX_SIDE)]
    precision: Precision
    parameters: Count
    tau: _Constant
    threshold: _Constant
    neurons: tuple[NeuronLayer, ...]
    operations: tuple[Operation, ...]
    pools: tuple[Pooling, ...]
    weights_sha256: Label
    probe: bool
    graph_bytes: Count = 0
    graph_sha256: Label = ""
    image_input: Label = "image"
    image_output: Label = "derained"
    rates_output: Label = "firing_rates"
    silent_output: Label = "silent_channels"
    target: Target = "any"
    full_precision: tuple[Label, ...] = ()
    source_sha256: Label = ""
    batch: Positive = 1
    height: Side = 0
    width: Side = 0
    spec_version: int = SPEC_VERSION

    def to_json(self) -> str:
        """The description as it is written into a file."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str, options: str = "") -> ModelSpec:
        """Reads a description.

        Args:
            text: the description.
            options: of the command that makes such a file again, after the model's name.

        Raises:
            ModelError: it is not one, or of a version this program does not know.
        """
        try:
            values = msgspec.json.decode(text)
            version = values["spec_version"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ModelError("the model's description is damaged", "export it again") from error
        if version != SPEC_VERSION:
            raise _other_version(values, version, options)
        try:
            spec = msgspec.convert(values, cls)
        except msgspec.ValidationError as error:
            raise ModelError(
                "the model's description is incomplete or wrong", "export it again"
            ) from error
        spec._require_consistent()
        return spec

    def _require_consistent(self) -> None:
        """Checks what no single field tells.

        Raises:
            ModelError: fields contradict each other.
        """
        named = [layer.name for layer in self.neurons]
        read = {name for operation in self.operations for name in operation.neurons}
        if len(set(named)) < len(named) or not read.issubset(named):
            raise ModelError("the model's description names neurons wrongly", "export it again")
        sides = (self.height, self.width)
        if any(side % self.stride for side in sides) or (0 in sides and any(sides)):
            raise ModelError(
                "the model's description has a wrong size of images", "export it again"
            )

    def sealed(self, graph: bytes) -> ModelSpec:
        """This description with length and digest of the serialised graph filled in."""
        described = replace(self, graph_bytes=len(graph), graph_sha256="")
        return replace(described, graph_sha256=described._digest(graph))

    def seals(self, content: bytes) -> bool:
        """Whether a file is what was exported: its graph, this description and nothing else."""
        graph = content[: self.graph_bytes]
        unsealed = replace(self, graph_sha256="")
        return (
            content[self.graph_bytes :] == self.to_metadata()
            and unsealed._digest(graph) == self.graph_sha256
        )

    def to_metadata(self) -> bytes:
        """The description as ONNX metadata, to be put behind a serialised graph.

        A protobuf message may be followed by more fields of itself: here one `metadata_props`
        (field 14 of `ModelProto`), an entry of key (1) and value (2).
        """
        entry = _field(1, METADATA_KEY.encode()) + _field(2, self.to_json().encode())
        return _field(14, entry)

    def _digest(self, graph: bytes) -> str:
        return hashlib.sha256(graph + self.to_json().encode()).hexdigest()

    def macs(self, height: int, width: int) -> float:
        """Dense multiply-accumulates of one frame, all timesteps, all convolutions."""
        return sum(operation.macs(height, width) for operation in self.operations)

    def analog_macs(self, height: int, width: int) -> float:
        """The part of `macs` whose inputs are no spikes."""
        analog = (operation for operation in self.operations if not operation.spiking)
        return sum(operation.macs(height, width) for operation in analog)

    def synaptic_operations(self, height: int, width: int, rates: npt.NDArray[np.float32]) -> float:
        """SOPs of one frame: dense MACs times the firing rate of what each convolution reads.

        Args:
            height: rows of the (padded) image.
            width: columns of the (padded) image.
            rates: firing rates, float32 (layers, T), in the order of `neurons`.
        """
        read = self.input_rates(rates)
        spiking = (operation for operation in self.operations if operation.spiking)
        return sum(operation.macs(height, width) * read[operation.name] for operation in spiking)

    def input_rates(self, rates: npt.NDArray[np.float32]) -> dict[str, float]:
        """Mean firing rate of what each spiking convolution reads, by its name.

        Neuron layers that are read together have the same resolution, so they weigh by channels.

        Args:
            rates: firing rates, float32 (layers, T), in the order of `neurons`.
        """
        channels = {layer.name: layer.channels for layer in self.neurons}
        mean = dict(zip(channels, rates.mean(axis=1, dtype=np.float64).tolist(), strict=True))
        return {
            operation.name: sum(channels[name] * mean[name] for name in operation.neurons)
            / sum(channels[name] for name in operation.neurons)
            for operation in self.operations
            if operation.spiking
        }


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited protobuf field; the length is a varint, seven bits to a byte."""
    length, size = bytearray(), len(content)
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    length.append(size)
    return bytes([number << 3 | 2]) + bytes(length) + content


def _other_version(values: Mapping[str, Any], version: object, options: str) -> ModelError:
    """What to raise about a description of an older or newer version."""
    name, precision = (str(values.get(key)) for key in ("name", "precision"))
    if not name.isprintable() or len(name) > _LONGEST_NAME:
        name = "MODEL"
    remedy = "install a matching spikerain-edge: pip install --upgrade spikerain-edge"
    if isinstance(version, int) and version < SPEC_VERSION:
        model = name.removesuffix(f"-{precision}")
        flag = f" --{precision}" if precision in ("fp16", "int8") else ""
        remedy = f"export it again: spikerain-edge export {model}{flag}{options}"
    return ModelError(
        f"the description of {name} has version {version!r:.40}, this program reads {SPEC_VERSION}",
        remedy,
    )
