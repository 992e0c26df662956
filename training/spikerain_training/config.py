"""What builds a SpikeRain network: one frozen dataclass and the named variants.

Nothing here imports torch, so that the exporter can read a configuration on a board without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

TemporalGate = Literal["pooled", "per-timestep"]


@dataclass(frozen=True)
class NetworkConfig:
    """Shape of one SpikeRain network.

    Attributes:
        variant: name the network is known by.
        width: channels `C` after the patch embedding; levels two and three have `2C` and `4C`.
        growth: channels `g` that each SCU of a dense block emits.
        units: SCUs `n` per dense block.
        timesteps: `T`, how often the image is presented.
        encoder: dense blocks per encoder level, finest first (`e1, e2, e3`).
        decoder: dense blocks per decoder level, finest first (`d1, d2, d3`).
        shuffle: pixel-unshuffle factor before the embedding; 1 works at full resolution.
        merge_finest: whether the finest skip connection is merged down to `C` channels by a
            spiking 1x1 convolution, as the published network does one level deeper. It halves
            the analogue tail (ARFE and output convolution), where most of the energy goes.
        temporal_gate: `pooled` gives one attention gate per image (published), `per-timestep`
            one gate per timestep with the same two parameters.
        attention_reduction: channel attention squeezes `C` to `C / attention_reduction`.
        enhancement_reduction: ARFE squeezes its width by this factor.
        tau: membrane time constant in timesteps; the potential decays by `1 - 1/tau` per step.
        threshold: firing threshold of every neuron.
        alpha: steepness of the sigmoid surrogate gradient (training only).
    """

    variant: str
    width: int
    growth: int
    units: int
    timesteps: int
    encoder: tuple[int, int, int]
    decoder: tuple[int, int, int]
    shuffle: int = 1
    merge_finest: bool = False
    temporal_gate: TemporalGate = "pooled"
    attention_reduction: int = 16
    enhancement_reduction: int = 8
    tau: float = 2.0
    threshold: float = 0.15
    alpha: float = 4.0

    @property
    def stride(self) -> int:
        """Height and width of an input must be multiples of this."""
        return 4 * self.shuffle

    @property
    def tail_width(self) -> int:
        """Channels that the finest decoder level, the fusion and ARFE work on."""
        return self.width if self.merge_finest else 2 * self.width

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as written to `config.json`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> NetworkConfig:
        """Rebuild a configuration; unknown and missing keys raise `ValueError`."""
        if not isinstance(values, Mapping):
            raise ValueError("a network configuration is a table of settings")
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(f"unknown network settings: {', '.join(unknown)}")
        try:
            levels = {key: tuple(values[key]) for key in ("encoder", "decoder")}
            return cls(**{**values, **levels})
        except (KeyError, TypeError) as error:
            raise ValueError(f"incomplete network configuration: {error}") from error


def variants() -> dict[str, NetworkConfig]:
    """The named networks: `s`, `m`, `l` as published, `nano` and `tiny` for edge devices."""
    published: dict[str, Any] = {"growth": 24, "units": 4, "timesteps": 4}
    edge: dict[str, Any] = {
        "growth": 16,
        "shuffle": 2,
        "merge_finest": True,
        "temporal_gate": "per-timestep",
        "attention_reduction": 8,
    }
    networks = [
        NetworkConfig("s", 32, encoder=(2, 2, 4), decoder=(1, 1, 1), **published),
        NetworkConfig("m", 48, encoder=(4, 4, 8), decoder=(2, 2, 2), **published),
        NetworkConfig("l", 64, encoder=(6, 6, 8), decoder=(4, 4, 4), **published),
        NetworkConfig(
            "nano",
            24,
            units=3,
            timesteps=2,
            encoder=(1, 1, 1),
            decoder=(1, 1, 1),
            **edge,
        ),
        NetworkConfig(
            "tiny",
            48,
            units=4,
            timesteps=2,
            encoder=(1, 2, 2),
            decoder=(1, 1, 1),
            **edge,
        ),
    ]
    return {network.variant: network for network in networks}
