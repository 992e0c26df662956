"""The demo camera's scene."""

from __future__ import annotations

import numpy as np
import pytest

from spikerain_edge.stream.demo import DemoScene


@pytest.fixture(scope="module")
def scene() -> DemoScene:
    return DemoScene(90, 160)


def test_frames_have_the_asked_size_and_type(scene: DemoScene) -> None:
    for frame in (scene.clean(0), scene.rainy(0)):
        assert frame.shape == (90, 160, 3)
        assert frame.dtype == np.uint8


def test_same_seed_gives_the_same_frames(scene: DemoScene) -> None:
    again = DemoScene(90, 160)
    for index in (11, 3):
        np.testing.assert_array_equal(scene.clean(index), again.clean(index))
        np.testing.assert_array_equal(scene.rainy(index), again.rainy(index))


def test_another_seed_gives_another_picture(scene: DemoScene) -> None:
    assert (scene.clean(0) != DemoScene(90, 160, seed=8).clean(0)).any()


def test_traffic_moves_and_the_rest_stands_still(scene: DemoScene) -> None:
    moved = (scene.clean(0) != scene.clean(10)).any(axis=2)
    assert 0.01 < moved.mean() < 0.5


def test_the_picture_has_the_contrast_and_texture_of_a_photograph(scene: DemoScene) -> None:
    grey = scene.clean(0).mean(axis=2)
    assert 60 < grey.mean() < 160
    assert grey.std() > 30
    assert np.abs(np.diff(grey, axis=1)).mean() > 3


def test_rain_brightens_some_pixels_and_darkens_none(scene: DemoScene) -> None:
    clean, rainy = scene.clean(5).astype(int), scene.rainy(5).astype(int)
    assert (rainy >= clean).all()
    assert 0.03 < (rainy > clean + 20).any(axis=2).mean() < 0.4


def test_rain_falls(scene: DemoScene) -> None:
    veil = [scene.rainy(index).astype(int) - scene.clean(index) for index in (0, 1)]
    assert np.abs(veil[0] - veil[1]).mean() > 1


@pytest.mark.parametrize("size", [(64, 64), (65, 97), (97, 65), (64, 400)])
def test_any_size_works(size: tuple[int, int]) -> None:
    scene = DemoScene(*size)
    for index in range(0, 500, 50):
        assert scene.clean(index).shape == (*size, 3)
    assert scene.rainy(1).shape == (*size, 3)
