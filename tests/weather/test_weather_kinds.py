from __future__ import annotations

import numpy as np
import pytest

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.weather import (
    Curtain,
    Fog,
    MistyRain,
    Rain,
    Snow,
    kinds,
    sample_weather,
)

SIZE = (65, 94)


def picture() -> Image:
    return np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)


def test_every_kind_has_the_class_of_its_name() -> None:
    drawn = {kind: type(sample_weather(kind, SIZE, np.random.default_rng(0))) for kind in kinds()}

    rainy = dict.fromkeys(("rain", "wide_rain", "downpour", "defocused_rain"), Rain)
    assert drawn == {**rainy, "misty_rain": MistyRain, "curtain": Curtain, "fog": Fog, "snow": Snow}


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_a_random_generator_decides_the_weather(kind: str) -> None:
    first, again, other = (
        sample_weather(kind, SIZE, np.random.default_rng(seed)).render(picture(), time=2.0)
        for seed in (5, 5, 6)
    )

    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, picture())


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_all_kinds_have_one_interface(kind: str) -> None:
    weather = sample_weather(kind, SIZE, np.random.default_rng(1))

    assert weather.size == SIZE
    np.testing.assert_array_equal(weather.render(picture(), time=9.0, strength=0.0), picture())
    with pytest.raises(ValueError, match="65, 94"):
        weather.render(picture()[1:])


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    choice = "'hail'; choose one of: rain, wide_rain, .*, curtain, fog, snow"
    with pytest.raises(InputError, match=choice):
        sample_weather("hail", SIZE, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("kind", "seed", "bright"),
    [
        ("snow", 0, (63.008, 63.271)),
        ("snow", 1, (97.793, 98.681)),
        ("fog", 0, (169.221, 169.160)),
        ("fog", 1, (131.578, 131.520)),
        ("curtain", 0, (84.452, 82.342)),
        ("curtain", 1, (94.326, 97.209)),
    ],
)
def test_seeded_weather_of_the_evaluation_does_not_change(
    kind: str, seed: int, bright: tuple[float, float]
) -> None:
    weather = sample_weather(kind, (48, 64), np.random.default_rng(seed))
    grey = np.full((48, 64, 3), 60, np.uint8)

    means = [weather.render(grey, time).mean() for time in (0.0, 2.5)]

    # The edges of flakes differ a little between versions of OpenCV; other weather differs more.
    assert means == pytest.approx(bright, abs=0.2)
