from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from spikerain_training.config import variants
from spikerain_training.network import SpikeRain
from spikerain_training.recipe import Recipe
from spikerain_training.schedule import learning_rate, steepen, steepness

RECIPE = Recipe(steps=1000, warmup=100, learning_rate=1.0)


def test_the_learning_rate_warms_up_and_falls_to_zero() -> None:
    rates = [learning_rate(step, RECIPE) for step in range(1001)]

    assert rates[0] == pytest.approx(0.01)
    assert max(rates) == rates[100] == pytest.approx(1)
    assert rates[550] == pytest.approx(0.5)
    assert rates[1000] == pytest.approx(0)
    assert rates[:101] == sorted(rates[:101])
    assert rates[100:] == sorted(rates[100:], reverse=True)


def test_the_learning_rate_ends_at_its_floor() -> None:
    recipe = replace(RECIPE, floor=0.25)

    assert learning_rate(100, recipe) == pytest.approx(1)
    assert learning_rate(550, recipe) == pytest.approx(0.625)
    assert learning_rate(1000, recipe) == pytest.approx(0.25)


def test_alpha_is_constant_without_alpha_end() -> None:
    assert {steepness(step, RECIPE) for step in range(1000)} == {4.0}


def test_alpha_grows_exponentially_to_alpha_end() -> None:
    recipe = replace(RECIPE, steps=5, alpha=2.0, alpha_end=32.0)

    assert [steepness(step, recipe) for step in range(5)] == pytest.approx([2, 4, 8, 16, 32])


def test_alpha_changes_gradients_but_not_outputs() -> None:
    torch.manual_seed(0)
    network = SpikeRain(variants()["nano"])
    image = torch.rand(1, 3, 32, 32)

    def picture_and_gradient() -> tuple[Tensor, Tensor]:
        network.zero_grad()
        picture = network(image)
        picture.square().mean().backward()
        gradient = network.embed.weight.grad
        assert gradient is not None
        return picture.detach(), gradient.clone()

    gentle = picture_and_gradient()
    steepen(network, 8.0)
    steep = picture_and_gradient()

    assert torch.equal(gentle[0], steep[0])
    assert not torch.allclose(gentle[1], steep[1], rtol=0.1)
