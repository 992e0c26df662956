"""Metrics of a training step over all processes, and the check whether training diverged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from torch import Tensor

from spikerain_training.logbook import StepReport
from spikerain_training.seeded_rain import HeldOutQuality

MAX_SKIPPED_STEPS = 25
"""Steps in a row that `16-mixed` may skip because the gradient is not finite."""


@dataclass(frozen=True)
class StepMetrics:
    """Means over the batch and over all processes.

    Attributes:
        loss: sum of all weighted loss terms.
        error: mean squared error of the outputs.
        ssim: SSIM of the outputs.
        firing_rate: mean firing rate over all neuron layers.
        gradient_norm: norm of the gradient before clipping.
        stop: above 0 if a process was interrupted.
    """

    loss: float
    error: float
    ssim: float
    firing_rate: float
    gradient_norm: float
    stop: float

    @classmethod
    @torch.no_grad()
    def gather(
        cls,
        fabric: Fabric,
        loss: Tensor,
        restored: Tensor,
        clean: Tensor,
        similarity: Tensor,
        rates: Sequence[Tensor],
        norm: Tensor | None,
        stop: bool,
    ) -> StepMetrics:
        """Averages the metrics of one step over all processes, in a single exchange.

        `norm` is None for strategies that shard the network; the gradient norm is then 0.
        """
        own = torch.stack(
            [
                loss.detach().float(),
                torch.mean((restored - clean) ** 2),
                similarity.detach(),
                torch.stack(list(rates)).mean(),
                loss.new_zeros(()) if norm is None else norm.detach().float(),
                torch.tensor(float(stop), device=loss.device),
            ]
        )
        mean = fabric.all_reduce(own, reduce_op="mean")
        return cls(*mean.tolist())  # type: ignore[union-attr]

    def report(
        self, step: int, learning_rate: float, alpha: float, measured: HeldOutQuality | None
    ) -> StepReport:
        """Returns the metrics as they are reported and logged."""
        psnr = math.inf if self.error == 0 else -10 * math.log10(self.error)
        return StepReport(
            step,
            self.loss,
            psnr,
            self.ssim,
            self.firing_rate,
            self.gradient_norm,
            learning_rate,
            alpha,
            measured,
        )


class DivergenceCheck:
    """Checks whether a training run has diverged.

    With `16-mixed`, a gradient that is not finite is normal at times: the loss scale is then
    lowered and the step is skipped. The run has diverged if this happens too often in a row.

    Args:
        precision: precision of the run.
        limit: largest number of steps in a row that may be skipped.
    """

    def __init__(self, precision: str, limit: int = MAX_SKIPPED_STEPS) -> None:
        self._left = self._limit = limit if precision == "16-mixed" else 0

    def allows(self, loss: float, gradient_norm: float) -> bool:
        """Whether the run may continue after a step with this loss and gradient norm."""
        if not math.isfinite(loss):
            return False
        if math.isfinite(gradient_norm):
            self._left = self._limit
            return True
        self._left -= 1
        return self._left >= 0
