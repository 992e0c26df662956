from __future__ import annotations

import pytest
from tensorrt_hardware import Hardware

from spikerain_edge.inference import Derainer
from spikerain_edge.spec import ModelSpec


@pytest.fixture(scope="session")
def spec(derainer: Derainer) -> ModelSpec:
    """The description of nano."""
    return derainer.spec


@pytest.fixture
def hardware() -> Hardware:
    """A GPU that has done nothing yet."""
    return Hardware()
