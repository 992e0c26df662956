from __future__ import annotations

import numpy as np
import pytest

from spikerain_export.precision.rounding import Doubles, round_to_inputs
from spikerain_export.precision.scales import Floats, quantise_weight


def spikes(count: int, inputs: int, seed: int = 0) -> Doubles:
    """Patches of spikes (N, inputs) that fire together, as neighbouring pixels do."""
    rng = np.random.default_rng(seed)
    causes = rng.normal(size=(count, 4)) @ np.random.default_rng(9).normal(size=(4, inputs))
    return (causes + 0.5 * rng.normal(size=(count, inputs)) > 0.8).astype(np.float64)


def moments(patches: Doubles) -> Doubles:
    return patches.T @ patches / len(patches)


def kernels(outputs: int, inputs: int, side: int = 3, seed: int = 1) -> Floats:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(outputs, inputs, side, side)).astype(np.float32)


def nearest(weight: Floats, parts: list[int]) -> Floats:
    made = []
    for part in np.split(weight, np.cumsum(parts)[:-1], axis=1):
        levels, scale = quantise_weight(part)
        made.append(levels * scale[:, None, None, None])
    return np.concatenate(made, axis=1)


def error(weight: Floats, rounded: Floats, patches: Doubles) -> float:
    rows = (rounded.astype(np.float64) - weight).reshape(len(weight), -1)
    return float(np.square(patches @ rows.T).mean())


@pytest.mark.parametrize("parts", [[20], [12, 8]])
def test_sums_over_other_spikes_change_less_than_with_the_nearest_levels(parts: list[int]) -> None:
    weight = kernels(16, 20)
    rounded = round_to_inputs(weight, moments(spikes(4000, 180)), parts)
    others = spikes(4000, 180, seed=5)
    assert error(weight, rounded, others) < 0.5 * error(weight, nearest(weight, parts), others)


@pytest.mark.parametrize("parts", [[20], [12, 8]])
def test_every_part_is_exact_in_8_bits(parts: list[int]) -> None:
    weight = kernels(16, 20)
    rounded = round_to_inputs(weight, moments(spikes(500, 180)), parts)
    np.testing.assert_allclose(nearest(rounded, parts), rounded, rtol=1e-6)
    for before, after in zip(
        *(np.split(each, [parts[0]], axis=1) for each in (weight, rounded)), strict=True
    ):
        if before.size:
            peaks = [np.abs(each).max(axis=(1, 2, 3)) for each in (before, after)]
            np.testing.assert_allclose(*peaks, rtol=1e-6)


def one_by_one(weight: Floats, counts: Doubles) -> Floats:
    """GPTQ as its derivation has it: no blocks, no factor, each rounded input is eliminated."""
    rows = weight.reshape(len(weight), -1).astype(np.float64)
    peak = np.abs(rows).max(axis=1)
    step, levels = peak / 127, np.zeros_like(rows)
    damped = counts + 0.01 * np.trace(counts) / len(counts) * np.eye(len(counts))
    inverse, wanted = np.linalg.inv(damped), rows.copy()
    for place in np.argsort(-np.diag(counts), kind="stable"):
        source = np.where(np.abs(rows[:, place]) == peak, rows[:, place], wanted[:, place])
        levels[:, place] = np.clip(np.rint(source / step), -127, 127)
        error = (wanted[:, place] - levels[:, place] * step) / inverse[place, place]
        wanted -= np.outer(error, inverse[place])
        inverse -= np.outer(inverse[:, place], inverse[place]) / inverse[place, place]
    return (levels * step[:, None]).reshape(weight.shape).astype(np.float32)


def test_blocks_make_the_levels_that_rounding_one_by_one_makes() -> None:
    weight, counts = kernels(6, 20), moments(spikes(3000, 180))
    expected = one_by_one(weight, counts)
    rounded = round_to_inputs(weight, counts, [20])
    step = np.abs(weight).max(axis=(1, 2, 3), keepdims=True) / 127
    # A value that lies half-way between two levels may go either way.
    assert np.mean(np.abs(rounded - expected) > 0.5 * step) < 0.01


def test_inputs_that_fire_independently_are_rounded_to_the_nearest_levels() -> None:
    weight = kernels(8, 10)
    rounded = round_to_inputs(weight, np.diag(np.linspace(0.1, 1, 90)), [10])
    np.testing.assert_allclose(rounded, nearest(weight, [10]), rtol=1e-6)


def test_two_inputs_that_always_fire_together_share_one_rounding_error() -> None:
    # The first weight sets the step of 1/127. The sum of the others, 0.4 steps each, is 0.8 steps:
    # rounded one by one they would vanish; together they are one step.
    step = 1 / 127
    weight = np.array([1, 0.4 * step, 0.4 * step], np.float32).reshape(1, 3, 1, 1)
    together = np.array([[1.0, 0, 0], [0, 1, 1]])
    rounded = round_to_inputs(weight, moments(together), [3])
    assert rounded.ravel()[0] == pytest.approx(1)
    assert rounded.ravel()[1:].sum() == pytest.approx(step, rel=1e-5)


def test_layers_without_spikes_and_channels_without_weights_are_rounded_too() -> None:
    weight = kernels(8, 10)
    weight[3] = 0
    silent = round_to_inputs(weight, np.zeros((90, 90)), [10])
    np.testing.assert_allclose(silent, nearest(weight, [10]), rtol=1e-6)
    rounded = round_to_inputs(weight, moments(spikes(300, 90)), [10])
    assert not rounded[3].any()
