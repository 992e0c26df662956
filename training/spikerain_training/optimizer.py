"""Optimisers: AdamW, and Muon, which treats convolution kernels differently."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from spikerain_training.recipe import Recipe

MOMENTUM = "momentum"


def build_optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Returns the optimiser of a recipe for all parameters of a network."""
    kind = Muon if recipe.optimizer == "muon" else torch.optim.AdamW
    return kind(network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)


def optimizer_name(moments: Iterable[str]) -> str:
    """Returns the optimiser, `muon` or `adamw`, whose saved state has entries of these names."""
    return "muon" if MOMENTUM in moments else "adamw"


class Muon(torch.optim.AdamW):
    """Muon (Jordan et al. 2024) for convolution kernels, and AdamW for all other parameters.

    Muon orthogonalises the momentum. A kernel is treated as a matrix with one row per output
    channel, and its update is close to the nearest matrix with equal singular values; rare
    directions are then learned as fast as frequent ones. Updates are scaled by
    `0.2 * sqrt(larger side)`, which gives them the size of an AdamW step (Liu et al. 2025), so both
    use the same learning rate and weight decay.

    AdamW updates biases, norms, linear layers and kernels with a single output channel.
    `torch.optim.Muon` (torch 2.9 and newer) accepts matrices only.

    Args:
        parameters: parameters of the network; those with four axes are kernels.
        lr: learning rate.
        weight_decay: decoupled weight decay.
        momentum: Nesterov momentum of the gradients of kernels.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        weight_decay: float,
        momentum: float = 0.95,
    ) -> None:
        trained = list(parameters)
        super().__init__(trained, lr=lr, weight_decay=weight_decay)
        self.kernels = [weight for weight in trained if weight.ndim == 4 and len(weight) > 1]
        self.momentum = momentum

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates all parameters that have a gradient; gradients are not changed."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        gradients = [kernel.grad for kernel in self.kernels]
        for kernel in self.kernels:
            kernel.grad = None
        super().step()
        for kernel, gradient in zip(self.kernels, gradients, strict=True):
            kernel.grad = gradient
            if gradient is not None:
                self._update_kernel(kernel, gradient)
        return loss

    def _update_kernel(self, kernel: Tensor, gradient: Tensor) -> None:
        group = self.param_groups[0]
        state = self.state[kernel]
        if not state:
            # AdamW loads and saves the state, and expects a step count in every entry.
            state["step"] = torch.tensor(0.0)
            state[MOMENTUM] = torch.zeros_like(gradient)
        state["step"] += 1
        state[MOMENTUM].lerp_(gradient, 1 - self.momentum)
        update = orthogonal(gradient.lerp(state[MOMENTUM], self.momentum).flatten(1))
        scale = 0.2 * max(update.shape) ** 0.5
        kernel.mul_(1 - group["lr"] * group["weight_decay"])
        kernel.add_(update.view(kernel.shape), alpha=-group["lr"] * scale)


def orthogonal(matrix: Tensor, iterations: int = 5) -> Tensor:
    """Returns an approximation of the orthogonal factor of a matrix (rows, columns).

    Newton-Schulz iteration in float32 with the coefficients of Jordan et al. 2024. Singular values
    end between about 0.7 and 1.2. This trains as well as exact values of 1, and needs only products
    of matrices.
    """
    wide = matrix.float()
    tall = wide.shape[0] > wide.shape[1]
    if tall:
        wide = wide.T
    wide = wide / (wide.norm() + 1e-7)
    for _ in range(iterations):
        gram = wide @ wide.T
        wide = 3.4445 * wide + (-4.7750 * gram + 2.0315 * gram @ gram) @ wide
    return (wide.T if tall else wide).to(matrix.dtype)
