"""Exponential average of the weights, which is what is measured and shipped."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def averaged(network: nn.Module, decay: float) -> AveragedModel:
    """A copy of `network` that follows it by `decay`, running statistics included."""
    average = AveragedModel(network, multi_avg_fn=_exponential(decay), use_buffers=True)
    average.eval()
    return average


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
