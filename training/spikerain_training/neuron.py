"""Leaky integrate-and-fire neuron with the sigmoid surrogate gradient.

Forward, for every timestep `t` (hard reset to zero, input not scaled by `1/tau`):

    V[t] = (1 - 1/tau) * R[t-1] + I[t]        membrane potential, R[-1] = 0
    S[t] = 1 if V[t] >= threshold else 0      spikes
    R[t] = V[t] * (1 - S[t])                  potential after the reset

Backward, `dS/dV` is replaced by the derivative of `sigmoid(alpha * (V - threshold))`
(SpikeRain supplement, Eq. 1); gradients also flow through the reset and back through time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from spikerain_edge.errors import InputError


def charge_and_fire(current: Tensor, decay: float, threshold: float) -> tuple[Tensor, Tensor]:
    """Returns the membrane potentials before the reset, and the spikes.

    Args:
        current: input current, `(T, ...)`.
        decay: factor `1 - 1/tau` of the potential per timestep.
        threshold: firing threshold.

    Returns:
        Two tensors like `current`.
    """
    potentials: list[Tensor] = []
    fired: list[Tensor] = []
    rest: Tensor | None = None
    for step in current.unbind(0):
        potential = step if rest is None else step + decay * rest
        spikes = potential >= threshold
        rest = torch.where(spikes, 0.0, potential)
        potentials.append(potential)
        fired.append(spikes.to(current.dtype))
    return torch.stack(potentials), torch.stack(fired)


def back_through_time(
    grad_spikes: Tensor, potential: Tensor, decay: float, threshold: float, alpha: float
) -> Tensor:
    """Returns the gradient of the input current.

    Args:
        grad_spikes: gradient of the spikes, `(T, ...)`.
        potential: membrane potentials before the reset, `(T, ...)`.
        decay: factor `1 - 1/tau` of the potential per timestep.
        threshold: firing threshold.
        alpha: steepness of the surrogate gradient.

    Returns:
        A tensor like `potential`.
    """
    gradients: list[Tensor] = []
    grad_rest: Tensor | None = None
    for grad, charged in zip(
        reversed(grad_spikes.unbind(0)), reversed(potential.unbind(0)), strict=True
    ):
        sigmoid = torch.sigmoid(alpha * (charged - threshold))
        surrogate = alpha * (sigmoid - sigmoid * sigmoid)
        if grad_rest is None:
            gradient = grad * surrogate
        else:
            kept = torch.where(charged >= threshold, 0.0, grad_rest)
            gradient = (grad - grad_rest * charged) * surrogate + kept
        gradients.append(gradient)
        grad_rest = gradient * decay
    return torch.stack(gradients[::-1])


class Kernels(NamedTuple):
    """Functions that compute spikes and gradients: the two above, or their compiled forms."""

    forward: Callable[..., tuple[Tensor, Tensor]]
    backward: Callable[..., Tensor]


PLAIN = Kernels(charge_and_fire, back_through_time)


class _MultiStepLIF(torch.autograd.Function):
    """All timesteps of a neuron as one autograd node, which stores only the potentials."""

    @staticmethod
    def forward(
        ctx: Any, current: Tensor, decay: float, threshold: float, alpha: float, kernels: Kernels
    ) -> Tensor:
        potential, spikes = kernels.forward(current.detach(), decay, threshold)
        ctx.save_for_backward(potential)
        ctx.settings = (decay, threshold, alpha)
        ctx.kernels = kernels
        return spikes

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:
        (grad_spikes,) = gradients
        (potential,) = ctx.saved_tensors
        return ctx.kernels.backward(grad_spikes, potential, *ctx.settings), None, None, None, None


def lif(
    current: Tensor,
    tau: float = 2.0,
    threshold: float = 0.15,
    alpha: float = 4.0,
    kernels: Kernels = PLAIN,
) -> Tensor:
    """Returns the spikes of a LIF neuron for an input current.

    Args:
        current: input current, float, shape `(T, ...)`; the first axis is time.
        tau: membrane time constant in timesteps.
        threshold: firing threshold.
        alpha: steepness of the surrogate gradient.
        kernels: functions that compute spikes and gradients; see `compile_neurons`.

    Returns:
        Tensor like `current` that contains only 0 and 1. Under autocast the membrane potential
        stays in float32, because rounding to half precision moves potentials across the threshold.
    """
    dtype = current.dtype
    state = current.float() if dtype in (torch.float16, torch.bfloat16) else current
    return _MultiStepLIF.apply(state, 1.0 - 1.0 / tau, threshold, alpha, kernels).to(dtype)


class LIF(nn.Module):
    """Layer of LIF neurons for tensors with time folded into the batch.

    Input and output have shape `(T * B, C, H, W)`, time-major. Every call starts with membrane
    potentials of zero, so batch and image size may change between calls.
    """

    def __init__(self, timesteps: int, tau: float, threshold: float, alpha: float) -> None:
        super().__init__()
        self.timesteps = timesteps
        self.tau = tau
        self.threshold = threshold
        self.alpha = alpha
        self.kernels = PLAIN

    def forward(self, current: Tensor) -> Tensor:
        # A neuron acts per element, so either memory layout can be used without a copy.
        channels_last = current.is_contiguous(memory_format=torch.channels_last)
        stored = current.permute(0, 2, 3, 1) if channels_last else current
        flat = stored.reshape(self.timesteps, -1)
        spikes = lif(flat, self.tau, self.threshold, self.alpha, self.kernels).view(stored.shape)
        return spikes.permute(0, 3, 1, 2) if channels_last else spikes


def compile_neurons(network: nn.Module, device: torch.device) -> None:
    """Compiles all neurons, so that each direction takes one pass over memory.

    On a CPU this takes seconds, while compiling the whole network takes minutes. It also saves
    more time per step, because convolutions keep their memory layout.

    Args:
        network: network whose neurons are compiled at their first forward pass.
        device: device that the network runs on.

    Raises:
        InputError: a small test function cannot be compiled for the device.
    """
    try:
        torch.compile(torch.neg)(torch.zeros(2, device=device))
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(
            f"cannot compile the neurons ({reason})",
            "install a C++ compiler (apt install g++ python3-dev), or add --set compile=false",
        ) from error
    kernels = Kernels(
        torch.compile(charge_and_fire, dynamic=True),
        torch.compile(back_through_time, dynamic=True),
    )
    for module in network.modules():
        if isinstance(module, LIF):
            module.kernels = kernels
