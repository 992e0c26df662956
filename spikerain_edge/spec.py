"""ModelSpec: the description that every exported graph carries.

It is stored as JSON in the metadata of the ONNX file under the key `METADATA_KEY`. Loading a file
starts with reading and checking its description.
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
Target = Literal["any", "onnxruntime", "openvino", "tensorrt"]
Side = Annotated[int, msgspec.Meta(ge=0, le=MAX_SIDE)]
_Constant = Annotated[float, msgspec.Meta(gt=0, le=1e6)]


@dataclass(frozen=True)
class ModelSpec:
    """Description of a graph.

    Attributes:
        name: name of the model.
        variant: name of the network architecture, such as `nano`.
        timesteps: number of timesteps T that are unrolled in the graph.
        stride: height and width of an input must be multiples of this.
        precision: number format of the convolutions.
        target: runtime that the graph was made for; `any` if every runtime can run it.
        full_precision: names of the layers whose output stays float32 in a graph of lower
            precision.
        source_sha256: SHA-256 of the ONNX file that this graph was converted from; empty if it was
            exported from the network.
        batch: images per call.
        height: height of the images in pixels; 0 if every multiple of the stride is accepted.
        width: width of the images in pixels; 0 if every multiple of the stride is accepted.
        parameters: trainable parameters of the network before batch norm is folded.
        tau: membrane time constant in timesteps.
        threshold: firing threshold.
        neurons: every neuron layer; the probe graph reports firing rates in this order.
        operations: every convolution.
        pools: every global average pooling.
        weights_sha256: SHA-256 of the weights that the graph was made from.
        probe: whether the graph also reports firing rates and silent channels.
        graph_bytes: length of the serialised graph in bytes; the metadata follows it.
        graph_sha256: SHA-256 of those bytes and of this description with this field empty.
        image_input: name of the input, uint8 (batch, H, W, 3) BGR.
        previous_input: name of the second input of a video model, of the same type and shape: the
            frame before each image. None if the model takes single images.
        image_output: name of the output, of the same type and shape.
        rates_output: name of the probe graph's second output, firing rates float32 (layers, T).
        silent_output: name of the probe graph's third output, the share of channels that never
            fire, float32 (layers,).
        spec_version: version of the description's format.
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
    previous_input: Label | None = None
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

    @property
    def image_inputs(self) -> tuple[str, ...]:
        """Names of all inputs: the image, and the frame before it if the model reads that."""
        if self.previous_input is None:
            return (self.image_input,)
        return self.image_input, self.previous_input

    @property
    def reads_video(self) -> bool:
        """Whether the model also reads the frame before each image."""
        return self.previous_input is not None

    def to_json(self) -> str:
        """Returns the description as JSON, as files hold it."""
        values = asdict(self)
        if not self.reads_video:
            # Digests of files from before there were video models cover no such field.
            del values["previous_input"]
        return json.dumps(values, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str, options: str = "") -> ModelSpec:
        """Reads a description from JSON.

        Args:
            text: the description.
            options: options of `spikerain-edge export` that make the same kind of file, with a
                leading space. Remedies of errors name them.

        Raises:
            ModelError: the text is not a description, a field is missing or has an invalid value,
                or the version is not supported.
        """
        try:
            values = msgspec.json.decode(text)
            version = values["spec_version"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ModelError("the model description is damaged", _again(options)) from error
        if version != SPEC_VERSION:
            raise _other_version(values, version, options)
        try:
            spec = msgspec.convert(values, cls)
        except msgspec.ValidationError as error:
            raise ModelError(
                "the model description is incomplete or has invalid values", _again(options)
            ) from error
        spec._require_consistent(options)
        return spec

    def _require_consistent(self, options: str) -> None:
        """Checks that the fields of the description do not contradict each other.

        Raises:
            ModelError: two neuron layers or two inputs have the same name, an operation reads an
                unknown layer, or the image size is not valid for the stride.
        """
        layers = [layer.name for layer in self.neurons]
        read = {name for operation in self.operations for name in operation.neurons}
        if len(set(layers)) < len(layers) or not read.issubset(layers):
            raise ModelError(
                "the model description has contradictory names of neuron layers", _again(options)
            )
        if self.previous_input == self.image_input:
            raise ModelError("the model description names one input twice", _again(options))
        sides = (self.height, self.width)
        if any(side % self.stride for side in sides) or (0 in sides and any(sides)):
            raise ModelError("the model description has an invalid image size", _again(options))

    def sealed(self, graph: bytes) -> ModelSpec:
        """Returns this description with the length and SHA-256 of the serialised graph."""
        described = replace(self, graph_bytes=len(graph), graph_sha256="")
        return replace(described, graph_sha256=described._digest(graph))

    def seals(self, content: bytes) -> bool:
        """Whether a file holds exactly the exported graph and this description."""
        graph = content[: self.graph_bytes]
        unsealed = replace(self, graph_sha256="")
        return (
            content[self.graph_bytes :] == self.to_metadata()
            and unsealed._digest(graph) == self.graph_sha256
        )

    def to_metadata(self) -> bytes:
        """Returns the description as ONNX metadata, to append to a serialised graph.

        Fields may be appended to a serialised protobuf message. This one is a `metadata_props`
        (field 14 of `ModelProto`), an entry with a key (field 1) and a value (field 2).
        """
        entry = _field(1, METADATA_KEY.encode()) + _field(2, self.to_json().encode())
        return _field(14, entry)

    def _digest(self, graph: bytes) -> str:
        return hashlib.sha256(graph + self.to_json().encode()).hexdigest()

    def macs(self, height: int, width: int) -> float:
        """Dense multiply-accumulates of all convolutions and timesteps for one frame.

        Args:
            height: height of the (padded) image in pixels.
            width: width of the (padded) image in pixels.
        """
        return sum(operation.macs(height, width) for operation in self.operations)

    def analog_macs(self, height: int, width: int) -> float:
        """Part of `macs` that belongs to convolutions whose input is not spikes."""
        analog = (operation for operation in self.operations if not operation.spiking)
        return sum(operation.macs(height, width) for operation in analog)

    def synaptic_operations(self, height: int, width: int, rates: npt.NDArray[np.float32]) -> float:
        """Synaptic operations of one frame: dense MACs times the firing rate of the input.

        Args:
            height: height of the (padded) image in pixels.
            width: width of the (padded) image in pixels.
            rates: firing rates, float32 (layers, T), in the order of `neurons`.
        """
        read = self.input_rates(rates)
        spiking = (operation for operation in self.operations if operation.spiking)
        return sum(operation.macs(height, width) * read[operation.name] for operation in spiking)

    def input_rates(self, rates: npt.NDArray[np.float32]) -> dict[str, float]:
        """Mean firing rate of the input of each spiking convolution, by the convolution's name.

        Neuron layers that one convolution reads have the same resolution, so their rates are
        weighted by their channels.

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
    """Encodes a length-delimited protobuf field; the length is a varint, 7 bits per byte."""
    length, size = bytearray(), len(content)
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    length.append(size)
    return bytes([number << 3 | 2]) + bytes(length) + content


def _other_version(values: Mapping[str, Any], version: object, options: str) -> ModelError:
    """Returns the error for a description of an unsupported version."""
    name, precision = (str(values.get(key)) for key in ("name", "precision"))
    if not name.isprintable() or len(name) > _LONGEST_NAME:
        name = "MODEL"
    remedy = "install a matching spikerain-edge: pip install --upgrade spikerain-edge"
    if isinstance(version, int) and version < SPEC_VERSION:
        model = name.removesuffix(f"-{precision}")
        flag = f" --{precision}" if precision in ("fp16", "int8") else ""
        remedy = _again(f"{flag}{options}", model)
    return ModelError(
        f"the description of {name} has version {version!r:.40} but this program reads version "
        f"{SPEC_VERSION}",
        remedy,
    )


def _again(options: str, model: str = "MODEL") -> str:
    return f"export it again: spikerain-edge export {model}{options}"
