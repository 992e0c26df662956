from __future__ import annotations

import numpy as np
import pytest

from spikerain_edge.errors import InputError
from spikerain_edge.inference import Derainer
from spikerain_edge.metered import MeteredDerainer


def test_firing_rates_come_soon_and_then_from_every_64th_frame() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    probed, latest = [], None
    with Derainer.load("nano", probe=True, threads=1) as derainer:
        metered = MeteredDerainer(derainer)
        for number in range(130):
            metered(frame)
            if metered.costs.rates is not latest:
                probed.append(number)
                latest = metered.costs.rates

    assert probed == [0, 8, 16, 32, 64, 128]


def test_a_frame_that_is_probed_looks_like_one_that_is_not() -> None:
    frame = np.random.default_rng(1).integers(0, 256, (24, 32, 3), np.uint8)
    with Derainer.load("nano", probe=True, threads=1) as derainer:
        metered = MeteredDerainer(derainer)
        first, second = metered(frame), metered(frame)

    np.testing.assert_array_equal(first, second)


def test_without_a_probe_graph_no_firing_rate_is_known() -> None:
    with Derainer.load("nano", threads=1) as derainer:
        metered = MeteredDerainer(derainer)
        metered(np.zeros((16, 16, 3), np.uint8))

    cost = metered.costs.mean()
    assert cost is not None
    assert cost.firing_rate is None
    assert cost.gmacs > 0


def test_an_image_that_is_refused_costs_nothing() -> None:
    with Derainer.load("nano", threads=1) as derainer:
        metered = MeteredDerainer(derainer)
        with pytest.raises(InputError, match="12x12"):
            metered(np.zeros((12, 12, 3), np.uint8))

    assert metered.costs.mean() is None
