"""Evaluates a graph in double precision, cut into pieces at every non-linear function.

A spiking graph cannot be compared end to end: a rounding error next to the threshold flips a
spike, which changes all later ones. So the graph is cut at the membrane potentials, before each
ReLU and gate, and before the picture is rounded. Each piece is given the values at the cuts before
it and computes the values at the cuts after it. Rounding errors then do not add up, and the input
of a ReLU or gate can be compared before that function hides it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from spikerain_edge.errors import ModelError
from spikerain_edge.spec import ModelSpec
from spikerain_export.precision.graph import attributes

Doubles = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]
_WEIGHT = "/weight"


@dataclass(frozen=True)
class Cuts:
    """Values at the cuts of a graph, either given to it or computed by it.

    Attributes:
        potentials: membrane potentials before the reset, float64 (1, C, H, W), by the name of the
            spike tensor computed from them.
        hidden: inputs of ReLUs and gates, float64 (1, C, H, W), by the module that computes them;
            only modules that run once.
        picture: float64 (1, H, W, 3) BGR in levels 0..255, neither rounded nor clipped.
    """

    potentials: Mapping[str, Doubles]
    hidden: Mapping[str, Doubles]
    picture: Doubles


@dataclass(frozen=True)
class Evaluation:
    """The values that a graph computed from the values given at its cuts.

    Attributes:
        cuts: the computed values at its cuts.
        spikes: float64 (1, C, H, W) of 0 and 1, by the name of the tensor.
        derained: uint8 (1, H, W, 3) BGR.
        firing_rates: float64 (layers, T); None unless it is a probe graph.
        silent_channels: float64 (layers,); None unless it is a probe graph.
    """

    cuts: Cuts
    spikes: dict[str, Doubles]
    derained: Bytes
    firing_rates: Doubles | None
    silent_channels: Doubles | None


class CutGraph:
    """A graph in double precision that is given the values at its cuts.

    Args:
        model: FP32 graph of free size, or its probe graph.
        spec: its description.

    Attributes:
        hidden: modules that run once and whose output a ReLU or a gate reads.

    Raises:
        ModelError: the graph lacks a neuron or the rounding that its description names.
    """

    def __init__(self, model: onnx.ModelProto, spec: ModelSpec) -> None:
        self._spec = spec
        double = in_double_precision(model)
        made_by = {output: node for node in double.graph.node for output in node.output}
        # Unrolled graphs store negated potentials.
        self._negated = {
            spikes: _source_of(spikes, ("Cast", "LessOrEqual"), made_by)
            for layer in spec.neurons
            for spikes in layer.spikes
        }
        self._hidden = _hidden(double.graph, made_by)
        self.hidden = tuple(self._hidden)
        self._picture = _source_of(spec.image_output, ("Cast", "Clip", "Round"), made_by)
        tensors = [*self._negated.values(), *self._hidden.values(), self._picture]
        _cut(double, tensors)
        double.graph.output.extend(map(_double, [*self._negated, *tensors]))
        self._evaluator = ReferenceEvaluator(double)

    def __call__(self, frames: Sequence[Bytes], given: Cuts) -> Evaluation:
        """Evaluates all pieces of the graph.

        Args:
            frames: what the graph reads, the image first; (1, H, W, 3) uint8 BGR, their sides
                multiples of the stride.
            given: the values at its cuts.
        """
        spec = self._spec
        shown = dict(zip(spec.image_inputs, frames, strict=True))
        values = self._evaluator.run(None, {**shown, **self._inputs(given)})
        found: dict[str, Any] = dict(zip(self._evaluator.output_names, values, strict=True))
        return Evaluation(
            Cuts(
                {spikes: -found[name] for spikes, name in self._negated.items()},
                {module: found[name] for module, name in self._hidden.items()},
                found[self._picture],
            ),
            {spikes: found[spikes] for spikes in self._negated},
            found[spec.image_output],
            found.get(spec.rates_output),
            found.get(spec.silent_output),
        )

    def _inputs(self, given: Cuts) -> dict[str, Doubles]:
        return {
            **{_given(name): -given.potentials[spikes] for spikes, name in self._negated.items()},
            **{_given(name): given.hidden[module] for module, name in self._hidden.items()},
            _given(self._picture): given.picture,
        }


def in_double_precision(model: onnx.ModelProto) -> onnx.ModelProto:
    """Returns a copy of a graph whose float32 constants, casts and outputs are float64.

    The values of the constants do not change.
    """
    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph = made.graph
    del graph.value_info[:]
    # ONNX requires the scales of a Resize to be float32.
    factors = {node.input[2] for node in graph.node if node.op_type == "Resize"}
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and tensor.name not in factors:
            value = numpy_helper.to_array(tensor).astype(np.float64)
            tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))
    for node in graph.node:
        if node.op_type == "Cast" and attributes(node)["to"] == TensorProto.FLOAT:
            del node.attribute[:]
            node.attribute.append(helper.make_attribute("to", TensorProto.DOUBLE))
    for value in graph.output:
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            value.type.tensor_type.elem_type = TensorProto.DOUBLE
    return made


def _hidden(graph: onnx.GraphProto, made_by: Mapping[str, onnx.NodeProto]) -> dict[str, str]:
    """Returns the input tensor of each ReLU and sigmoid, by the module that computes it.

    Leaves out modules that run several times.
    """
    read = [node.input[0] for node in graph.node if node.op_type in {"Relu", "Sigmoid"}]
    modules = [
        (made_by[name].input[1].removesuffix(_WEIGHT), name)
        for name in read
        if made_by[name].op_type == "Conv"
    ]
    runs = Counter(module for module, _ in modules)
    return {module: name for module, name in modules if runs[module] == 1}


def _source_of(tensor: str, operators: Sequence[str], made_by: Mapping[str, onnx.NodeProto]) -> str:
    """Follows a chain of operators back from a tensor and returns the tensor that it starts from.

    Args:
        tensor: the output of the last operator.
        operators: the chain, its last operator first.
        made_by: the node that produces each tensor.

    Raises:
        ModelError: other operators produce the tensor.
    """
    name = tensor
    for operator in operators:
        node = made_by.get(name)
        if node is None or node.op_type != operator:
            raise ModelError(
                f"the graph does not compute {tensor} with the operator {operator}, as its "
                "description requires",
                "export it again from its checkpoint folder: spikerain-edge export CHECKPOINT",
            )
        name = node.input[0]
    return name


def _cut(model: onnx.ModelProto, tensors: Sequence[str]) -> None:
    """Replaces tensors, wherever they are read, by inputs of the graph."""
    cut = set(tensors)
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            if name in cut:
                node.input[place] = _given(name)
    model.graph.input.extend(_double(_given(name)) for name in tensors)


def _given(name: str) -> str:
    return f"given/{name}"


def _double(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.DOUBLE, None)
