"""The optimisers of a recipe: AdamW, and Muon for convolution kernels beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from spikerain_training.recipe import Recipe

MOMENTUM = "momentum"


def build_optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The optimiser that a recipe names, for all parameters of a network."""
    kind = Muon if recipe.optimizer == "muon" else torch.optim.AdamW
    return kind(network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)


def optimizer_name(moments: Iterable[str]) -> str:
    """What a recipe calls the optimiser that keeps moments of these names."""
    return "muon" if MOMENTUM in moments else "adamw"


class Muon(torch.optim.AdamW):
    """Momentum made orthogonal (Jordan et al. 2024), for the kernels of convolutions.

    A kernel is read as a matrix with a row per output channel. Its update is the nearest matrix
    whose singular values are alike, so that rare directions are learned as fast as common ones;
    scaled by `0.2 * sqrt(larger side)` it is as long as an AdamW step would be (Liu et al. 2025),
    and both take the same learning rate and weight decay. Biases, norms, linear layers and kernels
    with a single row are AdamW's. `torch.optim.Muon`, from torch 2.9 on, takes matrices only.

    Args:
        parameters: of the network; a kernel is what has four axes.
        lr: learning rate of both.
        weight_decay: decoupled decay of both.
        momentum: Nesterov momentum of the kernels' gradients.
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
        self.kernels = [one for one in trained if one.ndim == 4 and len(one) > 1]
        self.momentum = momentum

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step on all parameters that have a gradient; gradients are left as they are."""
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
                self._turn(kernel, gradient)
        return loss

    def _turn(self, kernel: Tensor, gradient: Tensor) -> None:
        group = self.param_groups[0]
        state = self.state[kernel]
        if not state:
            # AdamW, which loads and saves the state, expects every entry to count its steps.
            state["step"] = torch.tensor(0.0)
            state[MOMENTUM] = torch.zeros_like(gradient)
        state["step"] += 1
        state[MOMENTUM].lerp_(gradient, 1 - self.momentum)
        update = orthogonal(gradient.lerp(state[MOMENTUM], self.momentum).flatten(1))
        length = 0.2 * max(update.shape) ** 0.5
        kernel.mul_(1 - group["lr"] * group["weight_decay"])
        kernel.add_(update.view(kernel.shape), alpha=-group["lr"] * length)


def orthogonal(matrix: Tensor, iterations: int = 5) -> Tensor:
    """The orthogonal factor of a matrix (rows, columns), roughly, in float32.

    Newton-Schulz with the coefficients of Jordan et al. 2024: singular values come to lie between
    about 0.7 and 1.2, which trains as well as 1 and takes products of matrices alone.
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
