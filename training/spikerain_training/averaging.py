"""Means of weights: the exponential one that is measured and shipped, and that of two networks."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, update_bn

from spikerain_training.growth import grow
from spikerain_training.network import SpikeRain


def averaged(network: nn.Module, decay: float) -> AveragedModel:
    """A copy of `network` that follows it by `decay`, running statistics included."""
    average = AveragedModel(network, multi_avg_fn=_exponential(decay), use_buffers=True)
    average.eval()
    return average


def between(first: SpikeRain, second: SpikeRain, weight: float) -> SpikeRain:
    """A network with weights and statistics between two stages of one training.

    Args:
        first: what training started from; a smaller network is grown.
        second: what it led to.
        weight: share of the second, 0 to 1.

    Raises:
        InputError: the second cannot have been trained from the first.
    """
    begun, trained = grow(first, second.config).state_dict(), second.state_dict()
    mean = SpikeRain(second.config)
    mean.load_state_dict(
        {
            name: value.lerp(trained[name], weight) if value.is_floating_point() else trained[name]
            for name, value in begun.items()
        }
    )
    return mean.eval()


def renew_statistics(network: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Measures the statistics of all batch norms anew, in place, each batch counting alike.

    A mean of two networks has activations that neither of them had (Izmailov et al., 2018).

    Args:
        network: on any device.
        batches: inputs (B, 3, H, W) in [0, 1], float, and their truth, which is not looked at.
    """
    update_bn(batches, network, next(network.parameters()).device)


def _exponential(decay: float) -> Callable[..., None]:
    """Exponential average that starts as a plain mean, so that early weights fade quickly."""

    @torch.no_grad()
    def update(averaged: list[Tensor], current: list[Tensor], count: Tensor | int) -> None:
        weight = 1 - min(decay, (1 + float(count)) / (10 + float(count)))
        for old, new in zip(averaged, current, strict=True):
            if old.is_floating_point():
                old.lerp_(new, weight)
            else:
                old.copy_(new)

    return update
