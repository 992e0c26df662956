"""Configuration of a SpikeRain network, and the named variants.

This module does not import torch, so the exporter can read a configuration where torch is not
installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, Literal, get_args

from spikerain_edge.errors import InputError

TemporalGate = Literal["pooled", "per-timestep"]
Upsampling = Literal["bilinear", "nearest"]

_LEVELS = ("encoder", "decoder")
# A config.json can come from an untrusted source. The upper limits bound the memory that the
# network takes.
_WHOLE_NUMBERS = {
    "width": (1, 256),
    "growth": (1, 128),
    "units": (1, 16),
    "timesteps": (1, 32),
    "frames": (1, 2),
    "shuffle": (1, 8),
    "attention_reduction": (1, 256),
    "enhancement_reduction": (1, 256),
}
_NUMBERS = {"tau": (1.0, 1e6), "threshold": (1e-6, 1e3), "alpha": (1e-6, 1e6)}
_BLOCKS = (0, 16)
_CHOICES = {"temporal_gate": get_args(TemporalGate), "upsampling": get_args(Upsampling)}
_SWITCHES = ("merge_finest", "gates")


@dataclass(frozen=True)
class NetworkConfig:
    """Configuration of a SpikeRain network.

    Attributes:
        variant: name of the network.
        width: channels `C` after the patch embedding; levels two and three have `2C` and `4C`.
        growth: output channels `g` of each spiking convolution unit (SCU) of a dense block.
        units: SCUs `n` per dense block.
        timesteps: number of timesteps `T`; the image is the input at every timestep.
        encoder: dense blocks per encoder level, finest first (`e1, e2, e3`).
        decoder: dense blocks per decoder level, finest first (`d1, d2, d3`).
        shuffle: pixel-unshuffle factor before the embedding; 1 keeps the full resolution.
        merge_finest: whether a spiking 1x1 convolution merges the finest skip connection to `C`
            channels. The published network does this one level deeper only. It halves the
            channels of the analogue layers at the end (ARFE and output convolution), which take
            most of the energy.
        temporal_gate: `pooled` has one attention gate per image (as published), `per-timestep`
            one gate per timestep with the same two parameters.
        attention_reduction: channel attention reduces `C` channels to `C / attention_reduction`.
        enhancement_reduction: factor by which ARFE reduces its channels.
        tau: membrane time constant in timesteps; a timestep multiplies the potential by
            `1 - 1/tau`.
        threshold: firing threshold of every neuron.
        alpha: steepness of the sigmoid surrogate gradient (training only).
        frames: frames that the network reads: 1 for the image alone, 2 for the image and the
            previous frame of a video (see `SpikeRain`).
        gates: whether blocks end in MDSA and the fused features in ARFE, as published. Without
            them, the network is linear between its neurons.
        upsampling: `bilinear` doubles the features before the neurons of an upsampling stage (as
            published), `nearest` doubles the spikes after them.

    Raises:
        InputError: the value of a setting is not valid; the message names the setting.
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
    frames: int = 1
    gates: bool = True
    upsampling: Upsampling = "bilinear"

    def __post_init__(self) -> None:
        for name, (least, most) in _WHOLE_NUMBERS.items():
            wanted = f"a whole number from {least} to {most}"
            self._require(name, _is_whole(getattr(self, name), least, most), wanted)
        for name in _LEVELS:
            blocks, (least, most) = getattr(self, name), _BLOCKS
            fits = isinstance(blocks, tuple) and len(blocks) == 3
            fits = fits and all(_is_whole(count, least, most) for count in blocks)
            self._require(name, fits, f"three whole numbers from {least} to {most}")
        for name, (low, high) in _NUMBERS.items():
            value = getattr(self, name)
            fits = type(value) in (int, float) and low <= value <= high
            self._require(name, fits, f"a number from {low:g} to {high:g}")
        for name, choices in _CHOICES.items():
            self._require(name, getattr(self, name) in choices, f"one of {', '.join(choices)}")
        for name in _SWITCHES:
            self._require(name, type(getattr(self, name)) is bool, "true or false")
        self._require("variant", type(self.variant) is str, "a name")

    def _require(self, name: str, fits: bool, wanted: str) -> None:
        if not fits:
            value = getattr(self, name)
            raise InputError(
                f"the network setting {name} is {value!r:.100}, which is not valid",
                f"set {name} to {wanted}",
            )

    @property
    def stride(self) -> int:
        """Factor in pixels; images are padded to multiples of it."""
        return 4 * self.shuffle

    @property
    def tail_width(self) -> int:
        """Channels of the finest decoder level, the temporal fusion and ARFE."""
        return self.width if self.merge_finest else 2 * self.width

    def to_dict(self) -> dict[str, Any]:
        """Returns all settings as plain values, as `config.json` holds them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> NetworkConfig:
        """Returns a configuration from plain values, as `to_dict` returns them.

        Raises:
            InputError: a setting is unknown or missing, or its value is not valid.
        """
        if not isinstance(values, Mapping):
            raise InputError(
                "the network configuration is not a table of settings",
                "write one line NAME = VALUE for each setting",
            )
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise InputError(
                f"unknown network settings: {', '.join(unknown)}",
                f"remove them; the known settings are {', '.join(known)}",
            )
        needed = [field.name for field in fields(cls) if field.default is MISSING]
        missing = [name for name in needed if name not in values]
        if missing:
            raise InputError(
                f"the network configuration has no {', '.join(missing)}", "add these settings"
            )
        # JSON and TOML have lists but no tuples.
        levels = {name: tuple(values[name]) for name in _LEVELS if isinstance(values[name], list)}
        return cls(**{**values, **levels})


def _is_whole(value: object, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def variants() -> dict[str, NetworkConfig]:
    """Returns the named networks.

    `s`, `m` and `l` are as published, `nano` and `tiny` are for edge devices. `nano-video` is
    `nano` with one timestep per frame of a video and two frames in the patch embedding. Its
    neurons start every frame at a potential of zero, so they are binary activations without
    dynamics in time. `nano-spike` is `nano` made of neurons and convolutions only, for
    neuromorphic chips and simulators (see `SpikeRain`).
    """
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
            "nano-video",
            24,
            units=3,
            timesteps=1,
            encoder=(1, 1, 1),
            decoder=(1, 1, 1),
            frames=2,
            **edge,
        ),
        NetworkConfig(
            "nano-spike",
            24,
            units=3,
            timesteps=2,
            encoder=(1, 1, 1),
            decoder=(1, 1, 1),
            gates=False,
            upsampling="nearest",
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
