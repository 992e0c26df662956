from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto
from precision_parts import Array, described, photograph, run, shipped, tapped
from skimage import data

from spikerain_edge import InputError
from spikerain_export.precision import Int8Target, rounded_weights, to_int8, with_constants
from spikerain_export.precision.dense import SpikingConvolution, SpikingConvolutions
from spikerain_export.precision.graph import SourceGraph
from spikerain_export.precision.weights import SpikePatches
from spikerain_export.truth import Scene
from spikerain_training.network import SpikeRain

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("network", ["nano", "nano_spike", "published"])
def test_patches_are_what_the_convolutions_read(
    network: str, request: pytest.FixtureRequest
) -> None:
    model, spec = described(request.getfixturevalue(network))
    steps = SpikingConvolutions(SourceGraph(model), spec).all
    names = sorted({name for step in steps for name in step.spikes} | {s.output for s in steps})
    image = photograph(48, 56)
    found: dict[str, Array] = dict(
        zip(names, run(tapped(model, names, TensorProto.FLOAT), names, image), strict=True)
    )
    patches = SpikePatches(found, image.size)
    for step in steps:
        sums = patches.read_by(step) @ step.weight.reshape(len(step.weight), -1).T + step.bias
        expected = np.asarray(found[step.output])[0].reshape(len(step.weight), -1)
        # All places of the map, in another order.
        np.testing.assert_allclose(
            np.sort(sums, axis=0), np.sort(expected.T, axis=0), atol=1e-4, err_msg=step.output
        )


def test_few_patches_come_from_all_over_the_map() -> None:
    # Each pixel holds its own number. A 1x1 convolution reads it.
    numbers = np.arange(64 * 64, dtype=np.float32).reshape(1, 1, 64, 64)
    settings = {"pads": [0] * 4, "strides": [1, 1], "kernel_shape": [1, 1]}
    step = SpikingConvolution(
        "layer", "out", ("numbers",), np.ones((1, 1, 1, 1), np.float32), np.zeros(1), settings, ()
    )
    taken = SpikePatches({"numbers": numbers}, 256).read_by(step).ravel()
    rows, columns = np.divmod(taken, 64)
    assert len(set(taken.tolist())) == 256
    for phase in range(4):
        assert np.mean((rows % 2) * 2 + columns % 2 == phase) == pytest.approx(0.25, abs=0.1)
    assert len(set(columns.tolist())) > 50


def test_scenes_of_several_sizes_choose_the_weights(nano: SpikeRain) -> None:
    model, spec = described(nano)
    scenes = [Scene(photograph(40, 48)), Scene(photograph(64, 72))]
    both = rounded_weights(model, spec, scenes, "openvino")
    first = rounded_weights(model, spec, scenes[:1], "openvino")
    assert any((both[name] != first[name]).any() for name in both)


def test_without_scenes_no_weight_is_rounded(nano: SpikeRain) -> None:
    assert rounded_weights(*described(nano), [], "openvino") == {}


def test_only_graphs_of_free_size_are_rounded(nano: SpikeRain) -> None:
    model, spec = described(nano)
    fixed = replace(spec, height=64, width=64)
    with pytest.raises(InputError, match="one image of any size"):
        rounded_weights(model, fixed, [Scene(photograph(64, 64))], "openvino")


@pytest.mark.parametrize("target", ["tensorrt", "openvino"])
def test_weights_that_are_exact_in_int8_are_not_rounded_again(
    nano: SpikeRain, target: Int8Target
) -> None:
    model, spec = described(nano)
    scenes = [Scene(photograph(40, 48))]
    once = rounded_weights(model, spec, scenes, target)
    assert set(once) == {f"{each.name}/weight" for each in spec.operations if each.spiking}
    rounded = with_constants(model, once)
    for name, weight in rounded_weights(rounded, spec, scenes, target).items():
        np.testing.assert_allclose(weight, once[name], rtol=1e-5, atol=1e-7, err_msg=name)


@pytest.mark.parametrize("target", ["tensorrt", "openvino"])
def test_weights_rounded_on_scenes_flip_fewer_spikes(target: Int8Target) -> None:
    model, spec = shipped()
    scenes = [Scene(photograph(160, 160))]
    rounded = with_constants(model, rounded_weights(model, spec, scenes, target))
    image = np.ascontiguousarray(data.coffee()[100:260, 200:360, ::-1])
    # The first spikes of the first units, before a flipped spike can flip others.
    names = [f"encoder1.0.neurons.{unit}/spikes/0" for unit in (1, 2)]
    kind = TensorProto.UINT8 if target == "openvino" else TensorProto.FLOAT
    expected = run(tapped(model, names, TensorProto.FLOAT), names, image)
    differ = []
    for graph in (model, rounded):
        actual = run(tapped(to_int8(graph, spec, target)[0], names, kind), names, image)
        differ.append(np.mean([np.mean(a != b) for a, b in zip(actual, expected, strict=True)]))
    assert 0 < differ[1] < 0.7 * differ[0]
