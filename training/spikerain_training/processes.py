"""Statistics of a batch that several processes share: means, and batch norm."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.autograd.function import once_differentiable


def process_count() -> int:
    """Returns the number of processes of this run; 1 if no process group was started."""
    launched = distributed.is_available() and distributed.is_initialized()
    return distributed.get_world_size() if launched else 1


def is_first_process() -> bool:
    """Whether this process writes files and logs; True if no process group was started."""
    launched = distributed.is_available() and distributed.is_initialized()
    return not launched or distributed.get_rank() == 0


class _Sum(torch.autograd.Function):
    """Sum over all processes.

    The loss of every process depends on the values of all processes, so gradients are summed too.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return _sum_of_all(values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _sum_of_all(gradients[0])


def _sum_of_all(values: Tensor) -> Tensor:
    total = values.clone()
    distributed.all_reduce(total)
    return total


def shared_mean(values: Tensor) -> Tensor:
    """Returns the mean of `values` over all processes; gradients flow to all of them."""
    processes = process_count()
    return values if processes == 1 else _Sum.apply(values) / processes


class _SharedNormalisation(torch.autograd.Function):
    """Batch norm with the statistics of all processes, computed by the kernels for one process.

    Every process normalises its features as at inference, with the means and variances over all
    processes. The backward pass adds the gradient through these statistics (Ioffe & Szegedy 2015,
    section 3).
    """

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        means, variances = torch.batch_norm_update_stats(features, None, None, 0.0)
        local = torch.stack([means, variances + means * means])
        mean, square = _sum_of_all(local) / process_count()
        variance = square - mean * mean
        normalised = torch.native_batch_norm(
            features, weight, bias, mean, variance, False, 0.0, eps
        )[0]
        ctx.save_for_backward(features, weight, mean, variance)
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, variance)
        return normalised, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        features, weight, mean, variance = ctx.saved_tensors
        direct, by_weight, by_bias = torch.ops.aten.native_batch_norm_backward(
            gradients[0], features, weight, mean, variance, None, None, False, ctx.eps, [True] * 3
        )
        count = process_count() * features.numel() / features.shape[1]
        of_deviation, of_mean = _sum_of_all(torch.stack([by_weight, by_bias])) / count
        inverse = torch.rsqrt(variance + ctx.eps)
        slope = -weight * inverse * inverse * of_deviation
        offset = -weight * inverse * of_mean - slope * mean
        direct += torch.addcmul(offset[:, None, None], features, slope[:, None, None])
        return direct, by_weight, by_bias, None


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch norm over the images of all processes: training gives the same result as one process.

    `nn.SyncBatchNorm` works on GPUs only. Every process must have the same number of images.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Normalises features (B, C, H, W); in training with the statistics of all processes."""
        if not self.training or process_count() == 1:
            return super().forward(features)
        wide = features if features.dtype == torch.float64 else features.float()
        normalised, mean, variance = _SharedNormalisation.apply(
            wide, self.weight, self.bias, self.eps
        )
        count = process_count() * wide.numel() / wide.shape[1]
        self._update_running(mean, variance * count / (count - 1))
        return normalised.to(features.dtype)

    def _update_running(self, mean: Tensor, variance: Tensor) -> None:
        momentum = 0.1 if self.momentum is None else self.momentum
        for running, value in ((self.running_mean, mean), (self.running_var, variance)):
            if running is not None:
                running.lerp_(value, momentum)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)


def share_batch_norms(network: nn.Module) -> None:
    """Replaces every batch norm of a network by `SharedBatchNorm`; tensor names do not change."""
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SharedBatchNorm
