from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
import torch
from networks import parameter_count
from onnx import TensorProto
from skimage import data
from torch import Tensor, nn

from spikerain_edge.images.metrics import psnr
from spikerain_edge.spec import ModelSpec
from spikerain_export.fold import doubled_kernel
from spikerain_export.unroll import unroll
from spikerain_training.network import SpikeRain
from spikerain_training.neuron import LIF
from spikerain_training.restore import restore
from spikerain_training.tensors import to_tensor

Unrolled = tuple[onnx.ModelProto, ModelSpec]


def photograph(height: int, width: int) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(data.astronaut()[:height, :width, ::-1])


def unrolled(network: SpikeRain, *, probe: bool = False) -> Unrolled:
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    return unroll(network.config, weights, name="test", probe=probe)


def run(
    model: onnx.ModelProto, image: npt.NDArray[np.uint8], *outputs: str
) -> list[npt.NDArray[np.generic]]:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    results: list[npt.NDArray[np.generic]] = session.run(list(outputs), {"image": image[None]})
    return results


@pytest.fixture(params=["nano", "nano_spike", "published"])
def network(request: pytest.FixtureRequest) -> SpikeRain:
    found: SpikeRain = request.getfixturevalue(request.param)
    return found


@pytest.mark.slow
def test_the_graph_agrees_with_the_network_at_several_sizes(network: SpikeRain) -> None:
    model, _ = unrolled(network)
    for height, width in ((64, 96), (120, 72)):
        image = photograph(height, width)
        (derained,) = run(model, image, "derained")
        assert derained.dtype == np.uint8
        expected = restore(network, image)
        assert psnr(derained[0], expected) >= 50
        assert psnr(expected, image) < 40, "the network hardly changes the image"


def test_colours_are_not_swapped(nano: SpikeRain) -> None:
    model, _ = unrolled(nano)
    image = photograph(64, 64)
    (derained,) = run(model, image, "derained")
    swapped = restore(nano, np.ascontiguousarray(image[..., ::-1]))[..., ::-1]
    assert psnr(derained[0], restore(nano, image)) > psnr(derained[0], swapped) + 10


def test_input_and_output_are_bgr_bytes_like_in_opencv(nano: SpikeRain) -> None:
    model, _ = unrolled(nano)
    for value in (model.graph.input[0], model.graph.output[0]):
        tensor = value.type.tensor_type
        assert tensor.elem_type == TensorProto.UINT8
        sizes = [dim.dim_value or dim.dim_param for dim in tensor.shape.dim]
        assert sizes == [1, "height", "width", 3]


def test_time_is_unrolled_into_plain_operators(network: SpikeRain) -> None:
    model, spec = unrolled(network)
    operators = Counter(node.op_type for node in model.graph.node)
    assert not {"Loop", "Scan", "If", "BatchNormalization"} & set(operators)
    assert {node.domain for node in model.graph.node} == {""}
    assert model.opset_import[0].version >= 17
    # One comparison per neuron layer and timestep: no feature becomes spikes twice.
    layers = len({tensor for layer in spec.neurons for tensor in layer.spikes})
    assert operators["LessOrEqual"] == layers


def test_the_patch_embedding_is_computed_once(network: SpikeRain) -> None:
    model, _ = unrolled(network)
    embeddings = [node for node in model.graph.node if "embed/weight" in node.input]
    assert len(embeddings) == 1


def test_every_convolution_of_spikes_is_declared_spiking(network: SpikeRain) -> None:
    model, spec = unrolled(network)
    made_by = {node.output[0]: node for node in model.graph.node}
    spikes = {tensor for layer in spec.neurons for tensor in layer.spikes}

    def reads_spikes(tensor: str) -> bool:
        if tensor in spikes:
            return True
        node = made_by.get(tensor)
        return node is not None and node.op_type == "Concat" and all(map(reads_spikes, node.input))

    found = {
        node.name.rpartition("/")[0]
        for node in model.graph.node
        if node.op_type == "Conv" and reads_spikes(node.input[0])
    }
    assert found == {operation.name for operation in spec.operations if operation.spiking}


