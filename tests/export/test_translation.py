"""A graph with an error anywhere is rejected in double precision; a correct graph never is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from networks import SMALL, randomised
from onnx import numpy_helper
from precision_parts import Described, constants, described, with_constants

from spikerain_edge.errors import ModelError
from spikerain_export.artefact import seal
from spikerain_export.translation import VALUE, Translation, prove_translation
from spikerain_training.config import NetworkConfig
from spikerain_training.network import SpikeRain, start_near_identity

Edit = Callable[[onnx.ModelProto], None]
# The check costs two runs in double precision: with half the channels, half the time.
SLIM = replace(SMALL, width=8, growth=4)


def proven(network: SpikeRain, graph: Described, *, probe: bool = True) -> Translation:
    files = [graph, *([described(network, probe=True)] if probe else [])]
    return prove_translation(network, [seal(*each)[0] for each in files])


def refused(network: SpikeRain, graph: Described) -> str:
    with pytest.raises(ModelError) as raised:
        proven(network, graph, probe=False)
    assert raised.value.exit_code == 4
    assert "\n" not in str(raised.value)
    return str(raised.value)


def changed(graph: Described, edit: Edit) -> Described:
    model = onnx.ModelProto()
    model.CopyFrom(graph[0])
    edit(model)
    return model, graph[1]


def scaled(graph: Described, name: str, index: int, factor: float) -> Described:
    """The graph with one value of one of its constants changed."""
    value = np.array(constants(graph[0])[name])
    value.reshape(-1)[index] *= factor
    return with_constants(graph[0], {name: value}), graph[1]


def node(model: onnx.ModelProto, output: str) -> onnx.NodeProto:
    (found,) = (each for each in model.graph.node if output in each.output)
    return found


@pytest.fixture(scope="module")
def small() -> SpikeRain:
    return randomised(SLIM)


@pytest.fixture(scope="module")
def graph(small: SpikeRain) -> Described:
    return described(small)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "seed"),
    [
        (SLIM, 0),
        (replace(SLIM, timesteps=3, units=2, temporal_gate="per-timestep", merge_finest=True), 1),
        (replace(SLIM, shuffle=1, tau=3.0, threshold=0.3), 2),
        (replace(SLIM, gates=False, upsampling="nearest"), 4),
        pytest.param(SMALL, 3, marks=pytest.mark.slow),
    ],
    ids=["pooled gate", "gate per timestep", "other neurons", "primitives", "more channels"],
)
def test_correct_graphs_of_random_weights_pass(config: NetworkConfig, seed: int) -> None:
    network = randomised(config, seed)
    found = proven(network, described(network))
    assert 0 < found.potential < VALUE
    assert 0 < found.picture < 1e-4
    assert found.seconds > 0


@pytest.mark.slow
def test_correct_graphs_of_untrained_and_of_large_weights_pass() -> None:
    untrained, loud = SpikeRain(SLIM).eval(), randomised(SLIM)
    start_near_identity(untrained)
    with torch.no_grad():
        loud.embed.weight.mul_(300)
    for network in (untrained, loud):
        assert proven(network, described(network)).potential < VALUE


@pytest.mark.slow
def test_all_spikes_of_graph_and_probe_graph_are_compared(
    small: SpikeRain, graph: Described
) -> None:
    found = proven(small, graph)
    height, width = found.size
    pixels = sum(layer.channels / layer.reduction for layer in graph[1].neurons)
    once = height * width * pixels * SLIM.timesteps
    # Two graphs, each with and without currents added to its neurons.
    assert found.spikes == 4 * once


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "index", "factor"),
    [
        ("embed/weight", 0, 0.9),
        ("encoder1.0.units.entry/weight", 0, 0.9),
        ("encoder1.0.units.entry/bias", 3, 1.001),
        ("down1.convolve/weight", 0, 0.9),
        ("up1.convolve/bias", 3, 1.001),
        ("merge2.convolve/weight", 0, 0.9),
        ("decoder1.0.attention.spatial/weight", 0, 0.9),
        ("decoder1.0.attention.temporal/weight", 0, 0.9),
        ("enhance.spatial_excite/weight", 0, 0.9),
        ("output/weight", 0, 0.9),
    ],
)
def test_one_wrong_value_in_any_kind_of_layer_is_rejected(
    small: SpikeRain, graph: Described, name: str, index: int, factor: float
) -> None:
    message = refused(small, scaled(graph, name, index, factor))
    assert "the graph differs from its PyTorch network in double precision: " in message
    assert "is off by" in message


def test_the_error_names_the_first_difference(small: SpikeRain, graph: Described) -> None:
    wrong = scaled(graph, "down2.convolve/bias", 0, 1.01)
    assert "membrane potential of encoder3.0.neurons.0 at timestep 0" in refused(small, wrong)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["encoder1.0.units.entry", "down1.convolve", "merge2.convolve"])
def test_a_missing_bias_is_rejected(small: SpikeRain, graph: Described, name: str) -> None:
    def drop(model: onnx.ModelProto) -> None:
        for step in range(SLIM.timesteps):
            del node(model, f"{name}/{step}").input[2]

    refused(small, changed(graph, drop))


@pytest.mark.slow
def test_swapped_timesteps_are_rejected(small: SpikeRain, graph: Described) -> None:
    def swap_spikes(model: onnx.ModelProto) -> None:
        first, second = (node(model, f"down1.convolve/{step}") for step in (0, 1))
        first.input[0], second.input[0] = second.input[0], first.input[0]

    def swap_weights(model: onnx.ModelProto) -> None:
        first, second = (node(model, f"fuse/term/{step}") for step in (0, 1))
        first.input[1], second.input[1] = second.input[1], first.input[1]

    assert "potential of encoder2.0.neurons.0" in refused(small, changed(graph, swap_spikes))
    assert "output of enhance.channel_squeeze" in refused(small, changed(graph, swap_weights))


@pytest.mark.parametrize("operator", ["LessOrEqual", "ThresholdedRelu", "Mul"])
def test_an_error_of_a_thousandth_in_a_neuron_is_rejected(
    small: SpikeRain, graph: Described, operator: str
) -> None:
    """The error is in the threshold, the reset level or the decay of one layer and timestep."""

    def alter(model: onnx.ModelProto) -> None:
        names = {"LessOrEqual": "fired", "ThresholdedRelu": "rest", "Mul": "decayed"}
        step = 1 if operator == "Mul" else 0
        found = node(model, f"down1.neuron/{names[operator]}/{step}")
        if operator == "ThresholdedRelu":
            found.attribute[0].f += 1e-3
            return
        (value,) = (one for one in model.graph.initializer if one.name == found.input[1])
        wrong = numpy_helper.to_array(value) + np.float32(1e-3)
        model.graph.initializer.append(numpy_helper.from_array(wrong, "wrong"))
        found.input[1] = "wrong"

    message = refused(small, changed(graph, alter))
    assert "down1.neuron at timestep" in message
    assert ("spikes of" in message) == (operator == "LessOrEqual")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("output", "operator"), [("rounded", "Floor"), ("rounded", "Ceil"), ("doubled", "nearest")]
)
def test_a_wrong_operator_is_rejected(
    small: SpikeRain, graph: Described, output: str, operator: str
) -> None:
    def exchange(model: onnx.ModelProto) -> None:
        if output == "rounded":
            node(model, output).op_type = operator
            return
        for each in model.graph.node:
            for attribute in each.attribute:
                if attribute.s == b"linear":
                    attribute.s = operator.encode()

    refused(small, changed(graph, exchange))


def test_swapped_colours_are_rejected(small: SpikeRain, graph: Described) -> None:
    swapped = np.ascontiguousarray(constants(graph[0])["embed/weight"][:, ::-1])
    wrong = with_constants(graph[0], {"embed/weight": swapped}), graph[1]
    assert "membrane potential of encoder1.0" in refused(small, wrong)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["firing rates", "silent channels", "membrane potential"])
def test_a_wrong_probe_graph_is_rejected(small: SpikeRain, graph: Described, what: str) -> None:
    def spoil(model: onnx.ModelProto) -> None:
        if what == "firing rates":
            line = node(model, "rates/line")
            line.input[0], line.input[1] = line.input[1], line.input[0]
        elif what == "silent channels":
            for each in model.graph.node:
                each.op_type = each.op_type.replace("ReduceMax", "ReduceMin")

    probe = changed(described(small, probe=True), spoil)
    if what == "membrane potential":
        probe = scaled(probe, "down1.convolve/weight", 0, 1.01)
    with pytest.raises(ModelError, match=f"the {what}"):
        prove_translation(small, [seal(*graph)[0], seal(*probe)[0]])


def test_a_layer_that_is_missing_in_the_description_is_noticed(
    small: SpikeRain, graph: Described
) -> None:
    model, spec = graph
    lacking = (model, replace(spec, neurons=spec.neurons[1:]))
    assert "contradictory names of neuron layers" in refused(small, lacking)


@pytest.mark.slow
def test_a_wrong_weight_after_silent_neurons_is_rejected() -> None:
    quiet = randomised(SLIM)
    with torch.no_grad():
        quiet.embed.weight.zero_()
    graph = described(quiet)
    wrong = scaled(graph, "encoder1.0.units.entry/weight", 0, 1.01)
    assert "membrane potential of encoder1.0.neurons.1" in refused(quiet, wrong)


@pytest.mark.slow
def test_a_correct_graph_with_potentials_on_the_threshold_passes() -> None:
    """A folded bias just below the threshold reaches it when it is rounded to float32."""
    network, threshold = randomised(SLIM), SLIM.threshold
    norm = network.down1.convolve.norm
    with torch.no_grad():
        network.down1.convolve.conv.weight.zero_()
        factor = norm.weight[0].double() / (norm.running_var[0].double() + norm.eps).sqrt()
        means = torch.linspace(0.1, 0.2, 2000)
        biases = (threshold + means.double() * factor).float()
        potentials = biases.double() - means.double() * factor
        rounded = (potentials < threshold) & (potentials.float() >= np.float32(threshold))
        chosen = int(rounded.nonzero()[0, 0])
        norm.running_mean[0], norm.bias[0] = means[chosen], biases[chosen]
    found = proven(network, described(network))
    assert found.near > 0
    assert found.potential < VALUE
