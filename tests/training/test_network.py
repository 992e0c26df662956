from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from networks import parameter_count, randomise_norms
from spikingjelly.activation_based import neuron
from torch import Tensor, nn

from spikerain_training.config import NetworkConfig, variants
from spikerain_training.network import SpikeRain
from spikingjelly_network import SpikingJellySpikeRain, copy_weights, reset_net

PUBLISHED_SMALL = NetworkConfig(
    "published-small", 16, growth=8, units=2, timesteps=3, encoder=(1, 2, 1), decoder=(1, 1, 2)
)
EDGE_SMALL = NetworkConfig(
    "edge-small",
    16,
    growth=8,
    units=1,
    timesteps=2,
    encoder=(1, 1, 1),
    decoder=(1, 1, 1),
    shuffle=2,
    merge_finest=True,
    temporal_gate="per-timestep",
    attention_reduction=8,
    tau=1.5,
    threshold=0.2,
)
NETWORKS = {
    "published-small": PUBLISHED_SMALL,
    "edge-small": EDGE_SMALL,
    "nano": variants()["nano"],
    "nano-spike": variants()["nano-spike"],
}


def random_network(config: NetworkConfig, seed: int = 0) -> SpikeRain:
    torch.manual_seed(seed)
    network = SpikeRain(config).double()
    with torch.no_grad():
        randomise_norms(network)
        network.fuse.weights.normal_()
    return network.eval()


def pair(config: NetworkConfig) -> tuple[SpikeRain, SpikingJellySpikeRain]:
    ours, theirs = random_network(config), SpikingJellySpikeRain(config).double().eval()
    copy_weights(ours, theirs)
    return ours, theirs


def random_images(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator, dtype=torch.float64)


def counted_macs(network: nn.Module, side: int) -> int:
    macs = 0

    def count(module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal macs
        assert isinstance(module, nn.Conv2d)
        macs += output.numel() * module.weight[0].numel()

    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    network(torch.empty(1, 3, side, side, device="meta"))
    return macs


@contextmanager
def recorded_firing(network: nn.Module) -> Iterator[list[float]]:
    rates: list[float] = []

    def record(_module: nn.Module, _inputs: tuple[Tensor, ...], spikes: Tensor) -> None:
        rates.append(spikes.mean().item())

    layers = [module for module in network.modules() if isinstance(module, neuron.LIFNode)]
    handles = [layer.register_forward_hook(record) for layer in layers]
    yield rates
    for handle in handles:
        handle.remove()


@pytest.mark.parametrize(
    ("variant", "parameters"), [("s", 1_589_888), ("m", 4_434_392), ("l", 8_048_576)]
)
def test_published_variants_have_the_published_parameter_counts(
    variant: str, parameters: int
) -> None:
    with torch.device("meta"):
        assert parameter_count(SpikeRain(variants()[variant])) == parameters


# The published counts embed the image at every timestep; this network does it once.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "giga_macs"), [("s", 105.06 - 0.17), ("m", 277.06 - 0.25), ("l", 564.18 - 0.34)]
)
def test_published_variants_have_the_published_macs(variant: str, giga_macs: float) -> None:
    with torch.device("meta"):
        network = SpikeRain(variants()[variant])

    assert counted_macs(network, 256) / 1e9 == pytest.approx(giga_macs, rel=1e-4)


# Table 1 of the supplement: MACs for images of 128 and 256 pixels.
@pytest.mark.parametrize(
    ("variant", "giga_macs"),
    [("nano", 3.232), ("tiny", 12.928), ("nano-video", 1.8), ("nano-spike", 3.06)],
)
def test_edge_variants_stay_within_their_budget(variant: str, giga_macs: float) -> None:
    with torch.device("meta"):
        network = SpikeRain(variants()[variant])

    assert counted_macs(network, 256) / 1e9 <= giga_macs


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_equal_those_of_a_network_built_from_spikingjelly(name: str) -> None:
    ours, theirs = pair(NETWORKS[name])
    images = random_images(2, 3, 24, 32)

    with torch.no_grad(), recorded_firing(theirs) as rates:
        expected = theirs(images)
        restored = ours(images)

    assert all(0.01 < rate < 0.99 for rate in rates), "a silent layer would hide differences"
    torch.testing.assert_close(restored, expected, rtol=0, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_and_statistics_equal_those_of_a_network_built_from_spikingjelly(
    name: str,
) -> None:
    ours, theirs = (network.train() for network in pair(NETWORKS[name]))
    images, weights = random_images(2, 3, 16, 24), random_images(2, 3, 16, 24, seed=1)

    restored, expected = ours(images), theirs(images)
    torch.testing.assert_close(restored, expected, rtol=0, atol=1e-9)
    (restored * weights).sum().backward()
    (expected * weights).sum().backward()
    reset_net(theirs)

    # Gradients and statistics are copied like weights, so one mapping of names checks all.
    moved = SpikingJellySpikeRain(NETWORKS[name]).double()
    copy_weights(ours, moved)
    for (place, buffer), (_, statistic) in zip(
        moved.named_buffers(), theirs.named_buffers(), strict=True
    ):
        torch.testing.assert_close(buffer, statistic, rtol=0, atol=1e-9, msg=place)
    with torch.no_grad():
        for parameter in ours.parameters():
            assert parameter.grad is not None
            parameter.copy_(parameter.grad)
    copy_weights(ours, moved)
    for (place, gradient), (_, parameter) in zip(
        moved.named_parameters(), theirs.named_parameters(), strict=True
    ):
        assert parameter.grad is not None
        torch.testing.assert_close(gradient, parameter.grad, rtol=1e-7, atol=1e-9, msg=place)


def test_copying_weights_to_another_network_is_refused() -> None:
    with torch.device("meta"):
        theirs = SpikingJellySpikeRain(PUBLISHED_SMALL)
        with pytest.raises(ValueError, match=r"Missing key|Unexpected key|size mismatch"):
            copy_weights(SpikeRain(EDGE_SMALL), theirs)


@pytest.mark.parametrize("name", ["published-small", "edge-small"])
@pytest.mark.parametrize(("height", "width"), [(13, 18), (9, 24), (2, 3), (1, 9), (5, 1)])
def test_images_of_any_size_are_reflect_padded_and_cropped(
    name: str, height: int, width: int
) -> None:
    network = random_network(NETWORKS[name])
    stride = 8 if name == "edge-small" else 4
    images = random_images(2, 3, height, width)
    missing = [math.ceil(side / stride) * stride - side for side in (height, width)]
    padded = np.pad(
        images.numpy(), [(0, 0), (0, 0), (0, missing[0]), (0, missing[1])], mode="reflect"
    )

    with torch.no_grad():
        restored = network(images)
        expected = network(torch.from_numpy(padded))[..., :height, :width]

    assert restored.shape == images.shape
    assert torch.equal(restored, expected)


def test_size_and_batch_may_change_between_calls() -> None:
    network = random_network(EDGE_SMALL)
    images = random_images(2, 3, 16, 24)

    with torch.no_grad():
        before = network(images)
        network(random_images(1, 3, 40, 8))
        network(random_images(5, 3, 9, 9))
        after = network(images)

    assert torch.equal(before, after)


def test_images_of_a_batch_do_not_influence_each_other() -> None:
    network = random_network(PUBLISHED_SMALL)
    images = random_images(3, 3, 16, 16)

    with torch.no_grad():
        together = network(images)
        alone = torch.cat([network(image[None]) for image in images])

    torch.testing.assert_close(together, alone, rtol=0, atol=1e-9)
