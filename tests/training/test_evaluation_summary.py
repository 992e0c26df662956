"""Means and intervals of an evaluation, and the files that it writes."""

from __future__ import annotations

import math
import os
import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from spikerain_edge.console import write_json
from spikerain_edge.images.metrics import Quality
from spikerain_training.evaluation import gallery
from spikerain_training.evaluation.outcomes import RAINY, Outcome, Score, save
from spikerain_training.evaluation.scenes import EvalScene
from spikerain_training.evaluation.summary import bootstrap, summarise, to_document, write_csv


def score(image: int | str, method: str, psnr: float) -> Score:
    return Score("light", str(image), method, Quality(psnr, 0.9, psnr - 1.5, 0.8))


def test_a_summary_has_means_gains_and_confidence_intervals() -> None:
    rng = np.random.default_rng(0)
    rainy, restored = rng.normal(25, 4, 200), rng.normal(31, 4, 200)
    measured = [
        score(image, method, psnr)
        for image in range(200)
        for method, psnr in ((RAINY, rainy[image]), ("ours", restored[image]))
    ]

    (summary,) = summarise(measured)
    gains = restored - rainy
    standard_error = gains.std() / math.sqrt(200)

    assert (summary.condition, summary.method, summary.images) == ("light", "ours", 200)
    assert summary.rainy["psnr_y"] == pytest.approx(rainy.mean())
    assert summary.restored["psnr_rgb"].mean == pytest.approx(restored.mean() - 1.5)
    gain = summary.gain["psnr_y"]
    assert gain.mean == pytest.approx(gains.mean())
    # The bootstrap is checked against the interval of the central limit theorem.
    assert gain.low == pytest.approx(gains.mean() - 1.96 * standard_error, abs=0.08)
    assert gain.high == pytest.approx(gains.mean() + 1.96 * standard_error, abs=0.08)
    assert summarise(measured) == [summary]
    assert summarise(measured, seed=1) != [summary]


def test_infinite_and_single_values_have_no_interval() -> None:
    infinite, certain = bootstrap(np.array([[math.inf, 2.0], [30.0, 2.0]]))
    (alone,) = bootstrap(np.array([[30.0]]))

    assert infinite.mean == math.inf
    assert math.isnan(infinite.low)
    assert (certain.low, certain.high) == (2, 2)
    assert alone.mean == 30
    assert math.isnan(alone.high)


def test_an_unchanged_input_has_a_gain_of_0_and_infinity_is_null_in_json() -> None:
    measured = [score(i, method, math.inf) for i in range(2) for method in (RAINY, "ours")]

    (summary,) = summaries = summarise(measured)
    document = to_document(measured, summaries)

    assert summary.gain["psnr_y"].mean == 0
    assert document["means"][0]["rainy"]["psnr_y"] is None
    assert document["images"][0]["psnr_y"] is None
    assert document["images"][0]["ssim_y"] == 0.9


def write_a_csv(path: Path, size: int) -> None:
    write_csv(path, [score(image, "ours", 30.0) for image in range(size // 10)])


def write_a_page(path: Path, size: int) -> None:
    gallery.write(path, "<p>" * size)


def write_a_document(path: Path, size: int) -> None:
    write_json({"images": ["1.png"] * size}, str(path))


def write_a_picture(path: Path, size: int) -> None:
    noise = np.random.default_rng(size).integers(0, 256, (size // 20, 20, 3), np.uint8)
    save(
        Outcome(EvalScene("light", path.stem, lambda: (noise, None)), None, {".": noise}),
        path.parent,
    )


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (write_a_csv, "scores.csv"),
        (write_a_page, "page.html"),
        (write_a_document, "scores.json"),
        (write_a_picture, "light/1.png"),
    ],
)
def test_a_full_disk_does_not_damage_an_existing_file(
    tmp_path: Path, write: Callable[[Path, int], None], name: str
) -> None:
    path = tmp_path / Path(name).name
    write(path, 100)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            write(path, 5_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert [file.relative_to(tmp_path).as_posix() for file in before] == [name]
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


def test_names_of_images_may_hold_bytes_that_are_no_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"stra\xdfe")
    write_csv(tmp_path / "scores.csv", [score(name, "ours", 30.0)])
    assert b",stra\xdfe,ours," in (tmp_path / "scores.csv").read_bytes()
