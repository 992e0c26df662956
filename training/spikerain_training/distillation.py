"""Distillation: a small network also learns from the output of a larger one, the teacher."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor, nn

from spikerain_edge.errors import InputError
from spikerain_training.checkpoint import load_network
from spikerain_training.losses import widened
from spikerain_training.network import SpikeRain


class Teacher:
    """A trained network in evaluation mode whose weights are frozen.

    It is not an `nn.Module`, so a student that holds it does not train, save or average it.

    Args:
        source: a checkpoint folder or a network. A network is copied: later changes of the original
            do not change the teacher.
        device: device of the teacher; None keeps the device of `source`.

    Raises:
        InputError: the folder is not a checkpoint.
        CheckpointError: the configuration is not valid, or the weights do not match it.
    """

    def __init__(self, source: Path | nn.Module, device: torch.device | str | None = None) -> None:
        try:
            network = load_network(source) if isinstance(source, Path) else deepcopy(source)
        except InputError as error:
            raise InputError(f"teacher of the recipe: {error.cause}", error.remedy) from error
        self._network = network.to(device).eval().requires_grad_(False)

    @torch.no_grad()
    def __call__(self, images: Tensor, previous: Tensor | None = None) -> Tensor:
        """Returns the outputs for rainy images; all are (B, 3, H, W) float, RGB in [0, 1].

        A teacher of two frames sees the frames before the images too, if they are given.
        """
        video = isinstance(self._network, SpikeRain) and self._network.config.frames == 2
        restored: Tensor = self._network(images, previous) if video else self._network(images)
        return restored


def distillation_loss(student: Tensor, teacher: Tensor, clean: Tensor) -> Tensor:
    """Returns the difference from the teacher's output at the pixels where the teacher is better.

    With the outputs `s` of the student and `t` of the teacher, the ground truth `y`, channels `c`
    and pixels `p`:

        m[p] = 1 if sum_c |t[c, p] - y[c, p]| < sum_c |s[c, p] - y[c, p]| else 0
        loss = mean over all c, p of m[p] * |s[c, p] - t[c, p]|

    The student does not learn the teacher's mistakes, and the term vanishes as the student gets
    better. No gradient flows through `m` or to the teacher. Half precision is converted to float32.

    Args:
        student: outputs of the student (B, 3, H, W).
        teacher: outputs of the teacher for the same images (B, 3, H, W).
        clean: ground truth (B, 3, H, W).

    Returns:
        A scalar in the units of the images.
    """
    student, teacher, clean = widened(student), widened(teacher).detach(), widened(clean)
    teacher_error = (teacher - clean).abs().sum(dim=1, keepdim=True)
    student_error = (student.detach() - clean).abs().sum(dim=1, keepdim=True)
    return ((teacher_error < student_error) * (student - teacher).abs()).mean()
