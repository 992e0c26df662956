"""Schedules of the learning rate and of the steepness of the surrogate gradient."""

from __future__ import annotations

import math

from torch import nn

from spikerain_training.neuron import LIF
from spikerain_training.recipe import Recipe


def learning_rate(step: int, recipe: Recipe) -> float:
    """Returns the learning rate of a step: linear warm-up, then a cosine down to `floor * peak`."""
    if step < recipe.warmup:
        return recipe.learning_rate * (step + 1) / recipe.warmup
    done = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    cosine = 0.5 * (1 + math.cos(math.pi * done))
    return recipe.learning_rate * (recipe.floor + (1 - recipe.floor) * cosine)


def steepness(step: int, recipe: Recipe) -> float:
    """Returns the steepness of a step: exponential from `alpha` to `alpha_end`, or constant.

    A steep surrogate approximates a spike better but is harder to train with (SpikeRain
    supplement, section 1), so a run may start with a flat one.
    """
    if not recipe.alpha_end:
        return recipe.alpha
    done = step / max(1, recipe.steps - 1)
    return recipe.alpha * (recipe.alpha_end / recipe.alpha) ** done


def steepen(network: nn.Module, alpha: float) -> None:
    """Sets the steepness of the surrogate gradient of all neurons."""
    for module in network.modules():
        if isinstance(module, LIF):
            module.alpha = alpha
