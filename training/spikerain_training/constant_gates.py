"""Replaces the gates of a trained network by constants, to start training a network without gates.

Every gate becomes the value that it has for features of zero. It then does not depend on the image,
so it folds into the convolution before or after it.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

_MERGE = ".merge.weight"


def with_constant_gates(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns the tensors of a network with its gates folded in.

    The output of the network without gates equals that of the original if the gates do not depend
    on their input.

    Args:
        weights: tensors by `state_dict` name, with those of MDSA and ARFE.

    Returns:
        The same tensors; the `merge` weights of all blocks and `output.weight` are scaled.
    """
    folded = dict(weights)
    for name, weight in weights.items():
        if name.endswith(_MERGE):
            attention = _attention(weights, name.removesuffix("merge.weight") + "attention.")
            folded[name] = weight * attention[:, None, None, None]
    folded["output.weight"] = weights["output.weight"] * _enhancement(weights)[:, None, None]
    return folded


def _attention(weights: Mapping[str, Tensor], prefix: str) -> Tensor:
    """Returns the factor (C,) by which MDSA multiplies each channel."""
    hidden = functional.relu(weights[f"{prefix}squeeze.bias"])
    channel = torch.sigmoid(
        weights[f"{prefix}excite.weight"] @ hidden + weights[f"{prefix}excite.bias"]
    )
    temporal = torch.sigmoid(weights[f"{prefix}temporal.bias"])
    return temporal * channel * torch.sigmoid(weights[f"{prefix}spatial.bias"])


def _enhancement(weights: Mapping[str, Tensor]) -> Tensor:
    """Returns the factor (C,) by which ARFE multiplies each channel: `g * ca + (1 - g) * sa + 1`.

    The spatial gate is that of a pixel far from the border.
    """

    def gate(squeeze: str, excite: str) -> Tensor:
        hidden = functional.relu(weights[f"enhance.{squeeze}.bias"])
        kernel = weights[f"enhance.{excite}.weight"].sum(dim=(2, 3))
        return torch.sigmoid(kernel @ hidden + weights[f"enhance.{excite}.bias"])

    by_channel = gate("channel_squeeze", "channel_excite")
    by_place = gate("spatial_squeeze", "spatial_excite")
    share = torch.sigmoid(weights["enhance.gate.bias"])
    return share * by_channel + (1 - share) * by_place + 1
