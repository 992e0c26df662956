"""Converts weights saved by the code of SpikeRain's authors to the names of this project.

The names and shapes are those of github.com/tanvirnwu/SpikeRain, commit 64a182c, files
`model/spikerain.py` and `model/modules.py`; its predecessor inzamamulDU/SpikeRain has the same.
Trained weights are not published there, so the names were read from the code only.

Both networks have the same tensors with different names. In addition, the attention of the authors
uses 3-D convolutions with kernels (1, 1, 1) and (1, 3, 3). This project uses linear layers and a
2-D convolution: the same numbers in the same order, without the axes of length one.
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

# Replacements from our names to the authors' names, applied in this order. The numbers count
# neurons too, because these are entries of the authors' sequences.
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
    """Result of the comparison for one tensor.

    Attributes:
        status: `matched`, or the reason why the tensor cannot be imported.
        theirs: name in the authors' code.
        ours: name in this project; None if the tensor is unexpected.
        found: shape in the file; None if the tensor is missing or the value is not a tensor.
        expected: shape that the network needs; axes of length one are not compared. None if the
            tensor is unexpected.
        reason: why the tensor is unusable; empty otherwise.
    """

    status: Status
    theirs: str
    ours: str | None = None
    found: tuple[int, ...] | None = None
    expected: tuple[int, ...] | None = None
    reason: str = ""


@dataclass(frozen=True)
class Comparison:
    """Comparison of a `state_dict` of the authors' code with a network of this project.

    Attributes:
        entries: one entry per tensor, in the order of our network, unexpected tensors last.
        weights: copies of the matched tensors with our names, shapes and dtypes.
    """

    entries: tuple[Entry, ...]
    weights: dict[str, Tensor]

    @property
    def complete(self) -> bool:
        """Whether all tensors match."""
        return all(entry.status == "matched" for entry in self.entries)

    @property
    def counts(self) -> dict[str, int]:
        """Number of tensors for every status that occurs."""
        return dict(Counter(entry.status for entry in self.entries))

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for a JSON report."""
        return {
            "complete": self.complete,
            "counts": self.counts,
            "tensors": [asdict(entry) for entry in self.entries],
        }


def authors_name(ours: str) -> str:
    """Returns the name of a tensor of our network in the authors' code."""
    for pattern, replacement in _NAMES:
        ours = re.sub(pattern, replacement, ours)
    return ours


def compare(state: Mapping[str, Any], config: NetworkConfig) -> Comparison:
    """Compares a `state_dict` of the authors' code with a network of this project.

    Args:
        state: names and tensors as the authors' code saves them; see `state_file.read_state`.
        config: configuration of a published network.
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
    """Returns the published variants of which a `state_dict` matches all tensors."""
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
    # Checked after the shape, because a few bytes in the file can claim any number of elements.
    if not torch.isfinite(value).all():
        return Entry("unusable", theirs, ours, found, expected, "holds NaN or infinity")
    return Entry("matched", theirs, ours, found, expected)


def _unusable(value: Any, place: Tensor) -> str:
    """Returns why a value cannot be used, whatever its shape; empty if it can be used."""
    if not isinstance(value, Tensor):
        return f"is a {type(value).__name__}, not a tensor"
    if value.layout is not torch.strided or value.is_quantized or value.device.type != "cpu":
        return "is not a dense tensor"
    # Half precision is converted exactly; float64 would be rounded, so it is refused.
    exact = {torch.float16, torch.bfloat16} if place.is_floating_point() else set()
    if value.dtype not in exact | {place.dtype}:
        return f"is {str(value.dtype).removeprefix('torch.')}"
    return ""


def _shape(value: Any) -> tuple[int, ...] | None:
    return tuple(value.shape) if isinstance(value, Tensor) else None


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(length for length in shape if length != 1)
