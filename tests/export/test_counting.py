"""Compares the counts of a description with the arrays of a run of its graph."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from networks import SMALL, randomised
from onnx import helper
from precision_parts import described as described_network

from spikerain_edge.models import find_model, shipped_models
from spikerain_edge.spec import ModelSpec
from spikerain_export.artefact import unseal
from spikerain_export.conversion import Request, convert
from spikerain_export.counting import counted
from spikerain_export.origin import Origin, open_origin
from spikerain_export.truth import Scene

Described = tuple[onnx.ModelProto, ModelSpec]
Arrays = dict[str, npt.NDArray[Any]]
PLACES = {"Conv": (0, 1), "MatMul": (0, 1), "QLinearConv": (0, 3)}
SIZES = [(64, 64), (32, 72)]
MADE = ["fp32", "fp16", "int8 for onnxruntime", "int8 for tensorrt"]
EVERY = [*shipped_models(), "of two frames", *MADE]
QUICK = ["nano", "of two frames", "int8 for tensorrt"]


@pytest.fixture(scope="module")
def origin() -> Origin:
    return open_origin("nano")


@pytest.fixture(
    scope="module",
    params=[
        *(each if each in QUICK else pytest.param(each, marks=pytest.mark.slow) for each in EVERY)
    ],
)
def described(request: pytest.FixtureRequest, origin: Origin) -> Described:
    """A shipped graph, a graph of two frames, or a graph converted from nano by this test."""
    if request.param == "of two frames":
        return described_network(randomised(replace(SMALL, frames=2)))
    if request.param not in MADE:
        return unseal(find_model(request.param).graph.read(), request.param)
    precision, _, target = request.param.partition(" for ")
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    made = convert(origin, Request(precision, target or "onnxruntime"), [Scene(noise)])
    return unseal(made.content, request.param)


def run(model: onnx.ModelProto, names: set[str], size: tuple[int, int]) -> Arrays:
    """Runs a graph on a black image and returns the tensors of these names."""
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    del shown.graph.output[:]
    shown.graph.output.extend(onnx.ValueInfoProto(name=name) for name in sorted(names))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        shown.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    shown = {each.name: np.zeros((1, *size, 3), np.uint8) for each in session.get_inputs()}
    return dict(zip(sorted(names), session.run(None, shown), strict=True))


def convolutions(model: onnx.ModelProto) -> list[tuple[str, str, str, tuple[int, ...]]]:
    """Operation, input, output and shape of the weight of each; inputs before dequantisation."""
    codes = {
        node.output[0]: node.input[0]
        for node in model.graph.node
        if node.op_type == "DequantizeLinear"
    }
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    found = []
    for node in model.graph.node:
        if node.op_type in PLACES:
            read, weight = (node.input[place] for place in PLACES[node.op_type])
            if weight in codes:
                read, weight = codes[read], codes[weight]
            found.append((weight.partition("/")[0], read, node.output[0], shapes[weight]))
    return found


@pytest.mark.parametrize("size", SIZES)
def test_counts_agree_with_the_arrays_of_a_run(described: Described, size: tuple[int, int]) -> None:
    model, spec = described
    nodes = convolutions(model)
    arrays = run(model, {name for _, read, made, _ in nodes for name in (read, made)}, size)
    macs, reads, writes = Counter[str](), Counter[str](), Counter[str]()
    for name, read, made, shape in nodes:
        # A matrix has shape (inputs, outputs), a kernel (outputs, inputs, k, k).
        outputs = shape[1] if len(shape) == 2 else shape[0]
        macs[name] += arrays[made].size * math.prod(shape) // outputs
        reads[name] += arrays[read].size
        writes[name] += arrays[made].size
    sizes = {name: (arrays[read].itemsize, arrays[made].itemsize) for name, read, made, _ in nodes}
    # This layer is written as several products, but counted as in FP32.
    folded = {node.name.partition("/")[0] for node in model.graph.node if node.op_type == "Gemm"}
    assert folded <= {"enhance.gate"}
    source = find_model("tiny" if spec.variant == "tiny" else "nano")
    _, precise = unseal(source.graph.read(), spec.variant)
    full = {each.name: each for each in precise.operations}
    assert all(each == full[each.name] for each in spec.operations if each.name in folded)
    counted = [each for each in spec.operations if each.name not in folded]
    assert [each.name for each in counted] == list(macs)
    for each in counted:
        assert each.macs(*size) == macs[each.name]
        assert each.reads.count(*size) == reads[each.name]
        assert each.writes.count(*size) == writes[each.name]
        assert (each.reads.element_bytes, each.writes.element_bytes) == sizes[each.name]


@pytest.mark.parametrize("size", SIZES)
def test_poolings_read_the_features_of_the_attention(
    described: Described, size: tuple[int, int]
) -> None:
    model, spec = described
    # Only the fused features and the merged features of each block are pooled. With one timestep,
    # nothing is fused.
    fused = "fuse/sum/" if spec.timesteps > 1 else "decoder1.0/"
    pooled = {"enhance/mean": fused} | {
        f"{name.removesuffix('.merge')}.attention/mean": f"{name}/"
        for name in (operation.name for operation in spec.operations)
        if name.endswith(".merge")
    }
    made = [output for node in model.graph.node for output in node.output]
    steps = {
        pool: [name for name in made if name.rpartition("/")[0] + "/" == prefix]
        for pool, prefix in pooled.items()
    }
    steps["enhance/mean"] = steps["enhance/mean"][-1:]
    arrays = run(model, {name for names in steps.values() for name in names}, size)
    assert {pool.name for pool in spec.pools} == set(pooled)
    axis = 3 if any(node.op_type == "QLinearConv" for node in model.graph.node) else 1
    for pool in spec.pools:
        elements = sum(arrays[name].size for name in steps[pool.name])
        assert pool.reads_per_pixel * math.prod(size) == elements
        assert pool.channels == arrays[steps[pool.name][0]].shape[axis]


def test_uncounted_operators_that_multiply_are_rejected(origin: Origin) -> None:
    model = onnx.ModelProto()
    model.CopyFrom(origin.graph.model)
    model.graph.node.append(helper.make_node("MatMulInteger", ["residual"] * 2, ["product"]))
    with pytest.raises(ValueError, match="MatMulInteger"):
        counted(model, origin.graph.spec)


def test_a_shape_that_depends_on_values_is_rejected(origin: Origin) -> None:
    model = onnx.ModelProto()
    model.CopyFrom(origin.graph.model)
    model.graph.node.append(helper.make_node("NonZero", ["residual"], ["places"]))
    with pytest.raises(ValueError, match="places"):
        counted(model, origin.graph.spec)


def test_an_operation_that_reads_different_neurons_is_rejected(origin: Origin) -> None:
    first, second, *others = origin.graph.spec.neurons
    swapped = replace(first, spikes=(first.spikes[0], *second.spikes[1:]))
    other = replace(second, spikes=(second.spikes[0], *first.spikes[1:]))
    spec = replace(origin.graph.spec, neurons=(swapped, other, *others))
    with pytest.raises(ValueError, match="read different neurons"):
        counted(origin.graph.model, spec)
