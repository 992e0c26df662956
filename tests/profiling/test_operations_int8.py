from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from spikerain_edge.models import find_model
from spikerain_edge.profiling.operations import GraphCount, count_operations
from spikerain_export.conversion import Request, convert
from spikerain_export.origin import Origin, open_origin

HEIGHT, WIDTH = 64, 72
Noise = Callable[[int, int], npt.NDArray[np.uint8]]


@pytest.fixture(scope="module")
def origin() -> Origin:
    return open_origin("nano")


@pytest.fixture(scope="module")
def full(origin: Origin) -> GraphCount:
    content = find_model("nano").graph.read()
    return count_operations(content, origin.graph.spec, HEIGHT, WIDTH)


@pytest.fixture(params=["fp16", "int8 for onnxruntime", "int8 for tensorrt"])
def lower(request: pytest.FixtureRequest, origin: Origin, noise: Noise) -> GraphCount:
    precision, _, target = request.param.partition(" for ")
    wanted = Request(precision, target or "onnxruntime")
    made = convert(origin, wanted, [noise(HEIGHT, WIDTH)])
    return count_operations(made.content, made.graph.spec, HEIGHT, WIDTH)


def test_another_precision_costs_the_same_operations(full: GraphCount, lower: GraphCount) -> None:
    assert lower.dense_macs == full.dense_macs
    assert lower.analog_macs == full.analog_macs
    assert lower.pools == full.pools


def test_analogue_layers_are_counted_alike_whatever_computes_them(
    full: GraphCount, lower: GraphCount
) -> None:
    assert [layer for layer in lower.layers if not layer.spiking] == [
        layer for layer in full.layers if not layer.spiking
    ]


def test_joined_convolutions_have_the_weights_of_their_parts(
    full: GraphCount, lower: GraphCount
) -> None:
    biases = sum(layer.weights for layer in lower.layers) - full.weights
    # Integer convolutions always have a bias, also where the network has none.
    assert 0 <= biases < 1000
    assert {layer.name for layer in lower.layers if layer.spiking and not layer.neurons} == set()