def test_a_network_of_primitives_becomes_a_graph_of_primitives(nano_spike: SpikeRain) -> None:
    model, spec = unrolled(nano_spike)
    operators = {node.op_type for node in model.graph.node}
    products = [node.name for node in model.graph.node if node.op_type == "Mul"]
    assert operators <= {
        *("Add", "Cast", "Clip", "Concat", "Conv", "DepthToSpace", "LessOrEqual", "Mul", "Neg"),
        *("Round", "Split", "Sub", "ThresholdedRelu", "Transpose"),
    }
    # Products have a constant factor: the decay of neurons, the weights of the sum over time.
    assert all("/decayed/" in name or name.startswith("fuse/term/") for name in products)
    analogue = {operation.name for operation in spec.operations if not operation.spiking}
    assert analogue == {"embed", "output"}


def test_doubling_is_part_of_the_convolution_after_it() -> None:
    random = torch.Generator().manual_seed(2)
    coarse = torch.randn(1, 3, 5, 4, generator=random)
    kernel = torch.randn(6, 3, 3, 3, generator=random)
    doubled = nn.functional.interpolate(coarse, scale_factor=2, mode="nearest")
    expected = nn.functional.conv2d(doubled, kernel, padding=1)

    rewritten = torch.from_numpy(doubled_kernel(kernel.numpy()))
    phases = nn.functional.conv2d(coarse, rewritten, padding=1)

    torch.testing.assert_close(nn.functional.pixel_shuffle(phases, 2), expected)


@pytest.mark.slow
def test_firing_rates_agree_with_the_network(network: SpikeRain) -> None:
    model, spec = unrolled(network, probe=True)
    image = photograph(64, 48)
    seen: list[Tensor] = []

    def record(module: nn.Module, inputs: tuple[Tensor, ...], spikes: Tensor) -> None:
        steps = spikes.unflatten(0, (network.config.timesteps, -1))
        seen.append(steps.double().mean(dim=(1, 2, 3, 4)))

    layers = [module for module in network.modules() if isinstance(module, LIF)]
    handles = [layer.register_forward_hook(record) for layer in layers]
    with torch.no_grad():
        network(to_tensor(image)[None])
    for handle in handles:
        handle.remove()

    (rates,) = run(model, image, "firing_rates")
    merged = _by_network_layer(spec, np.asarray(rates, np.float64))
    np.testing.assert_allclose(merged, torch.stack(seen).numpy(), atol=1e-6)


def _by_network_layer(spec: ModelSpec, rates: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Averages the two neuron layers of each merge, which are one layer in PyTorch."""
    rows: list[npt.NDArray[np.float64]] = []
    pending: tuple[int, npt.NDArray[np.float64]] | None = None
    for layer, row in zip(spec.neurons, rates, strict=True):
        if layer.name.endswith("neuron.decoded"):
            pending = (layer.channels, row)
        elif pending is not None:
            total = pending[0] + layer.channels
            rows.append((pending[0] * pending[1] + layer.channels * row) / total)
            pending = None
        else:
            rows.append(row)
    return np.stack(rows)


def test_silent_channels_are_counted(nano: SpikeRain) -> None:
    model, spec = unrolled(nano, probe=True)
    names = list(spec.neurons[0].spikes)
    for name in names:
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    silent, *spikes = run(model, photograph(64, 64), "silent_channels", *names)
    ever = np.max([np.asarray(step).max(axis=(0, 2, 3)) for step in spikes], axis=0)
    assert silent[0] == pytest.approx(1 - ever.mean(), abs=1e-6)
    assert set(np.unique(np.stack(spikes))) <= {0.0, 1.0}


def test_counted_operations_agree_with_pytorch(network: SpikeRain) -> None:
    _, spec = unrolled(network)
    counted = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal counted
        assert isinstance(module, nn.Conv2d)
        counted += output.numel() * module.weight[0].numel()

    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    handles = [layer.register_forward_hook(count) for layer in layers]
    with torch.no_grad():
        network(torch.zeros(1, 3, 64, 96))
    for handle in handles:
        handle.remove()
    linear = sum(
        module.weight.numel()
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear) and not name.endswith("temporal")
    )
    assert spec.macs(64, 96) == counted + linear
    assert spec.parameters == parameter_count(network)


def test_missing_weights_are_named(nano: SpikeRain) -> None:
    weights = {name: value.numpy() for name, value in nano.state_dict().items()}
    del weights["embed.weight"]
    with pytest.raises(KeyError, match=r"embed\.weight"):
        unroll(nano.config, weights, name="test")
