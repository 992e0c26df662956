"""Finds the convolutions on spikes, and joins those whose outputs are added to one current.

In the FP32 graph, one convolution computes the contribution of the block input to all units of a
dense block; a second one per unit adds the contribution of earlier units. For integer convolutions,
which round their outputs to bytes, that would cost two roundings and a sum. So each unit gets one
convolution over the concatenation of all spikes that it reads, as in the paper.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx

from spikerain_edge.errors import ModelError
from spikerain_edge.spec import ModelSpec
from spikerain_export.precision.graph import (
    EXPORT_AGAIN,
    Array,
    SourceGraph,
    attributes,
    layer_of,
    neuron_nodes,
)


@dataclass(frozen=True)
class WeightPart:
    """The rows of an initializer (outputs, inputs, k, k) that a joined weight holds."""

    name: str
    rows: slice


@dataclass(frozen=True)
class SpikingConvolution:
    """One timestep of a convolution on spikes.

    Attributes:
        layer: name of the convolution, the same at every timestep.
        output: name of its output in the FP32 graph.
        spikes: spike tensors that it reads, in channel order.
        weight: float32 (outputs, inputs, k, k).
        bias: float32 (outputs,).
        settings: attributes of the node: `kernel_shape`, `strides`, `pads`.
        parts: where the inputs of `weight` come from, in their order.
        only_neurons: whether only neurons read the output.
    """

    layer: str
    output: str
    spikes: tuple[str, ...]
    weight: Array
    bias: Array
    settings: dict[str, Any]
    parts: tuple[WeightPart, ...]
    only_neurons: bool = False


class SpikingConvolutions:
    """The joined convolutions on spikes of an FP32 graph.

    Attributes:
        at: the convolutions to emit in place of a node, by the node's name.
        replaced: names of the nodes that these convolutions replace.
    """

    def __init__(self, source: SourceGraph, spec: ModelSpec) -> None:
        self._source = source
        self._readers = source.readers()
        self._neurons = neuron_nodes(source, spec)
        self._spikes = {name for layer in spec.neurons for name in layer.spikes}
        self.at: dict[str, list[SpikingConvolution]] = {}
        self.replaced: set[str] = set()
        for node in source.nodes:
            if node.op_type == "Split":
                self._join_units(node)
        for node in source.nodes:
            found = None if node.name in self.replaced else self._single(node)
            if found is not None:
                self._emit_at(node, found)

    @property
    def all(self) -> list[SpikingConvolution]:
        """All convolutions, one per timestep."""
        return [found for group in self.at.values() for found in group]

    def leaves(self, tensor: str) -> tuple[str, ...]:
        """Returns the spike tensors that a tensor concatenates; empty if it holds anything else."""
        if tensor in self._spikes:
            return (tensor,)
        node = self._source.made_by.get(tensor)
        if node is None or node.op_type != "Concat":
            return ()
        parts = [self.leaves(name) for name in node.input]
        return tuple(leaf for part in parts for leaf in part) if all(parts) else ()

    def _emit_at(self, node: onnx.NodeProto, found: SpikingConvolution) -> None:
        readers = self._readers[found.output]
        only_neurons = all(reader.name in self._neurons for reader in readers)
        self.replaced.add(node.name)
        self.at.setdefault(node.name, []).append(replace(found, only_neurons=only_neurons))

    def _single(self, node: onnx.NodeProto) -> SpikingConvolution | None:
        """Returns a node as a convolution on spikes; None if it is not one."""
        if node.op_type != "Conv" or not (leaves := self.leaves(node.input[0])):
            return None
        weight = self._source.constants[node.input[1]]
        bias = (
            self._source.constants[node.input[2]]
            if len(node.input) > 2
            else np.zeros(len(weight), np.float32)
        )
        parts = (WeightPart(node.input[1], slice(0, len(weight))),)
        return SpikingConvolution(
            layer_of(node), node.output[0], leaves, weight, bias, attributes(node), parts
        )

    def _join_units(self, split: onnx.NodeProto) -> None:
        """Makes one convolution of each part of a split one and of the convolution added to it."""
        entry_node = self._source.made_by[split.input[0]]
        entry = self._single(entry_node)
        if entry is None:
            return
        count = len(entry.weight) // len(split.output)
        for number, part in enumerate(split.output):
            mine = slice(number * count, (number + 1) * count)
            unit = replace(
                entry,
                layer=part.rpartition("/")[0].removesuffix(".entry"),
                output=part,
                weight=entry.weight[mine],
                bias=entry.bias[mine],
                parts=(WeightPart(entry_node.input[1], mine),),
            )
            self._add_recurrent(split, unit)
        self.replaced |= {entry_node.name, split.name}

    def _add_recurrent(self, split: onnx.NodeProto, unit: SpikingConvolution) -> None:
        sums = [node for node in self._readers[unit.output] if node.op_type == "Add"]
        if not sums:
            self._emit_at(split, unit)
            return
        (total,) = sums
        (other,) = (name for name in total.input if name != unit.output)
        recurrent_node = self._source.made_by[other]
        recurrent = self._single(recurrent_node)
        if recurrent is None or recurrent.settings != unit.settings:
            raise ModelError(
                f"{other} is not a spiking convolution with the settings of the one that it is "
                "added to",
                EXPORT_AGAIN,
            )
        self.replaced.add(recurrent_node.name)
        joined = replace(
            recurrent,
            output=total.output[0],
            spikes=unit.spikes + recurrent.spikes,
            weight=np.concatenate([unit.weight, recurrent.weight], axis=1),
            bias=unit.bias + recurrent.bias,
            parts=unit.parts + recurrent.parts,
        )
        self._emit_at(total, joined)
