from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import jsonschema_rs
import pytest
from report_parts import NOTE, Document, frames, options, parsed, profiled, shown

from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.images import Image
from spikerain_edge.profiling.html import render
from spikerain_edge.profiling.spreadsheet import rows_as_csv
from spikerain_export.conversion import Request, convert
from spikerain_export.origin import open_origin

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/profile.schema.json").read_text())


@pytest.mark.slow
def test_reports_follow_the_schema(report: Document, cramped: Document) -> None:
    for each in (report, cramped):
        jsonschema_rs.validate(SCHEMA, json.loads(json.dumps(each, allow_nan=False)))


def test_rows_report_latency_percentiles_stages_and_memory(report: Document) -> None:
    for row in report["rows"]:
        latency, stages = row["latency_ms"], row["stage_ms"]
        assert 0 < latency["min"] <= latency["p50"] <= latency["p95"] <= latency["p99"]
        assert latency["ci95"][0] <= latency["mean"] <= latency["ci95"][1]
        assert latency["iterations"] == 3
        # In every frame a stage takes less than the whole, so its median is below the whole's.
        assert set(stages) == {"pre", "engine", "post"}
        assert all(0 < median <= latency["p50"] for median in stages.values())
        assert row["fps"] == pytest.approx(1e3 / latency["mean"], rel=1e-5)
        assert 20 < row["peak_memory_mb"] < 1000


def test_energy_is_the_sum_of_priced_operations_and_spikes(report: Document) -> None:
    for row in report["rows"]:
        macs, energy, spikes = row["gmacs"], row["energy_mj"], row["spikes_per_frame"]
        neurons = spikes * 3.7e-9
        assert row["neuron_energy_mj"] == pytest.approx(neurons, rel=1e-5)
        expected = {
            "snn-derain": 12.5 * macs["analog"] + 0.077 * row["gsops"] + neurons,
            "cmos45": 4.6 * macs["analog"] + 0.9 * row["gsops"] + neurons,
            "snn-derain-as-ann": 12.5 * macs["dense"],
            "cmos45-as-ann": 4.6 * macs["dense"],
        }
        assert list(energy) == list(expected)
        assert energy == pytest.approx(expected, rel=1e-5)
        ratio = expected["cmos45-as-ann"] / expected["cmos45"]
        assert row["energy_ratio"]["cmos45"] == pytest.approx(ratio, rel=1e-5)


def test_layers_add_up_to_the_row(report: Document) -> None:
    for row in report["rows"]:
        layers = row["layers"]
        assert sum(layer["gmacs"] for layer in layers) == pytest.approx(row["gmacs"]["dense"])
        sops = sum(layer["gsops"] or 0 for layer in layers)
        assert sops == pytest.approx(row["gsops"], rel=1e-5)
        energy = sum(layer["energy_mj"]["cmos45"] for layer in layers) + row["neuron_energy_mj"]
        assert energy == pytest.approx(row["energy_mj"]["cmos45"], rel=1e-5)
        spiking = [layer for layer in layers if layer["kind"] == "spiking"]
        assert all(0 <= layer["firing_rate"] <= 1 for layer in spiking)
        assert all(layer["gsops"] is None for layer in layers if layer["kind"] == "analog")
        assert {len(layer["firing_rate_per_timestep"]) for layer in row["neurons"]} == {2}


def test_padded_sizes_are_reported_as_padded(report: Document) -> None:
    odd = report["rows"][2]
    assert odd["imgsz"] == [33, 50]
    assert odd["padded"] == [40, 56]
    assert "50x33 is padded to 56x40" in report["notes"][0]
    assert odd["problem"] is None


@pytest.mark.slow
def test_the_report_says_which_frames_were_used(report: Document, cramped: Document) -> None:
    assert NOTE in report["notes"]
    assert "" not in cramped["notes"]


def test_operations_grow_with_exponent_one(report: Document) -> None:
    operations = report["scaling"]["operations"]
    assert operations["exponent"] == pytest.approx(1, abs=2e-4)
    assert operations["r2"] == pytest.approx(1)


@pytest.mark.slow
def test_the_largest_side_needs_a_size_that_takes_memory(nano: Any, report: Document) -> None:
    small = report["scaling"]["largest_size"]
    assert small["side"] is None
    assert "less than the 50 MB that can be extrapolated; measure a larger one" in small["how"]
    grown = profiled(options(nano.graph, (512, 512)), frames)["scaling"]["largest_size"]
    assert grown["side"] % 8 == 0
    assert "nothing was run there" in grown["how"]


def test_the_outlook_has_a_row_per_size_and_precision(report: Document) -> None:
    rows = report["outlook"]["rows"]
    assert [(row["imgsz"], row["precision"]) for row in rows] == [
        (size, precision)
        for size in ([64, 64], [32, 32], [33, 50])
        for precision in ("fp16", "int8")
    ]


