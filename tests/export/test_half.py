from __future__ import annotations

import dataclasses

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from precision_parts import (
    described,
    names_of_spikes,
    photograph,
    run,
    tapped,
    types,
    with_unknown_operator,
)

from spikerain_edge import Derainer, ModelError
from spikerain_edge.images.metrics import psnr
from spikerain_edge.spec import METADATA_KEY, ModelSpec
from spikerain_export.artefact import seal
from spikerain_export.precision import to_half
from spikerain_training.network import SpikeRain


@pytest.fixture(params=["nano", "nano_spike", "published"])
def network(request: pytest.FixtureRequest) -> SpikeRain:
    found: SpikeRain = request.getfixturevalue(request.param)
    return found


def shipped() -> tuple[onnx.ModelProto, ModelSpec]:
    from spikerain_edge.models import find_model

    model = onnx.load_from_string(find_model("nano").graph.read())
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    return model, ModelSpec.from_json(metadata[METADATA_KEY])


@pytest.mark.slow
def test_the_shipped_model_in_fp16_produces_the_same_picture() -> None:
    model, spec = shipped()
    half, _ = to_half(model, spec)
    image = photograph(128, 160)
    (expected,), (actual,) = (run(graph, ["derained"], image) for graph in (model, half))
    # At least the gate, and clearly better than a graph that returns its input.
    assert psnr(actual[0], expected[0]) >= max(40, psnr(expected[0], image) + 3)


@pytest.mark.slow
def test_the_published_layout_in_fp16_produces_the_same_picture(
    published: SpikeRain,
) -> None:
    model, spec = described(published)
    (expected,), (actual,) = (
        run(graph, ["derained"]) for graph in (model, to_half(model, spec)[0])
    )
    assert psnr(actual[0], expected[0]) >= 38


@pytest.mark.slow
def test_every_convolution_computes_in_half_precision(network: SpikeRain) -> None:
    half, _ = to_half(*described(network))
    kinds = types(half)
    convolutions = [node for node in half.graph.node if node.op_type == "Conv"]
    assert convolutions
    for node in convolutions:
        assert {kinds[name] for name in (*node.input, *node.output)} == {TensorProto.FLOAT16}


def test_exactly_the_layers_that_the_description_lists_stay_in_fp32(
    network: SpikeRain,
) -> None:
    half, spec = to_half(*described(network))
    kinds = types(half)
    kept = {
        name.rpartition("/")[0] if name.rpartition("/")[2].isdigit() else name
        for node in half.graph.node
        if node.op_type not in {"Cast", "LessOrEqual"}
        for name in node.output
        if kinds[name] == TensorProto.FLOAT
    }
    casts = {"pixels"}  # made by a cast from bytes
    assert kept | casts == set(spec.full_precision)
    assert ("enhance/mean" in kept) == network.config.gates
    assert ("encoder1.0.attention/mean" in kept) == network.config.gates


def test_potentials_can_stay_in_fp32_too(nano: SpikeRain) -> None:
    half, spec = to_half(*described(nano), keep=["neurons"])
    kinds = types(half)
    assert {layer.name for layer in spec.neurons} == set(spec.full_precision)
    assert kinds["encoder1.0.neurons.1/potential/1"] == TensorProto.FLOAT
    assert kinds["encoder1.0.neurons.1/spikes/1"] == TensorProto.FLOAT16


def test_images_and_rates_keep_their_types(network: SpikeRain) -> None:
    model, spec = described(network, probe=True)
    half, _ = to_half(model, spec)
    assert half.graph.input == model.graph.input
    assert half.graph.output == model.graph.output


@pytest.mark.slow
def test_the_fp16_probe_graph_produces_the_same_picture_and_counts_its_spikes(
    network: SpikeRain,
) -> None:
    (plain, _), (probe, spec) = (
        to_half(*described(network, probe=probe)) for probe in (False, True)
    )
    (picture,) = run(plain, ["derained"])
    names = names_of_spikes(spec)
    wanted = ["derained", "firing_rates", *names]
    same, rates, *spikes = run(tapped(probe, names, TensorProto.FLOAT16), wanted)
    np.testing.assert_array_equal(same, picture)
    means = [np.asarray(step, np.float64).mean() for step in spikes]
    np.testing.assert_allclose(rates, np.reshape(means, rates.shape), atol=1e-6)


def test_firing_rates_are_averaged_in_fp32(nano: SpikeRain) -> None:
    half, spec = to_half(*described(nano, probe=True))
    kinds = types(half)
    for name in names_of_spikes(spec):
        assert kinds[f"{name}/rate"] == TensorProto.FLOAT


def test_the_description_of_an_fp16_graph_names_its_precision_and_source(nano: SpikeRain) -> None:
    model, spec = described(nano)
    half, made = to_half(model, spec, source_sha256="ab" * 32)
    assert (made.precision, made.target, made.source_sha256) == ("fp16", "any", "ab" * 32)
    for operation, full in zip(made.operations, spec.operations, strict=True):
        assert operation.weight_bytes == full.weight_bytes / 2
        sizes = (operation.reads.element_bytes, operation.writes.element_bytes)
        assert sizes == (2, 2)
        assert (operation.name, operation.macs(64, 48)) == (full.name, full.macs(64, 48))
    with Derainer.from_bytes(seal(half, made)[0]) as derainer:
        assert derainer.spec.full_precision == made.full_precision
        assert derainer(photograph(50, 70)).shape == (50, 70, 3)


def test_the_file_is_about_half_as_large(nano: SpikeRain) -> None:
    model, spec = described(nano)
    assert to_half(model, spec)[0].ByteSize() < 0.6 * model.ByteSize()


def test_an_unknown_operator_is_rejected(nano: SpikeRain) -> None:
    model, spec = described(nano)
    with pytest.raises(ModelError, match=r"the operator Erf .*'odd'.* converted to fp16"):
        to_half(with_unknown_operator(model), spec)


def test_only_fp32_graphs_are_converted_to_fp16(nano: SpikeRain) -> None:
    model, spec = described(nano)
    with pytest.raises(ModelError, match="already int8"):
        to_half(model, dataclasses.replace(spec, precision="int8"))
