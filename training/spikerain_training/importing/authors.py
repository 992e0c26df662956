"""The weights that SpikeRain's authors' code saves, under the names of this project.

The names and shapes are those of github.com/tanvirnwu/SpikeRain, commit 64a182c, files
`model/spikerain.py` and `model/modules.py`; inzamamulDU/SpikeRain, its predecessor, has the same.
No file of trained weights is published there: the names were read from the code alone.

Both networks hold the same tensors. What differs besides the names is that the authors'
attention is made of 3-D convolutions with kernels (1, 1, 1) and (1, 3, 3), ours of linear layers
and a 2-D convolution: the same numbers in the same order, without the axes of length one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from spikerain_training.config import NetworkConfig, variants
from spikerain_training.network import SpikeRain

PUBLISHED = ("s", "m", "l")

Status = Literal["matched", "missing", "unexpected", "misshapen", "unusable"]

# Ours to theirs, applied in this order; every neuron counts as an entry of their sequences.
_NAMES = (
    (r"^embed\.", "patch_embed.proj."),
    (r"^encoder(\d)\.", r"encoder_level\1."),
    (r"^decoder(\d)\.", r"decoder_level\1."),
    (r"^down1\.convolve\.", "downsample_1_to_2.maxpool_conv."),
    (r"^down2\.convolve\.", "downsample_2_to_3.maxpool_conv."),
    (r"^up2\.convolve\.", "upsample_3_to_2.up."),
    (r"^up1\.convolve\.", "upsample_2_to_1.up."),
    (r"^merge2\.convolve\.", "reduce_channels_2."),
    (r"^fuse\.weights$", "temporal_fusion.weights"),
    (r"^enhance\.channel_squeeze\.", "refinement.ca.1."),
    (r"^enhance\.channel_excite\.", "refinement.ca.3."),
    (r"^enhance\.spatial_squeeze\.", "refinement.sa.0."),
    (r"^enhance\.spatial_excite\.", "refinement.sa.2."),
    (r"^enhance\.gate\.", "refinement.gate.0."),
    (r"^output\.", "output_conv."),
    (r"\.units\.(\d+)\.", r".layers.\1."),
    (r"\.merge\.", ".lff.1."),
    (r"\.attention\.temporal\.", ".attn.temporal_fc.1."),
    (r"\.attention\.squeeze\.", ".attn.channel_fc.1."),
    (r"\.attention\.excite\.", ".attn.channel_fc.3."),
    (r"\.attention\.spatial\.", ".attn.spatial_conv.0."),
    (r"\.conv\.", ".1."),
    (r"\.norm\.", ".2.bn."),
)


@dataclass(frozen=True)
class Entry:
    """What became of one tensor.

    Attributes:
        status: `matched`, or what keeps it from being taken over.
        theirs: its name in the authors' code.
        ours: its name here; None where it is unexpected.
        found: shape in the file; None where it is missing or no tensor.
        expected: shape that the network needs, without regard to axes of length one; None
            where it is unexpected.
        reason: why it is unusable.
    """

    status: Status
    theirs: str
    ours: str | None = None
    found: tuple[int, ...] | None = None
    expected: tuple[int, ...] | None = None
    reason: str = ""


@dataclass(frozen=True)
class Comparison:
    """A `state_dict` of the authors' code beside a network of ours.

    Attributes:
        entries: one per tensor of either, in the order of our network, surplus ones last.
        weights: the tensors that matched, under our names, in our shapes and dtypes; they
            share no memory with what was read.
    """

    entries: tuple[Entry, ...]
    weights: dict[str, Tensor]

    @property
    def complete(self) -> bool:
        """Whether every tensor of either found its counterpart."""
        return all(entry.status == "matched" for entry in self.entries)

    @property
    def counts(self) -> dict[str, int]:
        """Tensors per status, only such as occur."""
        return dict(Counter(entry.status for entry in self.entries))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a JSON report."""
        return {
            "complete": self.complete,
            "counts": self.counts,
            "tensors": [asdict(entry) for entry in self.entries],
        }


def authors_name(ours: str) -> str:
    """What the authors' code calls a tensor of our network."""
    for pattern, replacement in _NAMES:
        ours = re.sub(pattern, replacement, ours)
    return ours


def compare(state: Mapping[str, Any], config: NetworkConfig) -> Comparison:
    """Looks for every tensor of the network `config` under its authors' name.

    Args:
        state: names and tensors as the authors' code saves them; see `state_file.read_state`.
        config: a published network.
    """
    with torch.device("meta"):
        needed = SpikeRain(config).state_dict()
    entries: list[Entry] = []
    weights: dict[str, Tensor] = {}
    for ours, place in needed.items():
        entry = _entry(authors_name(ours), ours, state, place)
        entries.append(entry)
        if entry.status == "matched":
            found = state[entry.theirs].detach()
            weights[ours] = found.reshape(place.shape).to(place.dtype, copy=True)
    known = {entry.theirs for entry in entries}
    entries += [
        Entry("unexpected", name, found=_shape(value))
        for name, value in state.items()
        if name not in known
    ]
    return Comparison(tuple(entries), weights)


def fitting(state: Mapping[str, Any]) -> list[str]:
    """The published variants that a `state_dict` fits completely."""
    return [name for name in PUBLISHED if compare(state, variants()[name]).complete]


def _entry(theirs: str, ours: str, state: Mapping[str, Any], place: Tensor) -> Entry:
    expected = tuple(place.shape)
    if theirs not in state:
        return Entry("missing", theirs, ours, expected=expected)
    value = state[theirs]
    found = _shape(value)
    reason = _unusable(value, place)
    if reason:
        return Entry("unusable", theirs, ours, found, expected, reason)
    if found is None or _without_ones(found) != _without_ones(expected):
        return Entry("misshapen", theirs, ours, found, expected)
    # Only now that the shape is known: a few bytes can claim to be any number of elements.
    if not torch.isfinite(value).all():
        return Entry("unusable", theirs, ours, found, expected, "holds NaN or infinity")
    return Entry("matched", theirs, ours, found, expected)


def _unusable(value: Any, place: Tensor) -> str:
    """Why a value cannot fill a place, whatever its shape; empty if it can."""
    if not isinstance(value, Tensor):
        return f"is a {type(value).__name__}, no tensor"
    if value.layout is not torch.strided or value.is_quantized or value.device.type != "cpu":
        return "is no dense tensor"
    # Half precision widens exactly; float64 would be rounded, which nobody asked for.
    exact = {torch.float16, torch.bfloat16} if place.is_floating_point() else set()
    if value.dtype not in exact | {place.dtype}:
        return f"is {str(value.dtype).removeprefix('torch.')}"
    return ""


def _shape(value: Any) -> tuple[int, ...] | None:
    return tuple(value.shape) if isinstance(value, Tensor) else None


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(length for length in shape if length != 1)
