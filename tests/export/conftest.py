from __future__ import annotations

import pytest
import torch
from torch import nn

from spikerain_training.config import NetworkConfig, variants
from spikerain_training.network import SpikeRain


def randomised(config: NetworkConfig) -> SpikeRain:
    """A network with random weights and batch statistics, so that folding has something to fold."""
    torch.manual_seed(3)
    network = SpikeRain(config)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                assert module.running_mean is not None
                assert module.running_var is not None
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 2.0)
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.1)
        network.fuse.weights.normal_()
        # Untrained residuals would fill the whole range; trained ones are small.
        network.output.weight.mul_(0.2)
    return network.eval()


@pytest.fixture(scope="session")
def nano() -> SpikeRain:
    return randomised(variants()["nano"])


@pytest.fixture(scope="session")
def published() -> SpikeRain:
    """The published layout (no shuffle, pooled gate, no finest merge), small."""
    return randomised(
        NetworkConfig(
            "small", 16, growth=8, units=2, timesteps=3, encoder=(2, 1, 1), decoder=(1, 1, 1)
        )
    )
