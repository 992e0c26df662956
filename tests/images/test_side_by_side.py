from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.images.pairs import find_pairs
from spikerain_edge.images.side_by_side import likeness
from spikerain_edge.weather import sample_weather

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")


def photograph(name: str) -> Image:
    image: Image = np.ascontiguousarray(getattr(data, name)()[..., ::-1])
    return image


def side_by_side(name: str, kind: str) -> Image:
    clean = photograph(name)
    weather = sample_weather(kind, clean.shape[:2], np.random.default_rng(3))
    return np.hstack([weather.render(clean), clean])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["rain", "downpour", "snow"])
@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_a_pair_side_by_side_is_distinguished_from_a_photograph(name: str, kind: str) -> None:
    pair, alone = likeness(side_by_side(name, kind)), likeness(photograph(name))

    assert pair is not None
    assert alone is not None
    assert alone < 0.4 < pair


def test_a_landscape_with_sky_and_ground_is_not_a_pair() -> None:
    rng = np.random.default_rng(0)
    image = np.linspace(230, 40, 60)[:, None, None] + rng.normal(0, 8, (60, 80, 3))

    found = likeness(image.clip(0, 255).astype(np.uint8))

    assert found is not None
    assert found < 0.4


def test_photographs_are_not_split_into_halves(tmp_path: Path) -> None:
    for name in PHOTOGRAPHS:
        cv2.imwrite(str(tmp_path / f"{name}.png"), photograph(name))

    with pytest.raises(InputError, match=r"side by side \(the halves of \w+\.png differ\)"):
        find_pairs(tmp_path, "left")


@pytest.mark.slow
def test_pairs_are_found_although_some_pictures_are_unusable(tmp_path: Path) -> None:
    for name in PHOTOGRAPHS[:2]:
        cv2.imwrite(str(tmp_path / f"{name}.png"), side_by_side(name, "rain"))
    (tmp_path / "broken.png").write_bytes(b"broken")
    cv2.imwrite(str(tmp_path / "white.png"), np.full((9, 20, 3), 255, np.uint8))

    assert len(find_pairs(tmp_path, "left") or ()) == 4


def test_a_folder_without_images_is_refused(pairs: Path) -> None:
    with pytest.raises(InputError, match="itself holds no images"):
        find_pairs(pairs, "left")
