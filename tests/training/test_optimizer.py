from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from spikerain_training.optimizer import Muon, build_optimizer, orthogonal
from spikerain_training.recipe import Recipe


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 24, 3), nn.BatchNorm2d(24), nn.Conv2d(24, 5, 1, bias=False), nn.Conv2d(5, 1, 3)
    )


def train(trained: nn.Module, optimizer: torch.optim.Optimizer, steps: int = 4) -> None:
    torch.manual_seed(1)
    images = torch.rand(2, 3, 12, 12)
    for _ in range(steps):
        optimizer.zero_grad()
        trained(images).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("shape", [(16, 216), (216, 16), (24, 24)])
def test_the_orthogonal_factor_keeps_singular_vectors_and_equalises_singular_values(
    shape: tuple[int, int],
) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)

    factor = orthogonal(matrix)

    inside = left.T @ factor @ right.T
    assert inside.diagonal().min() > 0.6
    assert inside.diagonal().max() < 1.3
    assert (inside - inside.diagonal().diag()).abs().max() < 1e-4
    assert factor.dtype == torch.float64


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch.optim.Muon begins with 2.9")
def test_kernels_get_the_updates_of_torch_muon() -> None:
    ours, theirs = network(), network()
    muon = Muon(ours.parameters(), lr=0.02, weight_decay=0.1)
    matrices = [nn.Parameter(theirs[index].weight.detach().flatten(1)) for index in (0, 2)]
    oracle = torch.optim.Muon(
        matrices, lr=0.02, weight_decay=0.1, momentum=0.95, adjust_lr_fn="match_rms_adamw"
    )
    before = [matrix.clone() for matrix in matrices]

    for seed in range(5):
        torch.manual_seed(seed)
        for index, matrix in zip((0, 2), matrices, strict=True):
            matrix.grad = torch.randn_like(matrix)
            ours[index].weight.grad = matrix.grad.view_as(ours[index].weight).clone()
        muon.step()
        oracle.step()

    for index, matrix, start in zip((0, 2), matrices, before, strict=True):
        moved = ours[index].weight.detach().flatten(1) - start
        # The oracle orthogonalises in bfloat16.
        assert (moved - (matrix.detach() - start)).norm() < 0.02 * moved.norm()


def test_other_parameters_get_the_updates_of_adamw() -> None:
    ours, theirs = network(), network()
    train(ours, Muon(ours.parameters(), lr=0.02, weight_decay=0.1), steps=1)
    train(theirs, torch.optim.AdamW(theirs.parameters(), lr=0.02, weight_decay=0.1), steps=1)

    moved: dict[str, Tensor] = dict(ours.named_parameters())
    for name, expected in theirs.named_parameters():
        alike = torch.equal(moved[name], expected)
        assert alike == (name not in ("0.weight", "2.weight")), name


def test_the_memory_layout_does_not_change_the_updates() -> None:
    plain, channels_last = network(), network()
    channels_last.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for trained in (plain, channels_last):
        train(trained, Muon(trained.parameters(), lr=0.01, weight_decay=0.0))

    torch.testing.assert_close(plain[0].weight, channels_last[0].weight, atol=1e-4, rtol=0)


def test_a_parameter_without_a_gradient_is_not_changed() -> None:
    trained = network()
    before = trained[0].weight.detach().clone()
    optimizer = Muon(trained.parameters(), lr=0.1, weight_decay=0.1)
    trained[2].weight.grad = torch.ones_like(trained[2].weight)
    optimizer.step()

    assert torch.equal(trained[0].weight, before)
    assert trained[2].weight.grad is not None


def test_a_step_with_a_closure_uses_its_gradients() -> None:
    plain, closed = network(), network()
    train(plain, Muon(plain.parameters(), lr=0.02, weight_decay=0.1), steps=1)
    optimizer = Muon(closed.parameters(), lr=0.02, weight_decay=0.1)
    torch.manual_seed(1)
    images = torch.rand(2, 3, 12, 12)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = closed(images).square().mean()
        loss.backward()
        return loss

    loss = optimizer.step(closure)

    assert loss > 0
    for name, expected in plain.named_parameters():
        assert torch.equal(dict(closed.named_parameters())[name], expected), name


def test_a_recipe_selects_the_optimizer_by_name() -> None:
    kinds = {
        name: type(build_optimizer(network(), Recipe(optimizer=name))) for name in ("adamw", "muon")
    }
    assert kinds == {"adamw": torch.optim.AdamW, "muon": Muon}
