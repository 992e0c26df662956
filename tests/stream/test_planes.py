from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from spikerain_edge.images import Image
from spikerain_edge.stream.planes import to_planes

Draw = Callable[..., Image]


def test_planes_are_those_of_opencv_but_for_averaged_colours(picture: Draw) -> None:
    image = picture()
    planes, expected = to_planes(image, full=False), cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420)
    assert planes.shape == expected.shape == (72, 64)
    assert np.abs(planes[:48].astype(int) - expected[:48]).max() <= 1
    assert planes[:48].mean() == pytest.approx(expected[:48].mean(), abs=0.1)


@pytest.mark.parametrize("level", [0, 16, 100, 255])
def test_grey_keeps_its_level(level: int) -> None:
    grey = np.full((4, 4, 3), level, np.uint8)
    assert set(to_planes(grey, full=True).ravel()) <= {level, 128}
    back = cv2.cvtColor(to_planes(grey, full=False), cv2.COLOR_YUV2BGR_I420)
    assert np.abs(back.astype(int) - level).max() <= 1


@pytest.mark.parametrize(("blue", "green", "red"), [(255, 0, 0), (0, 255, 0), (0, 0, 255)])
def test_a_colour_is_that_of_opencv(blue: int, green: int, red: int) -> None:
    image = np.full((8, 8, 3), (blue, green, red), np.uint8)
    expected = cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420)
    assert np.abs(to_planes(image, full=False).astype(int) - expected).max() <= 1


def test_the_last_row_and_column_of_odd_sides_are_repeated(picture: Draw) -> None:
    image = picture(0, 5, 7)
    padded = np.pad(image, ((0, 1), (0, 1), (0, 0)), mode="edge")
    np.testing.assert_array_equal(to_planes(image, full=True), to_planes(padded, full=True))
