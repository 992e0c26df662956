from __future__ import annotations

import pytest
import torch
from networks import randomised
from tensorrt_graphs import real_library

from spikerain_edge.inference.tensorrt_library import Library
from spikerain_training.config import NetworkConfig, variants
from spikerain_training.network import SpikeRain


def small_residual(config: NetworkConfig) -> SpikeRain:
    """A random network with a small residual, like a trained one."""
    network = randomised(config)
    with torch.no_grad():
        network.output.weight.mul_(0.2)
    return network


@pytest.fixture(scope="session")
def nano() -> SpikeRain:
    return small_residual(variants()["nano"])


@pytest.fixture(scope="session")
def nano_spike() -> SpikeRain:
    return small_residual(variants()["nano-spike"])


@pytest.fixture(scope="session")
def published() -> SpikeRain:
    """A small network of the published layout (no shuffle, pooled gate, no finest merge)."""
    return small_residual(
        NetworkConfig(
            "small", 16, growth=8, units=2, timesteps=3, encoder=(2, 1, 1), decoder=(1, 1, 1)
        )
    )


@pytest.fixture(scope="session")
def library() -> Library:
    """NVIDIA's builder; skips the test if it is not installed."""
    return real_library()
