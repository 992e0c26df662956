from __future__ import annotations

import numpy as np
import pytest
import torch
from spikingjelly.activation_based import neuron as spikingjelly_neuron

from spikerain_export.precision.scales import (
    Neuron,
    quantise_weight,
    scale_for_features,
    scale_for_neurons,
)


def test_weights_are_rounded_to_the_nearest_symmetric_level() -> None:
    weight = np.random.default_rng(1).normal(size=(5, 4, 3, 3)).astype(np.float32)
    weight[2] = 0
    levels, scale = quantise_weight(weight)
    assert levels.dtype == np.int8
    assert np.abs(levels.astype(int)).max(axis=(1, 2, 3)).tolist() == [127, 127, 0, 127, 127]
    error = np.abs(levels * scale[:, None, None, None] - weight).max(axis=(1, 2, 3))
    assert (error <= scale / 2 * 1.0001).all()
    assert not levels[2].any()


def test_a_channel_with_small_weights_can_represent_its_bias() -> None:
    weight = np.random.default_rng(1).normal(size=(4, 4, 3, 3)).astype(np.float32)
    weight[1], weight[2:] = 0, weight[2:] * 1e-10
    bias = np.array([0.3, -0.7, 0.4, 0], np.float32)
    levels, scale = quantise_weight(weight, bias)
    counted = np.rint(bias.astype(np.float64) / scale)
    assert np.abs(counted).max() < 2**31 - 127 * weight[0].size, (
        "no room for the sum of the weights"
    )
    assert (np.abs(counted * scale - bias) <= 0.501 * scale).all()
    np.testing.assert_allclose((counted * scale)[1:], bias[1:], rtol=1e-5)
    # Channels with a bias that fits use all levels for their weights.
    assert np.abs(levels[[0, 3]].astype(int)).max(axis=(1, 2, 3)).tolist() == [127, 127]


def test_the_neuron_for_calibration_agrees_with_spikingjelly() -> None:
    currents = np.random.default_rng(2).normal(0, 0.3, (5, 400)).astype(np.float32)
    oracle = spikingjelly_neuron.LIFNode(
        tau=2.0, decay_input=False, v_threshold=0.15, v_reset=0.0, step_mode="m"
    )
    expected = oracle(torch.from_numpy(currents)).numpy() > 0
    np.testing.assert_array_equal(Neuron(0.5, 0.15).spikes(currents), expected)


def test_the_scale_for_neurons_puts_the_threshold_between_two_levels() -> None:
    neuron = Neuron(0.5, 0.15)
    currents = np.random.default_rng(3).normal(-0.2, 0.5, (4, 3000)).astype(np.float32)
    scale = scale_for_neurons(currents, neuron)
    assert neuron.threshold / scale.scale % 1 == pytest.approx(0.5, abs=1e-4)
    rounded = scale.round(currents)
    np.testing.assert_array_equal(rounded[0] >= 0.15, currents[0] >= 0.15)
    coarse = scale_for_features(currents).round(currents)
    expected = neuron.spikes(currents)
    flipped = [np.mean(neuron.spikes(values) != expected) for values in (rounded, coarse)]
    assert flipped[0] < 0.01
    assert flipped[0] < flipped[1]


def test_features_do_not_saturate() -> None:
    values = np.random.default_rng(4).standard_t(3, 5000).astype(np.float32)
    scale = scale_for_features(values)
    assert scale.scale == pytest.approx((values.max() - values.min()) / 254, rel=1e-6)
    assert np.abs(scale.round(values) - values).max() <= scale.scale * 0.5001


def test_currents_that_never_reach_the_threshold_still_get_a_scale() -> None:
    neuron = Neuron(0.5, 0.15)
    for value in (0.0, 1e-4, -1e-4, -3.0, 4.0):
        currents = np.full((2, 10), value, np.float32)
        scale = scale_for_neurons(currents, neuron)
        assert 0 <= scale.zero <= 255
        expected = neuron.spikes(currents)
        np.testing.assert_array_equal(neuron.spikes(scale.round(currents)), expected)
