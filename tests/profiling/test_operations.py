from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from torch import Tensor, nn

from spikerain_edge.profiling.operations import count_operations

Noise = Callable[[int, int], npt.NDArray[np.uint8]]


def hooked_macs(exported: Any, image: npt.NDArray[np.uint8]) -> dict[bool, int]:
    """Multiply-accumulates of PyTorch's modules, by whether their input is only 0 and 1."""
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
def test_operations_agree_with_pytorch(nano: Any, noise: Noise, size: tuple[int, int]) -> None:
    counted = count_operations(nano.spec, *size)
    independent = hooked_macs(nano, noise(*size))
    assert counted.spiking_macs == independent[True]
    assert counted.analog_macs == independent[False]
    assert counted.dense_macs == round(nano.spec.macs(*size))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "published", "side"), [("s", 105.06, 64), ("m", 277.06, 64), ("l", 564.18, 32)]
)
def test_the_published_networks_have_their_known_cost(
    exported: Callable[[str], Any], variant: str, published: float, side: int
) -> None:
    made = exported(variant)
    small = count_operations(made.spec, side, side)
    # Products on global means do not grow with the image; all others grow in proportion.
    growing = {op.name for op in made.spec.operations if op.macs_per_pixel}
    factor = (256 // side) ** 2
    macs = sum(layer.macs * (factor if layer.name in growing else 1) for layer in small.layers)
    (embedding,) = (layer.macs * factor for layer in small.layers if layer.name == "embed")
    repeated = (made.spec.timesteps - 1) * embedding
    assert repeated * 1e-9 == pytest.approx({"s": 0.17, "m": 0.25, "l": 0.34}[variant], abs=5e-3)
    assert (macs + repeated) * 1e-9 == pytest.approx(published, rel=1e-4)


def test_operations_grow_with_the_pixels(nano: Any) -> None:
    small, large = (count_operations(nano.spec, side, side) for side in (32, 64))
    assert large.spiking_macs == 4 * small.spiking_macs
    assert large.moved_bytes < 4 * small.moved_bytes
    assert large.weights == small.weights


def test_full_precision_moves_four_bytes_for_every_element(nano: Any) -> None:
    count = count_operations(nano.spec, 32, 32)
    assert count.weight_bytes == 4 * count.weights
    for layer in count.layers:
        assert layer.moved_bytes == 4 * (layer.weights + layer.inputs + layer.outputs)
