"""Evaluates a graph in double precision, cut wherever a value decides instead of being passed on.

A graph of spikes cannot be compared end to end: a potential within rounding of the threshold flips
its spike, and that moves others. So the graph is cut at the membrane potentials, before each ReLU
and gate, and before the picture is rounded. Each piece is told the values before it and computes
those after it: rounding does not add up, and what a piece computes is seen before it is gated away.
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
    """Values at the cuts of a graph, either told to it or computed by it.

    Attributes:
        potentials: membrane potentials before the reset, float64 (1, C, H, W), by the name of the
            spikes that they decide.
        hidden: what goes into a ReLU or a gate, float64 (1, C, H, W), by the module that computes
            it, of modules that run once.
        picture: float64 (1, H, W, 3) BGR in levels, neither rounded nor clipped.
    """

    potentials: Mapping[str, Doubles]
    hidden: Mapping[str, Doubles]
    picture: Doubles


@dataclass(frozen=True)
class Evaluation:
    """What a graph computed from what it was told.

    Attributes:
        cuts: the values at its cuts.
        spikes: float64 (1, C, H, W) of 0 and 1, by their name.
        derained: uint8 (1, H, W, 3) BGR.
        firing_rates: float64 (layers, T); none unless it is a probe graph.
        silent_channels: float64 (layers,); likewise.
    """

    cuts: Cuts
    spikes: dict[str, Doubles]
    derained: Bytes
    firing_rates: Doubles | None
    silent_channels: Doubles | None


class CutGraph:
    """A graph in double precision that is told the values at its cuts.

    Args:
        model: FP32 graph of free size, or its probe graph.
        spec: its description.

    Attributes:
        hidden: modules that run once and whose values go into a ReLU or a gate.

    Raises:
        ModelError: it has no neuron or no rounding where the description says so.
    """

    def __init__(self, model: onnx.ModelProto, spec: ModelSpec) -> None:
        self._spec = spec
        double = in_double_precision(model)
        made_by = {output: node for node in double.graph.node for output in node.output}
        # A graph of ours keeps its potentials negated.
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

    def __call__(self, image: Bytes, told: Cuts) -> Evaluation:
        """Evaluates all pieces of the graph.

        Args:
            image: (1, H, W, 3) uint8 BGR, its sides multiples of the stride.
            told: the values at its cuts.
        """
        spec = self._spec
        values = self._evaluator.run(None, {spec.image_input: image, **self._inputs(told)})
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

    def _inputs(self, told: Cuts) -> dict[str, Doubles]:
        return {
            **{_told(name): -told.potentials[spikes] for spikes, name in self._negated.items()},
            **{_told(name): told.hidden[module] for module, name in self._hidden.items()},
            _told(self._picture): told.picture,
        }


def in_double_precision(model: onnx.ModelProto) -> onnx.ModelProto:
    """A graph whose float32 constants, casts and outputs are float64; values stay what they are."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph = made.graph
    del graph.value_info[:]
    # The factors of a Resize are float32 in any graph.
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
    """What each ReLU and sigmoid reads, by the module whose weights compute it."""
    read = [node.input[0] for node in graph.node if node.op_type in {"Relu", "Sigmoid"}]
    modules = [
        (made_by[name].input[1].removesuffix(_WEIGHT), name)
        for name in read
        if made_by[name].op_type == "Conv"
    ]
    runs = Counter(module for module, _ in modules)
    return {module: name for module, name in modules if runs[module] == 1}


def _source_of(tensor: str, operators: Sequence[str], made_by: Mapping[str, onnx.NodeProto]) -> str:
    """What a chain of operators reads that ends in a tensor, the last operator first."""
    name = tensor
    for operator in operators:
        node = made_by.get(name)
        if node is None or node.op_type != operator:
            raise ModelError(
                f"the graph does not compute {tensor} by {operator} as its description says",
                "export it again: spikerain-edge export CHECKPOINT",
            )
        name = node.input[0]
    return name


def _cut(model: onnx.ModelProto, tensors: Sequence[str]) -> None:
    """Lets the readers of some tensors read inputs of the graph instead."""
    cut = set(tensors)
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            if name in cut:
                node.input[place] = _told(name)
    model.graph.input.extend(_double(_told(name)) for name in tensors)


def _told(name: str) -> str:
    return f"told/{name}"


def _double(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.DOUBLE, None)
