from __future__ import annotations

import subprocess
import sys
from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from precision_parts import (
    Array,
    constants,
    described,
    names_of_spikes,
    photograph,
    representable,
    run,
    shipped,
    tapped,
    types,
    with_unknown_operator,
)

from spikerain_edge import Derainer, ModelError
from spikerain_edge.images.metrics import psnr
from spikerain_edge.spec import ModelSpec
from spikerain_export.artefact import seal
from spikerain_export.precision import (
    Int8Target,
    integer_convolutions,
    output_scales,
    to_int8,
    with_constants,
)
from spikerain_export.truth import Scene
from spikerain_training.network import SpikeRain

pytestmark = pytest.mark.slow

SMALL = photograph(40, 48)
TARGETS: list[Int8Target] = ["tensorrt", "onnxruntime", "openvino"]


@pytest.fixture(params=["nano", "nano_spike", pytest.param("published", marks=pytest.mark.slow)])
def network(request: pytest.FixtureRequest) -> SpikeRain:
    found: SpikeRain = request.getfixturevalue(request.param)
    return found


def spikes(model: onnx.ModelProto, spec: ModelSpec, kind: int) -> dict[str, Array]:
    names = names_of_spikes(spec)
    return dict(zip(names, run(tapped(model, names, kind), names), strict=True))


def test_weights_that_are_exact_in_int8_change_nothing_for_tensorrt(network: SpikeRain) -> None:
    model, spec = described(network)
    exact = representable(model, spec)
    int8, _ = to_int8(exact, spec, "tensorrt")
    before, after = (spikes(graph, spec, TensorProto.FLOAT) for graph in (exact, int8))
    for name, expected in before.items():
        np.testing.assert_array_equal(after[name], expected, err_msg=name)
    assert np.mean([step.mean() for step in before.values()]) > 0.02
    np.testing.assert_array_equal(run(int8, ["derained"])[0], run(exact, ["derained"])[0])


def test_first_spikes_are_exact_for_onnx_runtime(network: SpikeRain) -> None:
    model, spec = described(network)
    exact = representable(model, spec)
    int8, _ = to_int8(exact, spec, "onnxruntime", [Scene(SMALL)])
    before = spikes(exact, spec, TensorProto.FLOAT)
    after = spikes(int8, spec, TensorProto.UINT8)
    # The block input is not rounded, so the first spikes of the units depend on weights only.
    for unit in range(network.config.units + 1):
        name = f"encoder1.0.neurons.{unit}/spikes/0"
        expected = np.moveaxis(before[name], 1, 3)
        np.testing.assert_array_equal(after[name], expected, err_msg=name)
        assert 0 < expected.mean() < 1


@pytest.mark.parametrize("target", TARGETS)
def test_the_shipped_model_in_int8_produces_the_same_picture(target: Int8Target) -> None:
    model, spec = shipped()
    image = photograph(128, 160)
    int8, _ = to_int8(model, spec, target, [Scene(photograph(96, 96))])
    (expected,), (actual,) = (run(graph, ["derained"], image) for graph in (model, int8))
    # At least the gate, and clearly better than a graph that returns its input.
    assert psnr(actual[0], expected[0]) >= max(35, psnr(expected[0], image) + 2)


def test_every_spiking_convolution_reads_signed_bytes(network: SpikeRain) -> None:
    model, spec = described(network)
    int8, _ = to_int8(model, spec, "tensorrt")
    kinds = types(int8)
    made_by = {node.output[0]: node for node in int8.graph.node}
    spiking = {operation.name for operation in spec.operations if operation.spiking}
    seen = set()
    for node in int8.graph.node:
        if node.op_type != "Conv":
            continue
        layer = node.name.rpartition("/")[0]
        pairs = [made_by.get(name) for name in node.input[:2]]
        if layer not in spiking:
            assert all(pair is None or pair.op_type != "DequantizeLinear" for pair in pairs)
            continue
        seen.add(layer)
        for pair in pairs:
            assert pair is not None
            assert pair.op_type == "DequantizeLinear"
            assert [kinds[name] for name in pair.input] == [
                TensorProto.INT8,
                TensorProto.FLOAT,
                TensorProto.INT8,
            ]
        assert kinds[node.output[0]] == TensorProto.FLOAT
        assert all(kinds[name] == TensorProto.FLOAT for name in node.input[2:])
    assert seen == spiking
    zeros = [value for name, value in constants(int8).items() if name.endswith("/zero")]
    assert not np.concatenate([np.ravel(zero) for zero in zeros]).any()


