"""Checks of the network configuration."""

from __future__ import annotations

import math

import pytest

from spikerain_edge.errors import InputError
from spikerain_training.config import NetworkConfig, variants


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("width", 0),
        ("width", 100_000),
        ("width", True),
        ("growth", 0),
        ("growth", 1e9),
        ("units", 0),
        ("units", "3"),
        ("timesteps", 0),
        ("timesteps", 10**6),
        ("shuffle", -1),
        ("encoder", [1, 1]),
        ("encoder", 3),
        ("encoder", [1, 1.5, 1]),
        ("decoder", [1, 1, 10**9]),
        ("decoder", "111"),
        ("merge_finest", 1),
        ("gates", "no"),
        ("upsampling", "cubic"),
        ("temporal_gate", "per_timestep"),
        ("temporal_gate", []),
        ("attention_reduction", 0),
        ("enhancement_reduction", 0),
        ("frames", 0),
        ("frames", 3),
        ("tau", 0),
        ("tau", math.nan),
        ("tau", "2"),
        ("threshold", 0.0),
        ("threshold", math.inf),
        ("alpha", -1),
        ("variant", 7),
    ],
)
def test_an_invalid_network_setting_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(InputError, match=f"^the network setting {name} is .*; set {name} to "):
        NetworkConfig.from_dict({**variants()["nano"].to_dict(), name: value})
