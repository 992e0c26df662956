from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import onnx
import pytest

from spikerain_edge.profiling.operations import GraphCount, LayerCount, count_operations
from spikerain_edge.profiling.published import published_count
from spikerain_export.conversion import Artefact, Request, convert
from spikerain_export.origin import Origin, open_origin
from spikerain_export.truth import Scene

HEIGHT, WIDTH = 64, 72
Noise = Callable[[int, int], npt.NDArray[np.uint8]]


@pytest.fixture(scope="module")
def origin() -> Origin:
    return open_origin("nano")


@pytest.fixture(scope="module")
def full(origin: Origin) -> GraphCount:
    return count_operations(origin.graph.spec, HEIGHT, WIDTH)


@pytest.fixture(
    scope="module",
    params=[
        "fp16",
        "int8 for onnxruntime",
        pytest.param("int8 for tensorrt", marks=pytest.mark.slow),
    ],
)
def made(request: pytest.FixtureRequest, origin: Origin, noise: Noise) -> Artefact:
    precision, _, target = request.param.partition(" for ")
    wanted = Request(precision, target or "onnxruntime")
    return convert(origin, wanted, [Scene(noise(HEIGHT, WIDTH))])


@pytest.fixture(scope="module")
def lower(made: Artefact) -> GraphCount:
    return count_operations(made.graph.spec, HEIGHT, WIDTH)


def test_another_precision_costs_the_same_operations(full: GraphCount, lower: GraphCount) -> None:
    assert lower.dense_macs == full.dense_macs
    assert lower.analog_macs == full.analog_macs
    assert lower.pools == full.pools


def test_analogue_layers_have_the_same_count_in_every_precision(
    full: GraphCount, lower: GraphCount
) -> None:
    def analogue(count: GraphCount) -> list[LayerCount]:
        layers = (layer for layer in count.layers if not layer.spiking)
        return [replace(layer, weight_bytes=0, moved_bytes=0) for layer in layers]

    assert analogue(lower) == analogue(full)


def test_the_published_convention_does_not_depend_on_the_precision(
    full: GraphCount, lower: GraphCount
) -> None:
    assert published_count(lower) == published_count(full)


def test_bytes_of_weights_agree_with_the_file(made: Artefact, lower: GraphCount) -> None:
    stored = onnx.load_from_string(made.content).graph.initializer
    matrices = ["/matrix", *(f"/matrix/{part}" for part in range(3))]
    kinds = [f"weight{kind}" for kind in ("", "/half", "/bytes", *matrices)] + ["bias", "bias/half"]
    parameters = [each for each in stored if each.dims and each.name.partition("/")[2] in kinds]
    assert lower.weight_bytes == sum(len(each.raw_data) for each in parameters)


# Bytes per element: input and output of a spiking convolution, and analogue features.
SIZES = {("fp16", "any"): (2, 2, 2), ("int8", "onnxruntime"): (1, 1, 4)}
SIZES["int8", "tensorrt"] = (1, 4, 4)


def test_bytes_moved_follow_the_types_of_the_graph(made: Artefact, lower: GraphCount) -> None:
    read, spiked, feature = SIZES[made.graph.spec.precision, made.graph.spec.target]
    for layer in lower.layers:
        sizes = (read, spiked) if layer.spiking else (feature, feature)
        moved = layer.inputs * sizes[0] + layer.outputs * sizes[1]
        assert layer.moved_bytes == layer.weight_bytes + moved


def test_joined_convolutions_have_all_weights_of_their_parts(
    full: GraphCount, lower: GraphCount
) -> None:
    biases = sum(layer.weights for layer in lower.layers) - full.weights
    # Integer convolutions always have a bias, even if the network has none.
    assert 0 <= biases < 1000
    assert {layer.name for layer in lower.layers if layer.spiking and not layer.neurons} == set()
