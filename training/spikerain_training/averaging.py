"""Averages weights: the moving average during training, and the average of two networks."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, update_bn

from spikerain_training.growth import grow
from spikerain_training.network import SpikeRain


def averaged(network: nn.Module, decay: float) -> AveragedModel:
    """Returns an exponential moving average of a network, including its running statistics.

    Args:
        network: the network; it is copied.
        decay: decay per step, 0 to 1.
    """
    average = AveragedModel(network, multi_avg_fn=_exponential(decay), use_buffers=True)
    average.eval()
    return average


def interpolate(first: SpikeRain, second: SpikeRain, weight: float) -> SpikeRain:
    """Interpolates the weights and statistics of two checkpoints of one training.

    Args:
        first: the network that the training started from; a smaller network is grown.
        second: the network that it ended with.
        weight: share of the second network, 0 to 1.

    Returns:
        A new network, in evaluation mode.

    Raises:
        InputError: the second network cannot be grown from the first.
    """
    initial, trained = grow(first, second.config).state_dict(), second.state_dict()
    mean = SpikeRain(second.config)
    mean.load_state_dict(
        {
            name: value.lerp(trained[name], weight) if value.is_floating_point() else trained[name]
            for name, value in initial.items()
        }
    )
    return mean.eval()


class _OfPairs(nn.Module):
    """A network whose images and previous images come as one tensor, as `update_bn` needs it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        restored: Tensor = self.network(*images)
        return restored


def renew_statistics(network: nn.Module, batches: Iterable[tuple[Tensor, ...]]) -> None:
    """Recomputes the running statistics of all batch norms, in place; batches have equal weight.

    An average of two networks has other activations than both of them, so their statistics do not
    fit it (Izmailov et al., 2018).

    Args:
        network: network on any device.
        batches: inputs (B, 3, H, W), float in [0, 1], ground truth, which is ignored, and for a
            network of two frames the previous images, like the inputs.
    """
    inputs = (torch.stack([rainy, *previous]) for rainy, _, *previous in batches)
    update_bn(inputs, _OfPairs(network), next(network.parameters()).device)


def _exponential(decay: float) -> Callable[..., None]:
    """Returns the update of an average whose decay is smaller in the first steps.

    Early weights then lose their influence quickly.
    """

    @torch.no_grad()
    def update(averaged: list[Tensor], current: list[Tensor], count: Tensor | int) -> None:
        weight = 1 - min(decay, (1 + float(count)) / (10 + float(count)))
        for old, new in zip(averaged, current, strict=True):
            if old.is_floating_point():
                old.lerp_(new, weight)
            else:
                old.copy_(new)

    return update
