"""The gate with the shipped network, on the demo camera's street with and without rain."""

from __future__ import annotations

import pytest

from spikerain_edge.gate import Gate, RainState
from spikerain_edge.inference import Derainer
from spikerain_edge.stream.demo import DemoScene

RATE = 4
STEP = 25 // RATE


@pytest.mark.slow
def test_a_street_with_traffic_is_dry_and_the_same_street_in_rain_is_not(
    derainer: Derainer,
) -> None:
    scene = DemoScene(192, 256)
    gate = Gate(derainer, derainer)
    numbers = range(14 * RATE)
    dry = [gate(image := scene.clean(STEP * n), n / RATE) is image for n in numbers]
    assert gate.report.state is RainState.DRY
    assert all(dry[-2 * RATE :])

    rainy = [scene.rainy(STEP * n) for n in range(14 * RATE, 17 * RATE)]
    untouched = [gate(image, 14 + n / RATE) is image for n, image in enumerate(rainy)]
    assert gate.report.state is RainState.RAIN
    assert not any(untouched[2 * RATE :])
