from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from spikerain_training.cli import app
from spikerain_training.inspection import Sizes, inspect


def write(path: Path, width: int = 12, height: int = 8) -> None:
    path.parent.mkdir(exist_ok=True)
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    cv2.imwrite(str(path), image)


def write_beside(path: Path, width: int) -> None:
    """Writes an image of twice the width; its left half is a darker copy of the right half."""
    image = np.random.default_rng(0).integers(50, 256, (8, width, 3), np.uint8)
    cv2.imwrite(str(path), np.hstack([image - 50, image]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, width in enumerate([20, 10, 12]):
        for name in ("input", "target"):
            write(tmp_path / name / f"{number}.png", width)
    return tmp_path


def test_a_data_set_without_problems_is_counted_and_measured(folder: Path) -> None:
    found = inspect(folder)

    assert (found.pairs, found.images) == (3, 6)
    assert found.widths == Sizes(10, 12, 20)
    assert found.heights == Sizes(8, 8, 8)
    assert found.problems() == []


def test_every_kind_of_problem_is_found(folder: Path) -> None:
    write(folder / "input" / "extra.png")
    write(folder / "target" / "2.png", width=99)
    (folder / "target" / "1.png").write_bytes(b"not an image")
    for name in ("input", "target"):
        write(folder / name / "cut.jpg")
    content = (folder / "input" / "cut.jpg").read_bytes()
    (folder / "input" / "cut.jpg").write_bytes(content[: len(content) // 3])

    found = inspect(folder)

    assert found.pairs == 1
    assert [Path(name).name for name in found.unpaired] == ["extra.png"]
    assert [Path(name).name for name in found.unreadable] == ["cut.jpg", "1.png"]
    assert [Path(name).name for name in found.mismatched] == ["2.png"]
    assert [problem.split()[:2] for problem in found.problems()] == [
        ["1", "unpaired,"],
        ["2", "unreadable,"],
        ["1", "with"],
    ]


def test_a_folder_of_clean_images_is_accepted(folder: Path) -> None:
    found = inspect(folder / "target")

    assert (found.layout, found.pairs, found.images) == ("clean images", 0, 3)
    assert found.problems() == []


def test_pairs_side_by_side_are_measured_as_halves(tmp_path: Path) -> None:
    write_beside(tmp_path / "1.png", width=20)

    found = inspect(tmp_path, "right")

    assert (found.layout, found.pairs) == ("side by side, rainy right", 1)
    assert found.widths == Sizes(20, 20, 20)


def test_prepare_prints_layout_counts_and_sizes(folder: Path) -> None:
    done = CliRunner().invoke(app, ["prepare", str(folder)])

    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "layout  input/ beside target/",
        "count   3 pairs, 6 images",
        "width   10 to 20 px, median 12",
        "height  8 to 8 px, median 8",
    ]


def test_prepare_reports_each_kind_of_problem_in_one_line(folder: Path) -> None:
    for number in range(5):
        write(folder / "input" / f"more{number}.png")
    (folder / "input" / "0.png").write_bytes(b"")

    done = CliRunner().invoke(app, ["prepare", str(folder)])

    assert done.exit_code == 2
    assert done.stderr.splitlines()[-2:] == [
        "spikerain-train: 5 unpaired, add their partners or remove them: "
        "more0.png, more1.png, more2.png and 2 more",
        "spikerain-train: 1 unreadable, download them again or remove them: 0.png",
    ]


def test_prepare_prints_json(folder: Path) -> None:
    write(folder / "target" / "extra.png")

    done = CliRunner().invoke(app, ["prepare", str(folder), "--json"])

    report = json.loads(done.stdout)
    assert done.exit_code == 2
    assert report["pairs"] == 3
    assert report["widths"] == {"smallest": 10, "median": 12, "largest": 20}
    assert report["unpaired"] == [str(folder / "target" / "extra.png")]
    assert report["usable"] is False


def test_prepare_reads_pairs_side_by_side(tmp_path: Path) -> None:
    write_beside(tmp_path / "1.png", width=20)

    done = CliRunner().invoke(app, ["prepare", str(tmp_path), "--rainy-half", "left"])

    assert done.exit_code == 0
    assert "side by side, rainy left" in done.stdout


def test_prepare_refuses_ordinary_images_as_pairs_side_by_side(folder: Path) -> None:
    done = CliRunner().invoke(app, ["prepare", str(folder / "target"), "--rainy-half", "left"])

    assert done.exit_code == 2
    assert f"{folder / 'target'} does not hold pairs side by side" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("content", [b"", b"broken"])
def test_a_folder_without_a_usable_image_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "1.png").write_bytes(content)

    done = CliRunner().invoke(app, ["prepare", str(tmp_path)])

    assert done.exit_code == 2
    assert "no image can be used" in done.stderr
    assert CliRunner().invoke(app, ["prepare", str(tmp_path / "none")]).exit_code == 2
