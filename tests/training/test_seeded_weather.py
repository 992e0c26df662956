from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data
from typer.testing import CliRunner

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.images.metrics import psnr_luma
from spikerain_training.cli import app
from spikerain_training.evaluation.scenes import measured_scenes
from spikerain_training.seeded_weather import seeded_weather, weather_levels

KINDS = sorted(weather_levels())


def photograph() -> Image:
    return np.ascontiguousarray(data.astronaut()[:96, 100:228, ::-1])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    clean = tmp_path / "clean"
    clean.mkdir()
    cv2.imwrite(str(clean / "a.png"), photograph())
    cv2.imwrite(str(clean / "b.png"), photograph()[:, ::-1])
    return clean


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_seeded_weather_has_the_documented_psnr(kind: str) -> None:
    documented = {"snow": 20.0, "fog": 17.0, "curtain": 19.0}
    for seed in range(4):
        weathered = seeded_weather(photograph(), kind, seed)

        assert weathered.dtype == np.uint8
        assert psnr_luma(weathered, photograph()) == pytest.approx(documented[kind], abs=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides_the_weather(kind: str) -> None:
    first, again, other = (seeded_weather(photograph(), kind, seed) for seed in (1, 1, 2))

    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_picture_of_the_colour_of_fog_is_refused() -> None:
    pale = np.full((32, 32, 3), 200, np.uint8)

    with pytest.raises(InputError, match=r"no rendered fog lowers the PSNR of this picture to 17"):
        seeded_weather(pale, "fog", 0)


def test_scenes_of_several_kinds_of_weather_are_measured_in_order(folder: Path) -> None:
    scenes = measured_scenes(folder, weather=["curtain", "snow", "curtain"])

    assert [(scene.condition, scene.name) for scene in scenes] == [
        ("curtain", "a"),
        ("curtain", "b"),
        ("snow", "a"),
        ("snow", "b"),
    ]
    weathered, truth = scenes[1].read()
    np.testing.assert_array_equal(truth, photograph()[:, ::-1])
    np.testing.assert_array_equal(weathered, seeded_weather(photograph()[:, ::-1], "curtain", 1))


def test_an_unusable_picture_is_named_before_the_evaluation(folder: Path) -> None:
    cv2.imwrite(str(folder / "c.png"), np.full((32, 32, 3), 200, np.uint8))

    with pytest.raises(InputError, match=r"c\.png: no rendered fog"):
        measured_scenes(folder, weather=["fog"])


def test_weather_for_pairs_is_refused(folder: Path) -> None:
    folder.rename(folder.with_name("target"))
    (folder.parent / "input").mkdir()
    cv2.imwrite(str(folder.parent / "input" / "a.png"), photograph())

    with pytest.raises(InputError, match="leave out --weather"):
        measured_scenes(folder.parent, weather=["snow"])


@pytest.mark.slow
def test_the_command_prints_a_line_for_each_kind_of_weather(folder: Path) -> None:
    command = ["evaluate", "--data", str(folder), "--weather", "curtain", "--weather", "fog"]

    done = CliRunner().invoke(app, [*command, "--limit", "1"])

    assert done.exit_code == 0, done.output
    rows = [line.split() for line in done.stdout.splitlines()]
    measured = [(row[0], float(row[2])) for row in rows if row[1:2] == ["nano"]]
    # On luma, then on RGB.
    assert [kind for kind, _ in measured] == ["curtain", "fog"] * 2
    assert [psnr for _, psnr in measured[:2]] == pytest.approx([19.0, 17.0], abs=0.03)