def test_onnx_runtime_runs_every_spiking_convolution_in_integers(network: SpikeRain) -> None:
    model, spec = described(network)
    int8, made = to_int8(model, spec, "onnxruntime", [Scene(SMALL)])
    blocks = sum((*network.config.encoder, *network.config.decoder))
    others = 5 + network.config.merge_finest  # down, up and merge
    expected = network.config.timesteps * (blocks * (network.config.units + 1) + others)
    assert integer_convolutions(seal(int8, made)[0], made) == expected
    operators = Counter(node.op_type for node in int8.graph.node)
    assert operators["QLinearConv"] == expected
    if network.config.timesteps > 2:
        assert operators["DequantizeLinear"] == expected
        assert "QuantizeLinear" not in operators, "spikes are bytes from the start"
    else:
        # What blocks, down-convolutions and merges of levels return are features. So are the four
        # pixels that an upsampling with nearest neighbours computes as channels.
        ups = 2 * (network.config.upsampling == "nearest")
        features = blocks + 3 + network.config.merge_finest + ups
        assert operators["DequantizeLinear"] == network.config.timesteps * features
        assert not operators.keys() & {"LessOrEqual", "ThresholdedRelu", "Neg"}


def test_a_graph_without_integer_convolutions_is_rejected(nano: SpikeRain) -> None:
    model, spec = described(nano)
    with pytest.raises(ModelError, match=r"encoder1\.0\.units.* is not an integer convolution"):
        integer_convolutions(seal(model, spec)[0], spec)


def test_channels_with_small_weights_keep_their_bias(nano: SpikeRain) -> None:
    model, spec = described(nano)
    values, layer = constants(model), "down1.convolve"
    weight, bias = (np.array(values[f"{layer}/{part}"]) for part in ("weight", "bias"))
    weight[0], weight[1:3] = 0, weight[1:3] * 1e-10
    bias[:3] = 0.3, 0.3, -0.3
    weak = with_constants(model, {f"{layer}/weight": weight, f"{layer}/bias": bias})
    scale = output_scales(weak, spec, [Scene(SMALL)])[layer].scale
    int8, _ = to_int8(weak, spec, "onnxruntime", [Scene(SMALL)])
    (currents,) = run(tapped(int8, [f"{layer}/0"], TensorProto.FLOAT), [f"{layer}/0"])
    for channel, expected in enumerate((0.3, 0.3, -0.3)):
        np.testing.assert_allclose(currents[..., channel], expected, atol=0.51 * scale)


def test_the_slow_integer_convolution_is_rejected(nano: SpikeRain) -> None:
    _, spec = described(nano)
    node = helper.make_node("ConvInteger", ["image", "weight"], ["out"])
    weight = onnx.numpy_helper.from_array(np.ones((1, 1, 3, 3), np.uint8), "weight")
    graph = helper.make_graph(
        [node],
        "slow",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, 1, "h", "w"])],
        [helper.make_tensor_value_info("out", TensorProto.INT32, None)],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with pytest.raises(ModelError, match="slow operator ConvInteger"):
        integer_convolutions(model.SerializeToString(), spec)


@pytest.mark.parametrize("target", TARGETS)
def test_probe_and_plain_graph_agree(network: SpikeRain, target: Int8Target) -> None:
    model, spec = described(network)
    scales = output_scales(model, spec, [Scene(SMALL)]) if target == "onnxruntime" else None
    plain, _ = to_int8(model, spec, target, scales=scales)
    probe, made = to_int8(*described(network, probe=True), target, scales=scales)
    names = names_of_spikes(made)
    kind = TensorProto.FLOAT if target == "tensorrt" else TensorProto.UINT8
    wanted = ["derained", "firing_rates", "silent_channels", *names]
    picture, rates, silent, *steps = run(tapped(probe, names, kind), wanted)
    np.testing.assert_array_equal(picture, run(plain, ["derained"])[0])
    assert {value for step in steps for value in np.unique(step).tolist()} == {0, 1}
    means = [np.asarray(step, np.float64).mean() for step in steps]
    np.testing.assert_allclose(rates, np.reshape(means, rates.shape), atol=1e-6)
    pixels = (1, 2) if target == "onnxruntime" else (2, 3)
    first = np.max([step.max(axis=pixels) for step in steps[: spec.timesteps]], axis=0)
    assert silent[0] == pytest.approx(1 - first.mean(), abs=1e-6)


