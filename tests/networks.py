"""Networks with random values in every parameter, for the tests of all packages."""

from __future__ import annotations

import torch
from torch import nn

from spikerain_training.config import NetworkConfig
from spikerain_training.network import SpikeRain

# One dense block of a single unit per stage: it has every kind of part and is fast.
SMALL = NetworkConfig(
    "small", 16, growth=8, units=1, timesteps=2, encoder=(1, 1, 1), decoder=(1, 1, 1), shuffle=2
)


def randomised(config: NetworkConfig, seed: int = 3) -> SpikeRain:
    """Returns a network with random weights and batch statistics, so that folding has an effect."""
    torch.manual_seed(seed)
    network = SpikeRain(config)
    with torch.no_grad():
        randomise_norms(network, spread=0.1, least=0.5, variance=0.5)
        network.fuse.weights.normal_()
    return network.eval()


def randomise_norms(
    network: nn.Module, spread: float = 0.3, least: float = 0.3, variance: float = 0.2
) -> None:
    """Sets weights, biases and statistics of all batch norms to random values.

    Args:
        network: network to change; call this function without gradients.
        spread: standard deviation of means and biases.
        least: smallest weight; the largest is 1.5.
        variance: smallest variance; the largest is 2.
    """
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, spread)
            module.running_var.uniform_(variance, 2.0)
            module.weight.uniform_(least, 1.5)
            module.bias.normal_(0, spread)


def parameter_count(network: nn.Module) -> int:
    """Counts the trainable parameters."""
    return sum(parameter.numel() for parameter in network.parameters())
