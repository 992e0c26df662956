"""Learning from a larger network: its picture guides wherever it is the better one."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor, nn

from spikerain_edge.errors import InputError
from spikerain_training.checkpoint import load_network
from spikerain_training.losses import widened


class Teacher:
    """A trained network that only answers: evaluation mode, frozen, without gradients.

    It is no `nn.Module`, so that a student holding it neither trains, saves nor averages it.

    Args:
        source: a checkpoint folder, or a network, of which a copy is kept: what happens to the
            original afterwards does not change the teacher.
        device: where it answers; where `source` is unless given.

    Raises:
        InputError: no such checkpoint.
        CheckpointError: configuration and weights do not fit each other.
    """

    def __init__(self, source: Path | nn.Module, device: torch.device | str | None = None) -> None:
        try:
            network = load_network(source) if isinstance(source, Path) else deepcopy(source)
        except InputError as error:
            raise InputError(f"the recipe's teacher: {error.cause}", error.remedy) from error
        self._network = network.to(device).eval().requires_grad_(False)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """The teacher's pictures of rainy images (B, 3, H, W), RGB in [0, 1], float."""
        answer: Tensor = self._network(images)
        return answer


def distillation_loss(student: Tensor, teacher: Tensor, clean: Tensor) -> Tensor:
    """Distance to the teacher's picture, at those pixels where it is closer to the truth.

    With student `s`, teacher `t` and truth `y`, at every pixel `p`:

        m[p] = 1 if sum_c |t[c, p] - y[c, p]| < sum_c |s[c, p] - y[c, p]| else 0
        loss = mean over all c, p of m[p] * |s[c, p] - t[c, p]|

    So a teacher's mistakes are not learned, and the term fades as the student catches up. No
    gradient flows through `m` or to the teacher. Half precision is widened to float32.

    Args:
        student: the student's pictures (B, 3, H, W).
        teacher: the teacher's pictures of the same images.
        clean: the truth.

    Returns:
        A scalar in the units of the images.
    """
    pupil, guide, truth = widened(student), widened(teacher).detach(), widened(clean)
    guide_error = (guide - truth).abs().sum(dim=1, keepdim=True)
    pupil_error = (pupil.detach() - truth).abs().sum(dim=1, keepdim=True)
    return ((guide_error < pupil_error) * (pupil - guide).abs()).mean()
