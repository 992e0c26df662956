from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from precision_parts import Array, constants, described, run, tapped

from spikerain_edge.spec import ModelSpec
from spikerain_export.precision import to_int8
from spikerain_export.rainy_scenes import draw_scenes
from spikerain_training.network import SpikeRain


@pytest.fixture(scope="module")
def converted(nano: SpikeRain) -> tuple[onnx.ModelProto, ModelSpec, dict[str, Array]]:
    """The INT8 graph for ONNX Runtime, its description, and the constants of the FP32 graph."""
    model, spec = described(nano)
    return *to_int8(model, spec, "onnxruntime", draw_scenes(1, (48, 64))), constants(model)


def values(model: onnx.ModelProto, *names: str) -> list[Array]:
    """Tensors of a graph on a photograph, in double precision."""
    found = run(tapped(model, names, TensorProto.FLOAT), names)
    return [each.astype(np.float64) for each in found]


def test_the_gate_of_the_enhancement_reads_all_features_without_joining_them(
    converted: tuple[onnx.ModelProto, ModelSpec, dict[str, Array]],
) -> None:
    model, _, full = converted
    names = ("fuse/sum/1", "enhance/by_channel", "enhance/by_place", "enhance.gate/out")
    *features, actual = values(model, *names)
    weight = full["enhance.gate/weight"].astype(np.float64)[:, :, 0, 0]
    expected = np.concatenate(features, axis=3) @ weight.T + full["enhance.gate/bias"]
    np.testing.assert_allclose(actual, expected, atol=1e-5 * np.abs(expected).max())
    assert expected.std() > 1e-3
    assert "enhance/joined" not in {node.name for node in model.graph.node}


def test_means_and_gates_are_those_of_the_network(
    converted: tuple[onnx.ModelProto, ModelSpec, dict[str, Array]],
) -> None:
    model, _, _ = converted
    block = "encoder1.0"
    names = ("merge/1", "attention/mean/1", "attention/gate/1", "attention/gated/1")
    feature, mean, gate, gated = values(model, *(f"{block}.{name}" for name in names))
    expected = feature.mean(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(mean, expected, atol=1e-5 * np.abs(expected).max())
    assert gate.shape == mean.shape
    np.testing.assert_allclose(gated, feature * gate, rtol=1e-6)


def test_products_do_not_change_what_the_layers_of_the_network_cost(
    converted: tuple[onnx.ModelProto, ModelSpec, dict[str, Array]], nano: SpikeRain
) -> None:
    model, spec, _ = converted
    _, full = described(nano)
    kept = {operation.name: operation for operation in spec.operations}
    for operation in full.operations:
        if not operation.spiking:
            assert kept[operation.name] == operation
    assert Counter(node.op_type for node in model.graph.node)["Gemm"] == 3