@pytest.mark.parametrize("target", TARGETS)
def test_int8_graphs_take_byte_images_of_any_size(nano: SpikeRain, target: Int8Target) -> None:
    model, spec = described(nano)
    int8, made = to_int8(model, spec, target, [Scene(SMALL)], source_sha256="cd" * 32)
    assert int8.graph.input == model.graph.input
    assert int8.graph.output == model.graph.output
    assert (made.precision, made.target, made.source_sha256) == ("int8", target, "cd" * 32)
    analogue = {operation.name for operation in spec.operations if not operation.spiking}
    assert set(made.full_precision) == analogue
    with Derainer.from_bytes(seal(int8, made)[0]) as derainer:
        for size in ((64, 80), (50, 33)):
            assert derainer(photograph(*size)).shape == (*size, 3)


def test_int8_does_not_change_the_counts_of_operations(network: SpikeRain) -> None:
    model, spec = described(network)
    _, made = to_int8(model, spec, "onnxruntime", [Scene(SMALL)])
    rates = np.random.default_rng(0).random((len(spec.neurons), spec.timesteps), np.float32)
    assert made.neurons == spec.neurons
    assert made.macs(64, 96) == pytest.approx(spec.macs(64, 96))
    assert made.analog_macs(64, 96) == spec.analog_macs(64, 96)
    expected = spec.synaptic_operations(64, 96, rates)
    assert made.synaptic_operations(64, 96, rates) == pytest.approx(expected)


def test_operations_are_the_convolutions_of_the_graph(network: SpikeRain) -> None:
    model, spec = described(network)
    int8, made = to_int8(model, spec, "onnxruntime", [Scene(SMALL)])
    emitted = {
        node.name.rsplit("/", 2)[0] for node in int8.graph.node if node.op_type == "QLinearConv"
    }
    assert emitted == {operation.name for operation in made.operations if operation.spiking}


@pytest.mark.parametrize("target", TARGETS)
def test_an_int8_file_has_no_unused_constants_or_nodes(nano: SpikeRain, target: Int8Target) -> None:
    int8, _ = to_int8(*described(nano), target, [Scene(SMALL)])
    read = {name for node in int8.graph.node for name in node.input}
    written = {name for node in int8.graph.node for name in node.output}
    assert set(constants(int8)) <= read
    assert written - read == {"derained"}
    full, _ = described(nano)
    assert int8.ByteSize() < 0.6 * full.ByteSize()


@pytest.mark.parametrize("target", TARGETS)
def test_an_int8_graph_cannot_be_converted_again(nano: SpikeRain, target: Int8Target) -> None:
    once, made = to_int8(*described(nano), "tensorrt")
    with pytest.raises(ModelError, match="already int8"):
        to_int8(once, made, target, [Scene(SMALL)])


def test_an_unknown_operator_is_rejected(nano: SpikeRain) -> None:
    model, spec = described(nano)
    with pytest.raises(ModelError, match=r"the operator Erf .*'odd'.* converted to int8"):
        to_int8(with_unknown_operator(model), spec, "onnxruntime", [Scene(SMALL)])


def test_a_constant_with_axes_in_an_elementwise_operator_is_rejected(nano: SpikeRain) -> None:
    model, spec = described(nano)
    changed = with_constants(model, {"fuse/weight/0": np.ones((24, 1, 1), np.float32)})
    with pytest.raises(ModelError, match=r"fuse/term/0.*axes"):
        to_int8(changed, spec, "onnxruntime", [Scene(SMALL)])


def test_precision_is_imported_without_torch() -> None:
    program = "import sys, spikerain_export.precision; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
