"""`spikerain-train evaluate --video`."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from networks import SMALL, randomised
from typer.testing import CliRunner

from spikerain_training.checkpoint import save_network
from spikerain_training.cli import app
from spikerain_training.sheets import write_film

CAMERAS = ("static", "panning", "hand-held")
CONDITIONS = [f"{camera}, {rain}" for camera in CAMERAS for rain in ("light", "medium", "heavy")]
CONDITIONS += [f"{camera}, all" for camera in CAMERAS]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two photographs, two small checkpoints and a short film."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "photos").mkdir()
    rng = np.random.default_rng(0)
    for number in range(2):
        noise = cv2.GaussianBlur(rng.normal(0, 1, (48, 64, 3)), (0, 0), 2)
        picture = np.clip(90 + 160 * noise, 0, 200).astype(np.uint8)
        cv2.imwrite(str(folder / "photos" / f"{number}.png"), picture)
    for name, config in (("still", SMALL), ("video", replace(SMALL, timesteps=1, frames=2))):
        network = randomised(config)
        save_network(folder / name, config, network.state_dict())
    with av.open(folder / "film.mp4", "w") as film:
        stream = film.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(16):
            frame = picture.copy()
            frame[:, rng.integers(64)] = 220
            film.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        film.mux(stream.encode())
    return folder


def evaluate(*arguments: object, exit_code: int = 0) -> str:
    done = CliRunner().invoke(app, ["evaluate", *map(str, arguments)])
    assert done.exit_code == exit_code, done.output
    return done.output


@pytest.mark.slow
def test_methods_are_compared_on_seeded_clips_and_on_a_film(place: Path, tmp_path: Path) -> None:
    models = ("--model", place / "still", "--model", place / "video")
    text = evaluate(
        *("--video", *models, "--data", place / "photos", "--clip", place / "film.mp4"),
        *("--csv", tmp_path / "clips.csv", "--json", tmp_path / "clips.json"),
    )

    seeded, real = text.split("\n\n")[:2]
    assert seeded.startswith("On luma, frames 3 to 10; flicker in levels; compared with still\n")
    lines = [line.split("  ")[0] for line in seeded.splitlines()[2:]]
    assert lines == [condition for condition in CONDITIONS for _ in range(3)]
    headings = "clip method change over rainy tracks over rainy"
    assert " ".join(real.splitlines()[1].split()) == headings
    document = json.loads((tmp_path / "clips.json").read_text())
    means = {(mean["condition"], mean["method"]): mean for mean in document["means"]}
    alone = [row for row in document["clips"] if row["camera"] == "static"]
    for method in ("rainy", "still", "video"):
        rows = [row["psnr_y"] for row in alone if row["method"] == method]
        assert len(rows) == 6
        assert means["static, all", method]["mean"]["psnr_y"]["mean"] == pytest.approx(
            np.mean(rows)
        )
    gain = means["static, all", "video"]["gain"]["psnr_y"]
    gap = [means["static, all", name]["mean"]["psnr_y"]["mean"] for name in ("video", "still")]
    assert gain["mean"] == pytest.approx(gap[0] - gap[1])
    assert gain["low"] <= gain["mean"] <= gain["high"]
    assert means["static, all", "still"]["gain"] == {}
    assert [row["method"] for row in document["real"]] == ["rainy", "still", "video"]
    with (tmp_path / "clips.csv").open(newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 3 * 3 * 2 * 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--clip", "a.mp4"], "--clip needs --video"),
        (["--video", "--weather", "snow"], "--weather cannot be used with --video"),
        (["--video", "--gallery", "a.html"], "--gallery cannot be used with --video"),
        (["--video", "--model", "."], "is not a checkpoint folder"),
        (["--video", "--clip", "a.mp4", "--csv", "b.csv"], "--csv holds the scores of photographs"),
    ],
)
def test_what_does_not_fit_to_clips_is_refused(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "images").mkdir()
    monkeypatch.chdir(tmp_path)

    assert message in evaluate(*arguments, exit_code=2).replace("\n", " ")


@pytest.mark.slow
def test_a_film_that_is_too_short_is_refused(place: Path, tmp_path: Path) -> None:
    with av.open(tmp_path / "short.mp4", "w") as film:
        stream = film.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        grey = np.full((48, 64, 3), 90, np.uint8)
        for _ in range(3):
            film.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="bgr24")))
        film.mux(stream.encode())

    text = evaluate(
        *("--video", "--model", place / "still", "--clip", tmp_path / "short.mp4"), exit_code=2
    )

    assert "has 3 frames" in text.replace("\n", " ")


def test_the_files_are_written_even_if_the_reader_of_the_table_stops(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("spikerain_training.commands.video_evaluation.show", gone)
    film = ("--clip", place / "film.mp4", "--json", tmp_path / "clips.json")
    done = CliRunner().invoke(
        app, ["evaluate", *map(str, ("--video", "--model", place / "still", *film))]
    )

    assert done.exit_code == 3, done.output
    assert json.loads((tmp_path / "clips.json").read_text())["clips"] == []


def test_sheets_of_odd_sides_become_a_film_of_even_ones(tmp_path: Path) -> None:
    sheets = [np.full((101, 303, 3), 40 * number, np.uint8) for number in range(3)]

    write_film(tmp_path / "samples" / "film.mp4", sheets)

    with av.open(tmp_path / "samples" / "film.mp4") as film:
        shown = [frame.to_ndarray(format="bgr24") for frame in film.decode(video=0)]
    assert [frame.shape for frame in shown] == [(100, 302, 3)] * 3
    assert [round(float(frame.mean()) / 40) for frame in shown] == [0, 1, 2]
