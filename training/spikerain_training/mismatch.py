"""Describes in a few words how weights differ from those that a network needs."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from spikerain_training.config import variants
from spikerain_training.network import SpikeRain

Shapes = dict[str, tuple[int, ...]]


def mismatch(weights: Mapping[str, Tensor], network: nn.Module) -> str:
    """Names the first tensor with a wrong name or shape, and counts the others; empty if none.

    Args:
        weights: tensors by name.
        network: network that the tensors are loaded into.
    """
    found, wanted = _shapes(weights), _shapes(network.state_dict())
    names = [name for name in {**wanted, **found} if found.get(name) != wanted.get(name)]
    if not names:
        return ""
    first = names[0]
    if first not in found:
        text = f"{first} is missing"
    elif first not in wanted:
        text = f"{first} is unexpected"
    else:
        text = f"{first} is {_size(found[first])} instead of {_size(wanted[first])}"
    more = f", and {len(names) - 1} more tensors differ" if len(names) > 1 else ""
    return text + more


def variant_of(weights: Mapping[str, Tensor]) -> str | None:
    """Returns the variant whose tensors have these names and shapes; None if there is none."""
    found = _shapes(weights)
    for name, config in variants().items():
        with torch.device("meta"):
            if _shapes(SpikeRain(config).state_dict()) == found:
                return name
    return None


def _shapes(weights: Mapping[str, Tensor]) -> Shapes:
    return {name: tuple(value.shape) for name, value in weights.items()}


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "a number"
