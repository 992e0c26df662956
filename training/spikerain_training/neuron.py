"""Leaky integrate-and-fire neuron with the sigmoid surrogate gradient.

Forward, for every timestep `t` (hard reset to zero, input not scaled by `1/tau`):

    V[t] = (1 - 1/tau) * R[t-1] + I[t]        membrane potential, R[-1] = 0
    S[t] = 1 if V[t] >= threshold else 0      spikes
    R[t] = V[t] * (1 - S[t])                  potential after the reset

Backward, `dS/dV` is replaced by the derivative of `sigmoid(alpha * (V - threshold))`
(SpikeRain supplement, Eq. 1); gradients also flow through the reset and back through time.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class _MultiStepLIF(torch.autograd.Function):
    """The whole unrolled neuron as one node: it stores the potentials and nothing else."""

    @staticmethod
    def forward(ctx: Any, current: Tensor, decay: float, threshold: float, alpha: float) -> Tensor:
        potential = torch.empty_like(current)
        spikes = torch.empty_like(current)
        rest: Tensor | None = None
        for t in range(current.shape[0]):
            if rest is None:
                potential[t] = current[t]
            else:
                torch.add(current[t], rest, alpha=decay, out=potential[t])
            fired = potential[t] >= threshold
            spikes[t] = fired
            rest = potential[t].masked_fill(fired, 0.0)
        ctx.save_for_backward(potential)
        ctx.settings = (decay, threshold, alpha)
        return spikes

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (grad_spikes,) = gradients
        (potential,) = ctx.saved_tensors
        decay, threshold, alpha = ctx.settings
        grad_current = torch.empty_like(potential)
        grad_rest: Tensor | None = None
        for t in reversed(range(potential.shape[0])):
            sigmoid = torch.sigmoid(alpha * (potential[t] - threshold))
            surrogate = sigmoid.sub(sigmoid * sigmoid).mul_(alpha)
            if grad_rest is None:
                grad = grad_spikes[t] * surrogate
            else:
                grad = (grad_spikes[t] - grad_rest * potential[t]).mul_(surrogate)
                grad.add_(grad_rest.masked_fill(potential[t] >= threshold, 0.0))
            grad_current[t] = grad
            grad_rest = grad * decay
        return grad_current, None, None, None


def lif(current: Tensor, tau: float = 2.0, threshold: float = 0.15, alpha: float = 4.0) -> Tensor:
    """Spikes of a LIF neuron driven by `current`.

    Args:
        current: input current, float, shape `(T, ...)`; the first axis is time.
        tau: membrane time constant in timesteps.
        threshold: firing threshold.
        alpha: steepness of the surrogate gradient.

    Returns:
        Tensor like `current` holding only 0 and 1. Under autocast the membrane potential is
        kept in float32, since half precision moves potentials across the threshold.
    """
    dtype = current.dtype
    state = current.float() if dtype in (torch.float16, torch.bfloat16) else current
    return _MultiStepLIF.apply(state, 1.0 - 1.0 / tau, threshold, alpha).to(dtype)


class LIF(nn.Module):
    """Stateless layer around `lif` for tensors with time folded into the batch.

    Input and output have shape `(T * B, C, H, W)`, time-major. Each call starts from a
    membrane potential of zero, so batch and image size may change freely between calls.
    """

    def __init__(self, timesteps: int, tau: float, threshold: float, alpha: float) -> None:
        super().__init__()
        self.timesteps = timesteps
        self.tau = tau
        self.threshold = threshold
        self.alpha = alpha

    def forward(self, current: Tensor) -> Tensor:
        unfolded = current.unflatten(0, (self.timesteps, -1))
        return lif(unfolded, self.tau, self.threshold, self.alpha).flatten(0, 1)
