from __future__ import annotations

import base64
import csv
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data
from typer.testing import CliRunner

from spikerain_edge.images import Image
from spikerain_training.cli import app

CONDITIONS = ["light", "medium", "heavy", "none"]
SAVED = ["--save-images", "saved"]


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    for number, left in enumerate((60, 150)):
        crop = np.ascontiguousarray(data.astronaut()[:48, left : left + 64, ::-1])
        cv2.imwrite(str(folder / f"<{number}>.png"), crop)
    return folder


def evaluate(*arguments: object) -> str:
    done = CliRunner().invoke(app, ["evaluate", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.stdout


class Page(HTMLParser):
    """Collects the images and headings of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.headings: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.images.append(dict(attrs))
        elif tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("h1", "h2", "figcaption"):
            self.headings.append(data)


def decoded(source: str | None) -> Image:
    content = base64.b64decode((source or "").partition("base64,")[2], validate=True)
    return np.asarray(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR), np.uint8)


@pytest.mark.slow
def test_by_default_nano_is_measured_on_luma_and_rgb(photographs: Path) -> None:
    tables = evaluate("--data", photographs).split("\n\n")

    assert tables[0].startswith("On MATLAB luma (BT.601, 16 to 235), mean of 2 images\n")
    assert tables[1].startswith("On RGB, mean of 2 images\n")
    for table in tables[:2]:
        rows = [line.split() for line in table.splitlines()[2:]]
        assert [row[:2] for row in rows] == [[name, "nano"] for name in CONDITIONS]
    luma = {line.split()[0]: line.split() for line in tables[0].splitlines()[2:]}
    assert float(luma["medium"][2]) == pytest.approx(25, abs=0.05)
    gain = float(luma["heavy"][3]) - float(luma["heavy"][2])
    assert float(luma["heavy"][4]) == pytest.approx(gain, abs=0.011)


@pytest.mark.slow
def test_saved_images_can_be_evaluated_as_results_of_another_method(
    photographs: Path, tmp_path: Path
) -> None:
    evaluate("--data", photographs, "--save-images", tmp_path)
    report = json.loads(
        evaluate(
            *("--data", photographs, "--json", "-", "--csv", tmp_path / "scores.csv"),
            *("--model", "nano", "--model", f"Twin={tmp_path / 'nano'}"),
            *("--model", f"Nothing={tmp_path / 'rainy'}"),
        )
    )

    means = {(mean["condition"], mean["method"]): mean for mean in report["means"]}
    assert report["conversions"]["y"].startswith("MATLAB luma")
    for condition in CONDITIONS:
        ours, twin, nothing = (means[condition, name] for name in ("nano", "Twin", "Nothing"))
        assert ours["restored"] == twin["restored"]
        assert nothing["gain"]["psnr_y"]["mean"] == 0
        assert nothing["restored"]["psnr_rgb"]["mean"] == nothing["rainy"]["psnr_rgb"]
    with (tmp_path / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(report["images"]) == 4 * 2 * 4
    of_ours = [
        float(row["psnr_y"])
        for row in rows
        if (row["method"], row["condition"]) == ("nano", "heavy")
    ]
    assert np.mean(of_ours) == pytest.approx(
        means["heavy", "nano"]["restored"]["psnr_y"]["mean"], rel=1e-4
    )


@pytest.mark.slow
def test_the_gallery_shows_every_column_and_loads_nothing_else(
    photographs: Path, tmp_path: Path
) -> None:
    path = tmp_path / "gallery.html"
    evaluate(
        "--data",
        photographs,
        "--photographs",
        photographs,
        "--gallery",
        path,
        "--gallery-images",
        1,
    )
    text = path.read_text("utf-8")
    page = Page(text)

    assert page.open == []
    assert page.headings[0] == "nano"
    # Three columns for each of four conditions with ground truth, two for the photograph.
    assert page.headings.count("Rainy") == page.headings.count("nano") - 1 == 5
    assert page.headings.count("Truth") == 4
    assert len(page.images) == 3 * (3 * 4 + 2)
    assert all(image["alt"] for image in page.images)
    assert {decoded(image["src"]).shape for image in page.images} == {(48, 64, 3), (9, 9, 3)}
    assert any("<0> · light rain" in heading for heading in page.headings)
    assert not re.search(r"https?:|<script|<link|url\(", text)
    assert "<0>" not in text


@pytest.mark.slow
def test_enlarged_details_are_exact_crops(photographs: Path, tmp_path: Path) -> None:
    path = tmp_path / "gallery.html"
    evaluate("--data", photographs, "--limit", 1, "--gallery", path)
    clean = cv2.imread(str(photographs / "<0>.png"))
    assert clean is not None

    zooms = [
        image for image in Page(path.read_text("utf-8")).images if image["alt"] == "Truth, enlarged"
    ]

    assert len(zooms) == 8
    for zoom in zooms:
        found = cv2.matchTemplate(clean, decoded(zoom["src"]), cv2.TM_SQDIFF)
        assert found.min() == pytest.approx(0, abs=0.01)


@pytest.mark.slow
def test_the_files_that_are_written_are_named(photographs: Path, tmp_path: Path) -> None:
    names = {"--csv": "m.csv", "--json": "m.json", "--gallery": "m.html"}
    written = [item for option, name in names.items() for item in (option, str(tmp_path / name))]
    done = CliRunner().invoke(app, ["evaluate", "--data", str(photographs), *written])
    assert done.exit_code == 0, done.output
    places = ", ".join(str(tmp_path / name) for name in names.values())
    assert done.stderr.splitlines()[-1] == f"wrote {places}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--model", "missing"], 2, "no model 'missing'; name a shipped one (nano"),
        (["--model", "missing"], 2, "or name a checkpoint folder or a folder of results"),
        (["--model", "=nano"], 2, "has no name before =; write --model NAME=nano"),
        (["--photographs", "."], 2, "add --gallery FILE.html or --save-images FOLDER"),
        (["--json", "."], 2, "cannot write ."),
        (["--csv", "."], 2, "cannot write ."),
        (["--gallery", "."], 2, "cannot write ."),
        (["--csv", "a.csv", "--gallery", "a.csv"], 2, "a.csv is named twice"),
        (["--model", "part"], 2, "no result for <1> in part; name the file like the rainy image"),
        (["--model", "small"], 2, "<0>.png is 9x9, but its rainy image is 64x48; save the results"),
        (["--model", "nano", "--model", "nano"], 2, "two columns have the same name"),
        (
            ["--csv", "none/scores.csv"],
            2,
            "the folder none does not exist; create it: mkdir -p none",
        ),
        (["--model", "broken.onnx"], 4, "broken.onnx"),
    ],
)
def test_an_impossible_evaluation_is_refused_in_one_line(
    photographs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken.onnx").write_bytes(b"nothing")
    for folder, result in (("part", cv2.imread(str(photographs / "<0>.png"))), ("small", None)):
        Path(folder).mkdir()
        picture = np.zeros((9, 9, 3), np.uint8) if result is None else result
        cv2.imwrite(f"{folder}/<0>.png", picture)

    asked = ["evaluate", "--data", str(photographs), *arguments]
    done = CliRunner().invoke(app, [*asked, *SAVED[: 0 if "--photographs" in arguments else 2]])

    assert done.exit_code == code, done.output
    assert message in done.stderr.strip().splitlines()[-1]
    assert done.stdout == ""
    # Images are saved while scenes are measured, so no scene was measured.
    assert not Path("saved").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.full((16, 16, 3), 225, np.uint8), "no rendered rain lowers the PSNR of this picture"),
        (np.zeros((40, 9, 3), np.uint8), "9x40 pixels are too few for SSIM"),
    ],
    ids=["pale", "small"],
)
def test_an_unusable_image_is_refused_by_name_before_anything_is_written(
    photographs: Path, tmp_path: Path, bad: Image, message: str
) -> None:
    shutil.copytree(photographs, tmp_path / "data")
    cv2.imwrite(str(tmp_path / "data" / "zbad.png"), bad)
    arguments = ["--data", str(tmp_path / "data"), "--save-images", str(tmp_path / "saved")]

    done = CliRunner().invoke(app, ["evaluate", *arguments])

    assert done.exit_code == 2, done.output
    assert f"zbad.png: {message}" in done.stderr
    assert done.stderr.endswith("move this picture out of the folder\n")
    assert not (tmp_path / "saved").exists()


def test_files_without_a_partner_are_listed_in_a_warning(photographs: Path, tmp_path: Path) -> None:
    for name in ("input/1.png", "target/1.png", "input/[2].png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(photographs / "<0>.png", tmp_path / name)

    done = CliRunner().invoke(app, ["evaluate", "--data", str(tmp_path)])

    assert done.exit_code == 0, done.output
    (warning,) = done.stderr.strip().splitlines()
    assert warning.startswith("spikerain-train: warning: ")
    assert f"1 file in {tmp_path} skipped, no partner found: [2].png;" in warning
    assert "rgb, 1 image\n" in done.stdout.lower()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_the_tables_are_printed_even_if_the_disk_is_full(photographs: Path) -> None:
    arguments = ["--data", str(photographs), "--limit", "1", "--csv", "/dev/full"]

    done = CliRunner().invoke(app, ["evaluate", *arguments])

    assert done.exit_code == 3
    (line,) = done.stderr.strip().splitlines()
    assert "cannot use /dev/full: No space left on device; free some disk space" in line
    assert done.stdout.startswith("On MATLAB luma")
    assert "On RGB" in done.stdout


def test_without_data_the_message_asks_for_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["evaluate"])
    assert done.exit_code == 2
    assert done.stderr == "spikerain-train: no data to measure on; name a folder: --data FOLDER\n"
