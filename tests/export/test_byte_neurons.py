from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper
from precision_parts import described
from spikingjelly.activation_based import neuron as spikingjelly_neuron

from spikerain_export.builder import GraphBuilder
from spikerain_export.precision.byte_neurons import (
    ByteLayer,
    ByteNeuronWriter,
    byte_layers,
    stored,
)
from spikerain_export.precision.graph import SourceGraph
from spikerain_export.precision.scales import Neuron, OutputScale, scale_for_neurons
from spikerain_training.network import SpikeRain

Levels = npt.NDArray[np.int64]


def fire(levels: Levels, scale: OutputScale, threshold: float) -> list[npt.NDArray[np.uint8]]:
    """Runs a neuron layer on whole multiples (T, N) of the scale that fit into its range."""
    names = [f"level/{step}/given" for step in range(len(levels))]
    layer = ByteLayer("layer", tuple(f"spikes/{step}" for step in range(len(levels))), ())
    builder = GraphBuilder()
    ByteNeuronWriter(builder, threshold).write(layer, names, scale)
    inputs = [helper.make_tensor_value_info(name, TensorProto.UINT8, ["n"]) for name in names]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.UINT8, ["n"]) for name in layer.spikes
    ]
    model = builder.model("neurons", inputs, outputs, 17, {"com.microsoft": 1})
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    kept = [stored(scale, threshold, step, len(levels)) for step in range(len(levels))]
    fed = {
        name: np.clip(level + each.zero, 0, 255).astype(np.uint8)
        for name, level, each in zip(names, levels, kept, strict=True)
    }
    found: list[npt.NDArray[np.uint8]] = session.run(list(layer.spikes), fed)
    return found


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("below", [0, 1, 40, 127])
def test_neurons_in_bytes_fire_like_spikingjelly_in_double_precision(
    steps: int, below: int
) -> None:
    # With a scale of 2, threshold and potentials are whole numbers: nothing is rounded.
    threshold, scale = 2.0 * below + 1, OutputScale(2.0, 100)
    # What is stored of the first current ends at 255: lower levels are cut off.
    lowest = -min(scale.zero, 254 - below)
    every = np.arange(lowest, 255 - scale.zero + 1)
    levels = np.stack(np.meshgrid(*[every] * steps)).reshape(steps, -1)
    oracle = spikingjelly_neuron.LIFNode(
        tau=2.0, decay_input=False, v_threshold=threshold, v_reset=0.0, step_mode="m"
    )
    expected = oracle(torch.from_numpy(2.0 * levels)).numpy() > 0
    actual = np.stack(fire(levels, scale, threshold))
    np.testing.assert_array_equal(actual, expected)
    assert 0 < expected.mean() < 1


def test_calibrated_scales_leave_room_for_half_levels() -> None:
    neuron = Neuron(0.5, 0.15)
    currents = np.random.default_rng(4).normal(0, 1e-4, (2, 2000)).astype(np.float32)
    currents[0, :20] = 0.16
    scale = scale_for_neurons(currents, neuron)
    assert round(neuron.threshold / scale.scale - 0.5) <= 127
    levels = np.rint(currents / scale.scale).astype(np.int64)
    first, second = fire(levels, scale, neuron.threshold)
    np.testing.assert_array_equal(first, currents[0] >= neuron.threshold)
    assert not second.any()


def test_only_networks_of_two_timesteps_have_neurons_in_bytes(
    nano: SpikeRain, published: SpikeRain
) -> None:
    model, spec = described(nano)
    layers = byte_layers(SourceGraph(model), spec)
    assert [layer.name for layer in layers] == [layer.name for layer in spec.neurons]
    assert layers[1].currents == ("encoder1.0.units.0.entry/0", "encoder1.0.units.0.entry/1")
    model, spec = described(published)
    assert not byte_layers(SourceGraph(model), spec)
