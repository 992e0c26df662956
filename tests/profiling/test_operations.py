from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import helper
from torch import Tensor, nn

from spikerain_edge.errors import ModelError
from spikerain_edge.profiling.operations import count_operations
from spikerain_edge.profiling.topology import read_initializers, read_nodes
from spikerain_edge.spec import ModelSpec, Operation

Noise = Callable[[int, int], npt.NDArray[np.uint8]]


def hooked_macs(exported: Any, image: npt.NDArray[np.uint8]) -> dict[bool, int]:
    """Multiply-accumulates that PyTorch's modules do, by whether their input is only 0 and 1."""
    macs = {False: 0, True: 0}

    def note(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        assert isinstance(module, nn.Conv2d | nn.Linear)
        per_output = module.weight[0].numel()
        if per_output > 1:  # the temporal gate's affine of a single number is no product of maps
            (given,) = inputs
            spikes = bool(((given == 0) | (given == 1)).all() and given.any())
            macs[spikes] += output.numel() * per_output

    handles = [
        module.register_forward_hook(note)
        for module in exported.network.modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    exported.run(image)
    for handle in handles:
        handle.remove()
    return macs


@pytest.mark.parametrize("size", [(64, 64), (32, 48)])
def test_operations_are_those_that_pytorch_does(
    nano: Any, noise: Noise, size: tuple[int, int]
) -> None:
    counted = count_operations(nano.content, nano.spec, *size)
    independent = hooked_macs(nano, noise(*size))
    assert counted.spiking_macs == independent[True]
    assert counted.analog_macs == independent[False]
    assert counted.dense_macs == round(nano.spec.macs(*size))


@pytest.mark.parametrize(
    ("variant", "published", "side"), [("s", 105.06, 64), ("m", 277.06, 64), ("l", 564.18, 32)]
)
def test_the_published_networks_cost_what_they_are_known_to(
    exported: Callable[[str], Any], variant: str, published: float, side: int
) -> None:
    made = exported(variant)
    small = count_operations(made.content, made.spec, side, side)
    # Products on global means do not grow with the image, all else does exactly.
    growing = {op.name for op in made.spec.operations if op.macs_per_pixel}
    factor = (256 // side) ** 2
    macs = sum(layer.macs * (factor if layer.name in growing else 1) for layer in small.layers)
    (embedding,) = (layer.macs * factor for layer in small.layers if layer.name == "embed")
    repeated = (made.spec.timesteps - 1) * embedding
    assert repeated * 1e-9 == pytest.approx({"s": 0.17, "m": 0.25, "l": 0.34}[variant], abs=5e-3)
    assert (macs + repeated) * 1e-9 == pytest.approx(published, rel=1e-4)


def test_operations_grow_with_the_pixels(nano: Any) -> None:
    small, large = (count_operations(nano.content, nano.spec, side, side) for side in (32, 64))
    assert large.spiking_macs == 4 * small.spiking_macs
    assert large.moved_bytes < 4 * small.moved_bytes
    assert large.weights == small.weights


def test_full_precision_moves_four_bytes_for_every_element(nano: Any) -> None:
    count = count_operations(nano.content, nano.spec, 32, 32)
    assert count.weight_bytes == 4 * count.weights
    for layer in count.layers:
        assert layer.moved_bytes == 4 * (layer.weights + layer.inputs + layer.outputs)


def changed(spec: ModelSpec, operation: str, values: dict[str, Any]) -> ModelSpec:
    operations = [replace(op, **values) if op.name == operation else op for op in spec.operations]
    return replace(spec, operations=tuple(operations))


@pytest.mark.parametrize(
    ("name", "values", "complaint"),
    [
        ("output", {"macs_per_pixel": 1.0}, "on output at 32x32, where it says 1024"),
        ("output", {"name": "other"}, "has a convolution output that it does not list"),
        ("output", {"neurons": ("down1.neuron",)}, "from other neurons"),
        ("down1.convolve", {"neurons": ()}, "from other neurons"),
    ],
)
def test_a_description_that_disagrees_is_refused(
    nano: Any, name: str, values: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ModelError, match=complaint):
        count_operations(nano.content, changed(nano.spec, name, values), 32, 32)


def test_an_operation_that_the_graph_lacks_is_refused(nano: Any) -> None:
    imagined = replace(nano.spec, operations=(*nano.spec.operations, Operation("imagined", 1.0)))
    with pytest.raises(ModelError, match="has no convolution imagined"):
        count_operations(nano.content, imagined, 32, 32)


def test_other_multiplications_are_not_passed_over(nano: Any) -> None:
    model = onnx.load_from_string(nano.content)
    model.graph.node.append(helper.make_node("Gemm", ["a", "b"], ["c"]))
    with pytest.raises(ModelError, match="Gemm"):
        count_operations(model.SerializeToString(), nano.spec, 32, 32)


def test_nodes_are_read_as_the_onnx_package_reads_them(nano: Any) -> None:
    expected = onnx.load_from_string(nano.content).graph.node
    assert [(n.name, n.operator, n.inputs, n.outputs) for n in read_nodes(nano.content)] == [
        (node.name, node.op_type, tuple(node.input), tuple(node.output)) for node in expected
    ]


def test_initializers_are_read_as_the_onnx_package_reads_them(nano: Any) -> None:
    expected = onnx.load_from_string(nano.content).graph.initializer
    read = {name: bytes(data) for name, data in read_initializers(nano.content).items()}
    assert read == {each.name: each.raw_data for each in expected}


@pytest.mark.parametrize("content", [b"", b"\x3a\x05no", b"\xff" * 40, b"\x3f"])
def test_what_is_no_onnx_file_is_refused(content: bytes) -> None:
    with pytest.raises(ModelError, match="no ONNX graph"):
        read_nodes(content)
