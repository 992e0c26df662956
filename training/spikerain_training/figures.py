"""What a training step is judged by, as means over all processes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from torch import Tensor

from spikerain_training.logbook import StepReport
from spikerain_training.seeded_rain import HeldOutQuality

PATIENCE = 25


@dataclass(frozen=True)
class Figures:
    """Means over the batch and over all processes.

    Attributes:
        loss: sum of all weighted terms.
        error: mean squared difference of output and truth.
        ssim: their structural similarity.
        firing_rate: mean over all neuron layers.
        gradient_norm: before clipping.
        stop: above 0 where a process was asked to stop.
    """

    loss: float
    error: float
    ssim: float
    firing_rate: float
    gradient_norm: float
    stop: float

    @classmethod
    @torch.no_grad()
    def over_all(
        cls,
        fabric: Fabric,
        loss: Tensor,
        restored: Tensor,
        clean: Tensor,
        similarity: Tensor,
        rates: Sequence[Tensor],
        norm: Tensor | None,
        stop: bool,
    ) -> Figures:
        """Gathers the figures of one step; the processes exchange them in one message.

        A strategy that shards the network knows no norm of the whole gradient: it counts as 0.
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

    def progress(
        self, step: int, learning_rate: float, alpha: float, measured: HeldOutQuality | None
    ) -> StepReport:
        """The figures as they are reported and logged."""
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


class Patience:
    """Tells a run that goes on from one that is broken.

    In `16-mixed` a gradient that is not finite is no failure by itself: the loss scale is lowered
    and the step skipped. One that stays so at every scale is.

    Args:
        precision: of the run.
        limit: steps in a row that may be skipped.
    """

    def __init__(self, precision: str, limit: int = PATIENCE) -> None:
        self._left = self._limit = limit if precision == "16-mixed" else 0

    def lasts(self, loss: float, gradient_norm: float) -> bool:
        """Whether the run may take, or skip, the step with these figures."""
        if not math.isfinite(loss):
            return False
        if math.isfinite(gradient_norm):
            self._left = self._limit
            return True
        self._left -= 1
        return self._left >= 0
