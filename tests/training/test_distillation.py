from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from networks import SMALL
from torch import Tensor, nn

from spikerain_training.checkpoint import save_network
from spikerain_training.distillation import Teacher, distillation_loss
from spikerain_training.network import SpikeRain


def small_network(seed: int = 0) -> SpikeRain:
    torch.manual_seed(seed)
    return SpikeRain(SMALL)


def images(seed: int, batch: int = 2, side: int = 16) -> Tensor:
    return torch.rand(batch, 3, side, side, generator=torch.Generator().manual_seed(seed))


def copied(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def test_a_teacher_has_the_outputs_of_its_checkpoint_in_evaluation_mode(tmp_path: Path) -> None:
    network = small_network()
    network.train()(images(1))  # moves the batch norms off their initial statistics
    save_network(tmp_path, SMALL, network.state_dict())
    with torch.no_grad():
        expected = network.eval()(images(2))

    assert torch.equal(Teacher(tmp_path)(images(2)), expected)
    assert torch.equal(Teacher(network.train())(images(2)), expected)


def test_training_the_student_does_not_change_the_teacher() -> None:
    student = small_network()
    teacher = Teacher(student)
    rainy, clean = images(1), images(2)
    before, answer = copied(student), teacher(rainy)
    optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
    for _ in range(2):
        loss = (student(rainy) - clean).abs().mean()
        (loss + distillation_loss(student(rainy), teacher(rainy), clean)).backward()
        optimizer.step()

    assert any(not torch.equal(value, before[name]) for name, value in copied(student).items())
    assert torch.equal(teacher(rainy), answer)
    assert all(parameter.requires_grad for parameter in student.parameters())


def test_no_gradient_reaches_the_teacher() -> None:
    rainy = images(1).requires_grad_()
    answer = Teacher(small_network())(rainy)
    assert not answer.requires_grad

    student, teacher = images(2).requires_grad_(), images(3).requires_grad_()
    distillation_loss(student, teacher, images(4)).backward()
    assert student.grad is not None
    assert teacher.grad is None


def test_a_student_does_not_save_or_train_its_teacher() -> None:
    student = nn.Linear(1, 1)
    student.teacher = Teacher(small_network())  # type: ignore[assignment]
    assert set(student.state_dict()) == {"weight", "bias"}
    assert len(list(student.parameters())) == 2


def test_the_loss_is_the_difference_from_the_teacher_where_the_teacher_is_better() -> None:
    student, teacher, clean = (images(seed).double() for seed in (1, 2, 3))
    drawn, guided, truth = (picture.numpy() for picture in (student, teacher, clean))
    total = 0.0
    for image, row, column in np.ndindex(2, 16, 16):
        at = (image, slice(None), row, column)
        if np.linalg.norm(guided[at] - truth[at], 1) < np.linalg.norm(drawn[at] - truth[at], 1):
            total += np.linalg.norm(drawn[at] - guided[at], 1)

    found = float(distillation_loss(student, teacher, clean))
    assert found == pytest.approx(total / student.numel(), rel=1e-12)
    assert 0 < found < float((student - teacher).abs().mean())


def test_pixels_where_the_teacher_is_worse_do_not_count() -> None:
    clean = torch.full((1, 3, 4, 4), 0.5)
    student, teacher = clean + 0.1, clean + 0.02
    teacher[..., 2:, :] = clean[..., 2:, :] + 0.3
    student.requires_grad_()

    loss = distillation_loss(student, teacher, clean)
    loss.backward()

    assert student.grad is not None
    assert loss.item() == pytest.approx(0.08 / 2)
    assert not student.grad[..., 2:, :].any()


def test_the_gradient_points_from_the_student_to_a_better_teacher() -> None:
    clean = images(1)
    teacher = clean + 0.05
    student = (clean + 0.2 * torch.sign(images(2) - 0.5)).requires_grad_()

    before = distillation_loss(student, teacher, clean)
    before.backward()

    assert student.grad is not None
    assert torch.equal(torch.sign(-student.grad), torch.sign(teacher - student.detach()))
    nearer = student.detach() - 0.01 * torch.sign(student.grad)
    assert float(distillation_loss(nearer, teacher, clean)) == pytest.approx(
        before.item() - 0.01, abs=1e-6
    )


def test_the_loss_is_zero_if_the_student_is_as_good_as_its_teacher() -> None:
    clean = torch.full((1, 3, 4, 4), 0.5)
    assert float(distillation_loss(clean, clean + 0.25, clean)) == 0
    assert float(distillation_loss(clean - 0.25, clean + 0.25, clean)) == 0


def test_half_precision_outputs_are_compared_in_float32() -> None:
    student, teacher, clean = images(1), images(2), images(3)
    halves = distillation_loss(student.bfloat16(), teacher.bfloat16(), clean)
    whole = distillation_loss(student.bfloat16().float(), teacher.bfloat16().float(), clean)
    assert halves.dtype is torch.float32
    assert torch.equal(halves, whole)
