from __future__ import annotations

import pytest

from spikerain_edge.errors import InputError
from spikerain_edge.sizes import Size, parse_shape, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("640x480", (640, 480)),
        ("640X480", (640, 480)),
        ("256", (256, 256)),
        ("16x16384", (16, 16384)),
    ],
)
def test_a_size_is_width_x_height_or_one_number_for_a_square(text: str, size: Size) -> None:
    assert parse_size(text) == size


def test_a_shape_is_height_then_width() -> None:
    assert parse_shape("640x480") == (480, 640)


@pytest.mark.parametrize(
    "text",
    ["", "x", "15", "64x", "x64", "6 4x48", "15x64", "64x15", "64x48x3", "99999x64", "-256", "1e3"],
)
def test_other_texts_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(InputError, match=r"is not a valid image size.*--imgsz 640x480"):
        parse_size(text)
