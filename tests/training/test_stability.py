from __future__ import annotations

import pytest
import torch
from networks import SMALL

from spikerain_training.batches import Batch
from spikerain_training.fit import network_inputs, objective
from spikerain_training.network import SpikeRain
from spikerain_training.recipe import Recipe
from spikerain_training.stability import instability, with_twins


def images(batch: int, side: int = 32) -> torch.Tensor:
    return torch.rand(batch, 3, side, side, generator=torch.Generator().manual_seed(5))


def first_input(recipe: Recipe, rainy: torch.Tensor, step: int, process: int) -> torch.Tensor:
    return network_inputs(recipe, Batch(rainy, rainy), step, process)[0]


@pytest.mark.parametrize(("batch", "twins"), [(1, 1), (4, 1), (10, 3)])
def test_a_quarter_of_a_batch_gets_a_twin_with_invisible_noise(batch: int, twins: int) -> None:
    originals = images(batch)
    shown = with_twins(originals, (1, 2))

    assert shown.shape == (batch + twins, 3, 32, 32)
    assert torch.equal(shown[:batch], originals)
    apart = 255 * (shown[batch:] - originals[:twins])
    assert 0.02 < apart.std() < 0.03
    assert apart.abs().max() < 0.5


def test_the_noise_is_the_same_for_the_same_step_and_process_only() -> None:
    recipe, rainy = Recipe(stability=0.1), images(4)
    shown = first_input(recipe, rainy, 7, 0)

    assert torch.equal(first_input(recipe, rainy, 7, 0), shown)
    assert not torch.equal(first_input(recipe, rainy, 8, 0), shown)
    assert not torch.equal(first_input(recipe, rainy, 7, 1), shown)
    assert torch.equal(first_input(Recipe(), rainy, 7, 0), rainy)


def test_twins_of_frames_have_twins_of_the_frames_before_them() -> None:
    rainy, previous = images(4), images(8)[4:]
    batch = Batch(rainy, rainy, previous)

    shown, before = network_inputs(Recipe(stability=0.1), batch, 7, 0)

    assert torch.equal(shown[:4], rainy)
    assert torch.equal(before[:4], previous)
    assert 255 * (before[4] - previous[0]).abs().max() < 0.5
    for given, expected in zip(network_inputs(Recipe(), batch, 7, 0), batch[::2], strict=True):
        assert torch.equal(given, expected)


def test_instability_is_the_number_of_decibels_below_seventy() -> None:
    pictures = images(3)
    # A difference of 0.01 everywhere is 40 dB, 30 dB below the limit of 70 dB.
    assert instability(pictures, pictures[:1] + 0.01).item() == pytest.approx(30.0, abs=0.01)
    assert instability(pictures, pictures[:2]).item() == 0


def test_instability_of_half_precision_is_computed_in_float32() -> None:
    pictures = images(2).to(torch.bfloat16)
    nearly = pictures[:1].float() + 1e-3
    expected = instability(pictures.float(), nearly).item()
    assert instability(pictures, nearly).item() == pytest.approx(expected, abs=1e-4)


def trained_instability(weight: float) -> float:
    """Returns the instability at the end of a short training with this weight of the term."""
    torch.manual_seed(0)
    network, rainy = SpikeRain(SMALL), images(8)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    last = []
    for step in range(30):
        pictures = network(with_twins(rainy, (step,)))
        restored, twins = pictures[:8], pictures[8:]
        terms = objective(Recipe(stability=weight), restored, rainy, [], None, twins)
        optimizer.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        optimizer.step()
        last.append(instability(restored, twins).item())
    return sum(last[-5:]) / 5


@pytest.mark.slow
def test_training_with_stability_makes_twins_more_equal() -> None:
    assert trained_instability(0.1) < trained_instability(0.0) - 5
