"""`spikerain-edge benchmark`: what is measured, and what is said of what is not."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spikerain_edge.cli import app
from spikerain_edge.errors import InputError
from spikerain_edge.profiling import exported
from spikerain_edge.profiling.exported import export_file, is_untrained, measurable
from spikerain_export.artefact import seal
from spikerain_export.benchmark.document import Latency, Row, as_json, speed
from spikerain_export.benchmark.measure import Settings, measure_size
from spikerain_export.benchmark.page import render
from spikerain_export.benchmark.plan import Entry, Files, entries, split
from spikerain_export.benchmark.tables import HEADINGS, as_csv, cells, reasons
from spikerain_export.origin import origin_of
from spikerain_training.network import SpikeRain

FULL = Row(
    "nano", "fp32", "cpu", (480, 640), Latency(200.0, 220.0), 5.0, 1.5, 100.0, 0.0, 0.0, 350.0, 2.5
)
FAST = replace(FULL, format="int8", backend="openvino", latency_ms=Latency(50.0, 51.0), fps=20.0)
ABSENT = Row("nano", "int8", "engine", (480, 640), reason="TensorRT <is> absent; install it")


def test_the_json_document_has_the_fields_that_others_rely_on() -> None:
    document = json.loads(as_json([FULL, ABSENT]))
    assert document["schema"] == 1
    names = (
        "model format backend imgsz latency_ms fps size_mb psnr_to_fp32 psnr_lost spikes_differ "
        "peak_memory_mb joules_per_frame reason"
    )
    assert [list(row) for row in document["rows"]] == [names.split()] * 2
    assert document["rows"][0]["imgsz"] == [480, 640]
    assert document["rows"][0]["latency_ms"] == {"p50": 200.0, "p90": 220.0}
    assert document["rows"][1]["latency_ms"] is None
    assert document["rows"][1]["reason"] == "TensorRT <is> absent; install it"


def test_the_ratio_is_to_the_first_fp32_row_of_the_same_size() -> None:
    rows = [FULL, FAST, ABSENT]
    assert [speed(row, rows) for row in rows] == [1.0, 4.0, None]
    assert speed(replace(FAST, imgsz=(64, 64)), rows) is None
    assert speed(FAST, [FAST, FULL]) == 4.0
    lines = list(csv.DictReader(io.StringIO(as_csv(rows))))
    assert [line["ratio_to_fp32"] for line in lines] == ["1.0", "4.0", ""]
    assert (lines[1]["height"], lines[1]["width"]) == ("480", "640")
    assert lines[2]["reason"] == ABSENT.reason
    assert len(cells(FULL, rows)) == len(HEADINGS)
    assert reasons([FULL, ABSENT, ABSENT]) == ["int8 engine: TensorRT <is> absent; install it"]


def test_the_page_plots_time_against_pixels_and_asks_for_nothing() -> None:
    page = render([FULL, FAST, replace(FULL, imgsz=(96, 96)), ABSENT], "a <board>")
    assert page.count("<svg") == 1
    assert "Median time of nano against image size" in page
    assert "int8 openvino" in page
    assert "a &lt;board&gt;" in page
    assert "TensorRT &lt;is&gt; absent" in page
    assert "<script" not in page
    assert "http" not in page


def test_nothing_measured_makes_a_page_that_says_so() -> None:
    page = render([ABSENT], "a board")
    assert "Nothing was measured." in page
    assert "<svg" not in page


def test_what_all_else_refers_to_comes_first() -> None:
    found = entries(["int8", "fp32", "fp16"], ["openvino", "cpu"])
    assert found[0] == Entry("fp32", "cpu")
    assert Entry("fp16", "openvino") not in found
    assert len(found) == 5
    with pytest.raises(InputError, match="'fp8' is not a format; choose from fp32, fp16, int8"):
        entries(["fp8"], ["cpu"])
    assert entries(["int8"], ["openvino"]) == [Entry("fp32", "cpu"), Entry("int8", "openvino")]
    assert entries(["int8", "fp32"], ["engine"])[0] == Entry("fp32", "engine")
    assert split(["nano,tiny", "s"], ["x"]) == ["nano", "tiny", "s"]
    assert split(None, ["x"]) == ["x"]


@pytest.mark.slow
def test_formats_are_measured_in_turn_and_what_is_missing_is_said(
    nano: SpikeRain, tmp_path: Path
) -> None:
    origin = origin_of(nano, "mine")
    content, _ = seal(origin.graph.model, origin.graph.spec)
    model = tmp_path / "mine.onnx"
    model.write_bytes(content)
    wanted = entries(["fp32"], ["openvino", "cpu", "quantum"])
    settings = Settings(rounds=2, iterations=1, warmup=0, threads=1, power=False)
    said: list[str] = []
    rows = measure_size(str(model), (32, 40), wanted, Files(tmp_path), settings, said.append)
    reference, other, missing = rows
    assert [row.backend for row in rows] == ["cpu", "openvino", "quantum"]
    assert (reference.psnr_to_fp32, reference.spikes_differ, reference.reason) == (100, 0, None)
    for row in (reference, other):
        assert row.latency_ms is not None
        assert 0 < row.latency_ms.p50 <= row.latency_ms.p90
        assert row.fps == pytest.approx(1e3 / row.latency_ms.p50, rel=1e-3, abs=1e-3)
        assert row.size_mb == pytest.approx(len(content) / 1e6)
        assert row.peak_memory_mb is not None
        assert row.peak_memory_mb > 20
    assert other.psnr_to_fp32 is not None
    assert other.psnr_to_fp32 > 35
    assert other.spikes_differ is None
    assert missing.latency_ms is None
    assert missing.reason is not None
    assert "the backend 'quantum' is not available" in missing.reason
    assert sum("round" in text for text in said) == 2


@pytest.mark.slow
def test_an_export_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="already int8"):
        export_file("nano-int8", ["--half"], tmp_path / "out.onnx")


def test_only_names_of_published_networks_are_untrained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert [is_untrained(name) for name in ("s", "m", "l", "nano")] == [True, True, True, False]
    Path("s").touch()
    assert not is_untrained("s")
    with measurable("nano") as model:
        assert model == "nano"


def test_a_file_that_cannot_be_made_is_tried_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[list[str]] = []

    def fail(model: str, options: list[str], output: Path) -> Path:
        tried.append(list(options))
        raise InputError("no onnx", "install it")

    monkeypatch.setattr("spikerain_export.benchmark.plan.export_file", fail)
    files = Files(tmp_path)
    for _ in range(2):
        with pytest.raises(InputError, match="no onnx; install it"):
            files.find("nano", Entry("int8", "openvino"), (64, 64))
    assert tried == [["--int8", "--target", "openvino"]]
    path, _ = files.find("nano", Entry("int8", "cpu"), (64, 64))
    assert path.name == "nano-int8.onnx"


@pytest.mark.slow
def test_a_published_network_is_profiled_untrained(tmp_path: Path) -> None:
    report = tmp_path / "s.json"
    options = ["--imgsz", "32", "--iterations", "1", "--warmup", "0", "--no-power"]
    ended = CliRunner().invoke(
        app, ["profile", "--model", "s", *options, "--table1", "--json", str(report)]
    )
    assert ended.exit_code == 0, ended.output
    found = json.loads(report.read_text())
    assert found["model"]["variant"] == "s"
    assert found["rows"][0]["fps"] > 0
    assert any("No trained weights of s are shipped" in note for note in found["notes"])


@pytest.mark.slow
def test_the_command_writes_all_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sizes = ["--imgsz", "32,48x32", "--rounds", "1", "--iterations", "1", "--warmup", "0"]
    which = ["--formats", "fp32,int8", "--backends", "cpu,openvino", "--no-power"]
    files = ["--json", "b.json", "--csv", "b.csv", "--html", "b.html"]
    ended = CliRunner().invoke(app, ["benchmark", *sizes, *which, *files])
    assert ended.exit_code == 0, ended.output
    rows = json.loads(Path("b.json").read_text())["rows"]
    assert len(rows) == 8
    assert all(row["reason"] is None for row in rows)
    assert len(Path("b.csv").read_text().splitlines()) == 9
    assert "<svg" in Path("b.html").read_text()


def test_a_benchmark_without_any_figure_is_an_error(tmp_path: Path) -> None:
    ended = CliRunner().invoke(app, ["benchmark", "--backends", "quantum", "--imgsz", "32"])
    assert ended.exit_code == 2
    assert "nothing could be measured" in ended.stderr


def test_the_program_names_the_export_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exported, "program_of", lambda _: "raise SystemExit(3)")
    with pytest.raises(InputError, match="the export failed; see why: spikerain-edge export s"):
        export_file("s", ["--int8"], tmp_path / "s.onnx")
