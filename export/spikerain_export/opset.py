"""Converts a graph from ONNX's operator set 17 to a newer one."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from spikerain_export.precision.graph import attributes, opset_of

OPSET = 17
"""Operator set that networks are unrolled to and that other precisions are made from."""
NEWEST = 21


def at_opset(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """Converts an unrolled graph to another operator set, 17 to 21.

    Returns the graph itself if it already has this operator set. From 18 on, `ReduceMean` and
    `ReduceMax` read their axes as an input, and `Split` has the attribute `num_outputs`. All other
    operators of unrolled graphs are the same in these sets.

    Raises:
        ValueError: the graph has a newer operator set, or `opset` is outside 17 to 21.
    """
    if opset_of(model) == opset:
        return model
    if not OPSET == opset_of(model) < opset <= NEWEST:
        raise ValueError(f"cannot convert operator set {opset_of(model)} to {opset}")
    made = onnx.ModelProto()
    made.CopyFrom(model)
    for node in made.graph.node:
        if node.op_type in {"ReduceMean", "ReduceMax"}:
            _axes_as_input(made.graph, node)
        elif node.op_type == "Split":
            node.attribute.append(helper.make_attribute("num_outputs", len(node.output)))
    for entry in made.opset_import:
        if not entry.domain:
            entry.version = opset
    least = helper.find_min_ir_version_for(made.opset_import, ignore_unknown=True)
    made.ir_version = max(made.ir_version, least)
    onnx.checker.check_model(made, full_check=True)
    return made


def _axes_as_input(graph: onnx.GraphProto, node: onnx.NodeProto) -> None:
    axes = attributes(node).get("axes")
    if axes is None:
        return
    name = f"axes/{'/'.join(map(str, axes))}"
    if all(tensor.name != name for tensor in graph.initializer):
        graph.initializer.append(numpy_helper.from_array(np.array(axes, np.int64), name))
    node.input.append(name)
    kept = [entry for entry in node.attribute if entry.name != "axes"]
    del node.attribute[:]
    node.attribute.extend(kept)