def test_unmeasured_energy_says_why(report: Document) -> None:
    measured = report["rows"][0]["measured"]
    assert measured["joules_per_frame"] is None
    assert "--no-power" in measured["reason"]


@pytest.mark.slow
def test_a_size_that_does_not_fit_only_loses_its_row(cramped: Document) -> None:
    large, small = cramped["rows"]
    assert large["problem"]
    assert large["latency_ms"] is large["gmacs"] is large["fps"] is None
    assert large["energy_mj"]["cmos45-as-ann"] is None
    assert large["layers"] == []
    assert large["measured"]["reason"] == large["problem"]
    assert small["problem"] is None
    assert small["latency_ms"]["mean"] > 0


@pytest.mark.slow
def test_without_a_probe_graph_only_spikes_are_unknown(cramped: Document) -> None:
    row = cramped["rows"][1]
    assert row["spikes_reason"] == "the model has no probe graph"
    for unknown in ("firing_rate", "gsops", "spikes_per_frame", "neuron_energy_mj"):
        assert row[unknown] is None
    assert row["energy_mj"]["snn-derain"] is None
    assert row["energy_mj"]["snn-derain-as-ann"] > 0
    assert row["neurons"] == []
    assert {layer["gsops"] for layer in row["layers"]} == {None}
    assert cramped["scaling"]["energy"] is None


@pytest.fixture(scope="module")
def fixed(tmp_path_factory: pytest.TempPathFactory) -> Document:
    """A report of a model of fixed image size."""
    path = tmp_path_factory.mktemp("fixed") / "fixed.onnx"
    path.write_bytes(convert(open_origin("nano"), Request(size=(32, 48))).content)
    return profiled(options(path, (32, 48), (32, 32)), frames)


def test_a_model_of_fixed_size_is_profiled_at_that_size(fixed: Document) -> None:
    jsonschema_rs.validate(SCHEMA, fixed)
    its_own, other = fixed["rows"]
    assert its_own["problem"] is None
    assert its_own["gmacs"]["dense"] > 0
    assert fixed["model"]["weight_mb"] > 1
    assert "takes images of 48x32 only" in other["problem"]


def test_figures_of_table_1_need_its_image_size(fixed: Document) -> None:
    assert fixed["table1"] is None
    assert [row["table1"] for row in fixed["rows"]] == [None, None]
    reason = "counts at 128x128, and this model takes 48x32 only"
    assert reason in fixed["table1_reason"]
    assert reason in render(parsed(fixed))
    assert reason in " ".join(" ".join(shown(fixed, table1=True)).split())
    assert len(list(csv.DictReader(io.StringIO(rows_as_csv(parsed(fixed)))))) == 2


@pytest.mark.slow
def test_a_model_of_that_fixed_size_has_figures_of_table_1(
    tmp_path: Path, report: Document
) -> None:
    path = tmp_path / "fixed.onnx"
    path.write_bytes(convert(open_origin("nano"), Request(size=(128, 128))).content)
    fixed = profiled(options(path, (64, 64)), frames)
    assert fixed["table1"] == report["table1"]
    assert fixed["table1_reason"] is report["table1_reason"] is None
    # The size of the model was not requested, but its weights are known.
    assert fixed["model"]["weight_mb"] == report["model"]["weight_mb"]


@pytest.mark.slow
def test_a_model_that_could_not_be_counted_has_no_weight_figures(tmp_path: Path) -> None:
    path = tmp_path / "fixed.onnx"
    path.write_bytes(convert(open_origin("nano"), Request(size=(32, 48))).content)
    report = profiled(options(path, (64, 64)), frames)
    jsonschema_rs.validate(SCHEMA, report)
    assert report["model"]["weight_mb"] is None
    assert "<!doctype html>" in render(parsed(report)).lower()


def test_a_model_for_several_images_per_call_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "two.onnx"
    path.write_bytes(convert(open_origin("nano"), Request(batch=2)).content)
    with pytest.raises(ModelError, match=r"^nano takes 2 images per call, .*--batch 1") as raised:
        profiled(options(path, (32, 32)), frames)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "error",
    [MemoryError(), pytest.param(cv2.error("Insufficient memory"), marks=pytest.mark.slow)],
)
def test_frames_that_do_not_fit_only_lose_their_row(nano: Any, error: Exception) -> None:
    def some(height: int, width: int) -> Sequence[Image]:
        if height > 64:
            raise error
        return frames(height, width)

    large, small = profiled(options(nano.graph, (4096, 4096), (32, 32)), some)["rows"]

    assert large["problem"] == "does not fit: not enough memory for the images"
    assert small["problem"] is None
    assert small["fps"] > 0


def test_an_unknown_board_is_rejected_before_any_work(nano: Any) -> None:
    with pytest.raises(InputError, match="'abacus' is not a known board"):
        profiled(options(nano.graph, (32, 32), board="abacus"), frames)
