from __future__ import annotations

import pytest
import torch
from spikingjelly.activation_based import neuron, surrogate
from torch import Tensor, nn

from spikerain_training.neuron import LIF, lif


def spikingjelly_node(tau: float, threshold: float, alpha: float) -> nn.Module:
    node: nn.Module = neuron.LIFNode(
        tau=tau,
        decay_input=False,
        v_threshold=threshold,
        v_reset=0.0,
        surrogate_function=surrogate.Sigmoid(alpha=alpha),
        step_mode="m",
    )
    return node


def random_current(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64) * 0.3


@pytest.mark.parametrize("steps", [1, 2, 4, 9])
@pytest.mark.parametrize(
    ("tau", "threshold", "alpha"), [(2.0, 0.15, 4.0), (1.25, 0.5, 2.0), (5.0, 0.05, 10.0)]
)
def test_spikes_and_gradients_equal_those_of_spikingjelly(
    steps: int, tau: float, threshold: float, alpha: float
) -> None:
    values = random_current(steps, steps, 3, 5, 7)
    weights = random_current(100 + steps, steps, 3, 5, 7)
    ours, theirs = values.clone().requires_grad_(), values.clone().requires_grad_()

    spikes = lif(ours, tau, threshold, alpha)
    expected = spikingjelly_node(tau, threshold, alpha)(theirs)
    (spikes * weights).sum().backward()
    (expected * weights).sum().backward()

    assert 0 < expected.mean() < 1
    assert torch.equal(spikes, expected)
    assert ours.grad is not None
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-10)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("threshold", [0.15, 0.125, 1.0])
def test_a_potential_exactly_at_the_threshold_fires(
    threshold: float, dtype: torch.dtype, training: bool
) -> None:
    at = torch.tensor(threshold, dtype=dtype)
    below = torch.nextafter(at, torch.zeros_like(at))
    # The last neuron decays from 1/2 to 1/4 of the threshold and then gets the other 3/4.
    current = torch.stack([torch.stack([at, below, at / 2]), torch.stack([at, at, at - at / 4])])

    spikes = lif(current, threshold=threshold)

    assert spikes[0].tolist() == [1, 0, 0]
    assert spikes[1].tolist() == [1, 1, 1]
    node = spikingjelly_node(2.0, threshold, 4.0).train(training)
    assert torch.equal(spikes, node(current))


def test_a_spike_resets_the_potential_to_zero() -> None:
    current = torch.tensor([100.0, 0.1, 0.1, 0.1])

    assert lif(current).tolist() == [1, 0, 1, 0]


def test_a_layer_keeps_no_state_between_calls() -> None:
    layer = LIF(timesteps=2, tau=2.0, threshold=0.15, alpha=4.0)
    first = random_current(1, 6, 4, 8, 8)
    alone = layer(first)

    layer(random_current(2, 2, 1, 3, 5))
    layer(random_current(3, 10, 4, 8, 8))

    assert torch.equal(layer(first), alone)


def test_the_layer_reads_the_folded_batch_as_time_major() -> None:
    current = random_current(4, 3, 2, 4, 5, 6)

    spikes = LIF(timesteps=3, tau=2.0, threshold=0.15, alpha=4.0)(current.flatten(0, 1))

    expected = spikingjelly_node(2.0, 0.15, 4.0)(current)
    assert torch.equal(spikes.unflatten(0, (3, 2)), expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_input_keeps_the_potential_in_float32(dtype: torch.dtype) -> None:
    current = random_current(5, 12, 256, 256).to(dtype)

    spikes = lif(current)

    in_half = spikingjelly_node(2.0, 0.15, 4.0)(current)
    in_single = spikingjelly_node(2.0, 0.15, 4.0)(current.float())
    assert not torch.equal(in_half.float(), in_single), "this input cannot tell the two apart"
    assert spikes.dtype is dtype
    assert torch.equal(spikes.float(), in_single)


def test_half_precision_gradients_equal_those_of_float32() -> None:
    values = random_current(6, 4, 64).bfloat16()
    half, single = values.clone().requires_grad_(), values.float().requires_grad_()

    lif(half).sum().backward()
    lif(single).sum().backward()

    assert half.grad is not None
    assert single.grad is not None
    assert torch.equal(half.grad, single.grad.bfloat16())
