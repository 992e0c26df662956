"""FP16: half-precision tensors and casts, in the graph itself.

Strongly typed runtimes (TensorRT 11 knows no others) compute every tensor in the type the graph
gives it, so what must not lose precision is said here, operator by operator.

Measured with `python benchmarks/precision_cost.py --images FOLDER` on the middle 256x256 pixels of
ten real rainy photographs (`nano`, ONNX Runtime's CPU provider: kernels that exist in half run in
half, all others in float32 between casts, of which it drops those that meet):

| in FP32                      | PSNR to FP32 | worst image | spikes that differ |
|------------------------------|--------------|-------------|--------------------|
| nothing                      | 48.39 dB     | 43.46 dB    | 1.27 %             |
| means, picture (the default) | 48.41 dB     | 43.46 dB    | 1.27 %             |
| these and all potentials     | 48.47 dB     | 43.46 dB    | 1.23 %             |

* **Potentials** may be half precision: what they sum comes out of a convolution rounded to half
  precision already, and a hard reset leaves little to accumulate over a few timesteps.
* **Means** over whole feature maps stay in FP32, since a runtime may sum in the type it is given: a
  running sum in half precision stands still when it is some thousand times as large as what is
  added, and makes 0.032 of a mean of 0.120 over 65,536 pixels (NumPy, rectified noise of deviation
  0.3), an error that ONNX Runtime's own summing hides.
* **Picture**, the sum of bytes and residual up to its rounding: half precision has steps of 0.125
  above 128, and one addition per byte is cheap.

Firing rates of probe graphs are counted in FP32 for the same reason as means. Overflow would not
show in such a run: `spikerain_export.precision.overflow` looks for it in the FP32 graph's values.
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
# Of these, only the first input is computed with; the others are shapes, axes and scales.
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
    """A graph or probe graph in FP16; image and firing rates keep their types.

    Args:
        model: FP32 graph.
        spec: its description.
        source_sha256: digest of the file it comes from.
        keep: groups of tensors that stay in FP32: `neurons`, `means`, `picture`.

    Raises:
        ModelError: the graph is not FP32, or has an operator that no rule is known for.
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
        half_constants: the constants that are rounded to half precision, in FP32, by name.

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
        """Names, in the FP32 graph, of the tensors that become half or are read as halves."""
        made = [name for name, kind in self._types.items() if kind == np.float16]
        read = [name for name, kind in self._casts if kind == np.float16]
        return tuple(dict.fromkeys([*made, *read]))

    def write(self) -> onnx.ModelProto:
        """The rewritten model."""
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
        """FP32 for the groups that are kept, and for all that only probes read."""
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
        """A tensor or constant in the type that a node computes in, cast once for all readers."""
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
        with np.errstate(over="ignore"):  # an export that overflows is refused by its proof
            return self._builder.constant(f"{name}/half", value.astype(np.float16))

    def _plain(self, name: str) -> str:
        """An input that is no feature: a shape, axes, scales, or none."""
        if name not in self._source.constants:
            return name
        return self._builder.constant(name, self._source.constants[name])


def _groups(source: SourceGraph, spec: ModelSpec, keep: Collection[str]) -> dict[str, str]:
    """The layer of every node that belongs to a kept group, by the node's name."""
    found: dict[str, str] = {}
    if NEURONS in keep:
        found |= neuron_nodes(source, spec)
    if MEANS in keep:
        found |= {node.name: layer_of(node) for node in source.nodes if node.op_type in _MEANS}
    if PICTURE in keep:
        found |= _picture_nodes(source, spec)
    return found


def _picture_nodes(source: SourceGraph, spec: ModelSpec) -> dict[str, str]:
    """Bytes to numbers, and the sum of image and residual up to its conversion to bytes."""
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
