"""FP16: writes half-precision tensors and casts into the graph.

Strongly typed runtimes (TensorRT 11 has no other mode) compute every tensor in the type that the
graph gives it. So the graph itself must keep FP32 where half precision would cost accuracy.

Measured with `python benchmarks/precision_cost.py --images FOLDER` on the middle 256x256 pixels of
ten real rainy photographs (`nano`, ONNX Runtime's CPU provider: it runs operators that have a half
kernel in half, all others in float32 between casts, and drops pairs of casts that cancel):

| in FP32                      | PSNR to FP32 | worst image | spikes that differ |
|------------------------------|--------------|-------------|--------------------|
| nothing                      | 43.53 dB     | 37.44 dB    | 4.18 %             |
| means, picture (the default) | 43.54 dB     | 37.44 dB    | 4.18 %             |
| these and all potentials     | 43.57 dB     | 37.41 dB    | 4.11 %             |

* **Potentials** may be half precision: their currents are already rounded to half precision by the
  convolution, and with a hard reset little accumulates over a few timesteps.
* **Means** over whole feature maps stay in FP32, because a runtime may sum in the type of the
  tensor. A running sum in half precision stops growing once it is some thousand times larger than
  its terms: over 65,536 pixels it gives 0.032 for a mean of 0.120 (NumPy, rectified noise of
  deviation 0.3). ONNX Runtime hides this error by summing in another way.
* **Picture**, the sum of bytes and residual up to its rounding, stays in FP32: above 128, half
  precision has steps of 0.125, and one addition per byte is cheap.

Firing rates of probe graphs are counted in FP32 for the same reason as means. A CPU run does not
reveal overflow: `spikerain_export.precision.overflow` checks the values of the FP32 graph for it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import onnx
from onnx import TensorProto

from spikerain_edge.spec import ModelSpec
from spikerain_export.builder import GraphBuilder
from spikerain_export.counting import counted
from spikerain_export.precision.graph import (
    Array,
    SourceGraph,
    attributes,
    layer_of,
    neuron_nodes,
    require_full_precision,
    unknown_operator,
)

NEURONS, MEANS, PICTURE = "neurons", "means", "picture"
KEPT = (MEANS, PICTURE)

_ELEMENTWISE = {
    "Add", "Clip", "Concat", "Conv", "DepthToSpace", "GlobalAveragePool", "LessOrEqual", "Max",
    "Mean", "Mul", "Neg", "ReduceMax", "ReduceMean", "Relu", "Round", "Sigmoid", "Split", "Sub",
    "ThresholdedRelu", "Transpose",
}  # fmt: skip
# Only the first input of these is data; the others are shapes, axes and scales.
_FIRST_INPUT = {"Reshape", "Resize", "Unsqueeze"}
_MEANS = {"GlobalAveragePool", "Mean"}
_TYPES = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.float16): TensorProto.FLOAT16}


def to_half(
    model: onnx.ModelProto,
    spec: ModelSpec,
    *,
    source_sha256: str = "",
    keep: Collection[str] = KEPT,
) -> tuple[onnx.ModelProto, ModelSpec]:
    """Converts a graph or probe graph to FP16; image and firing rates keep their types.

    Args:
        model: FP32 graph.
        spec: its description.
        source_sha256: SHA-256 of the file that it was read from.
        keep: groups of tensors that stay in FP32: `neurons`, `means`, `picture`.

    Raises:
        ModelError: the graph is not FP32, or has an operator that cannot be converted.
    """
    require_full_precision(spec.precision, "fp16")
    writer = HalfWriter(SourceGraph(model), spec, keep)
    rewritten = writer.write()
    described = replace(
        spec,
        precision="fp16",
        full_precision=writer.full_precision,
        source_sha256=source_sha256,
    )
    return rewritten, counted(rewritten, described)


class HalfWriter:
    """Copies a graph node by node, each in the type of its group; see `to_half`.

    Attributes:
        half_constants: FP32 values of the constants that are rounded to half precision, by name.

    Args:
        source: FP32 graph.
        spec: its description.
        keep: groups of tensors that stay in FP32.
    """

    def __init__(self, source: SourceGraph, spec: ModelSpec, keep: Collection[str] = KEPT) -> None:
        self._source = source
        self._builder = GraphBuilder()
        self._types: dict[str, np.dtype[np.floating]] = {}
        self._casts: dict[tuple[str, np.dtype[np.floating]], str] = {}
        self._picture = source.ancestors(spec.image_output)
        self._groups = _groups(source, spec, keep)
        self._full: dict[str, None] = {}
        self.half_constants: dict[str, Array] = {}

    @property
    def full_precision(self) -> tuple[str, ...]:
        """Names of the layers whose tensors stay in FP32."""
        return tuple(self._full)

    @property
    def half_tensors(self) -> tuple[str, ...]:
        """Names, in the FP32 graph, of the tensors that become half precision or are cast to it."""
        made = [name for name, kind in self._types.items() if kind == np.float16]
        read = [name for name, kind in self._casts if kind == np.float16]
        return tuple(dict.fromkeys([*made, *read]))

    def write(self) -> onnx.ModelProto:
        """Returns the rewritten model."""
        for node in self._source.nodes:
            self._node(node)
        return self._source.finish(self._builder)

    def _node(self, node: onnx.NodeProto) -> None:
        precision = self._precision(node)
        if node.op_type == "Cast":
            self._cast(node, precision)
            return
        if node.op_type in _ELEMENTWISE:
            inputs = [self._read(name, precision, node) for name in node.input]
        elif node.op_type in _FIRST_INPUT:
            inputs = [self._read(node.input[0], precision, node)]
            inputs += [self._plain(name) for name in node.input[1:]]
        else:
            raise unknown_operator(node, "fp16")
        self._builder.copy(node, inputs)
        for output in node.output:
            if node.op_type != "LessOrEqual":
                self._types[output] = precision

    def _precision(self, node: onnx.NodeProto) -> np.dtype[np.floating]:
        """Returns FP32 for nodes of a kept group and nodes that only probes read, else FP16."""
        layer = self._groups.get(node.name)
        if node.name not in self._picture:
            return np.dtype(np.float32)
        if layer is not None:
            self._full[layer] = None
            return np.dtype(np.float32)
        return np.dtype(np.float16)

    def _cast(self, node: onnx.NodeProto, precision: np.dtype[np.floating]) -> None:
        if attributes(node)["to"] != TensorProto.FLOAT:
            self._builder.copy(node, list(node.input))
            return
        self._builder.copy(node, list(node.input), to=_TYPES[precision])
        self._types[node.output[0]] = precision

    def _read(self, name: str, precision: np.dtype[np.floating], node: onnx.NodeProto) -> str:
        """Returns a tensor or constant in the type of a node, cast once for all readers."""
        if name in self._source.constants:
            return self._constant(name, precision, node)
        if self._types.get(name, precision) == precision:
            return name
        key = (name, precision)
        if key not in self._casts:
            suffix = "half" if precision == np.float16 else "full"
            self._casts[key] = self._builder.node(
                "Cast", [name], f"{name}/{suffix}", to=_TYPES[precision]
            )
        return self._casts[key]

    def _constant(self, name: str, precision: np.dtype[np.floating], node: onnx.NodeProto) -> str:
        value = self._source.constants[name]
        if value.dtype != np.float32 or precision == np.float32:
            return self._builder.constant(name, value)
        self.half_constants[name] = value
        with np.errstate(over="ignore"):  # `require_half_range` rejects an export that overflows
            return self._builder.constant(f"{name}/half", value.astype(np.float16))

    def _plain(self, name: str) -> str:
        """Returns an input that is not data (a shape, axes, scales, or empty) unchanged."""
        if name not in self._source.constants:
            return name
        return self._builder.constant(name, self._source.constants[name])


def _groups(source: SourceGraph, spec: ModelSpec, keep: Collection[str]) -> dict[str, str]:
    """Returns the layer of every node of a kept group, by the node's name."""
    found: dict[str, str] = {}
    if NEURONS in keep:
        found |= neuron_nodes(source, spec)
    if MEANS in keep:
        found |= {node.name: layer_of(node) for node in source.nodes if node.op_type in _MEANS}
    if PICTURE in keep:
        found |= _picture_nodes(source, spec)
    return found


def _picture_nodes(source: SourceGraph, spec: ModelSpec) -> dict[str, str]:
    """Returns the nodes from image bytes and residual to the rounded, clipped sum, with layers."""
    found: dict[str, str] = {}
    node = source.made_by[source.made_by[spec.image_output].input[0]]
    while node.op_type in {"Clip", "Round", "Add"}:
        found[node.name] = layer_of(node)
        pixels = source.made_by[node.input[0]]
        if node.op_type == "Add":
            found[pixels.name] = layer_of(pixels)
            break
        node = pixels
    return found
