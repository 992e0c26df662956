"""Small networks that are saved and loaded."""

from __future__ import annotations

import torch
from networks import SMALL
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from spikerain_training.network import SpikeRain


def small_network(seed: int) -> SpikeRain:
    torch.manual_seed(seed)
    return SpikeRain(SMALL)


def trained(seed: int, steps: int) -> tuple[SpikeRain, torch.optim.Optimizer, AveragedModel]:
    network = small_network(seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    average = AveragedModel(network, use_buffers=True)
    for step in range(steps):
        images = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        network(images).square().mean().backward()
        optimizer.step()
        average.update_parameters(network)
    return network, optimizer, average


def assert_same_state(first: nn.Module, second: nn.Module) -> None:
    assert_same_tensors(first.state_dict(), second.state_dict())


def assert_same_tensors(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    assert list(first) == list(second)
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
        assert value.dtype is second[name].dtype, name
