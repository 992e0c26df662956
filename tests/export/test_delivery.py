from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from delivery_parts import OTHERS, Recorder, delivered, refused, weakened
from export_parts import origin_of
from precision_parts import photograph

from spikerain_edge import Derainer, InputError
from spikerain_edge.engine_header import Profile
from spikerain_export.conversion import Graphs, Request, rewrite
from spikerain_export.origin import Origin, open_origin
from spikerain_export.tensorrt import BuildSettings
from spikerain_training.network import SpikeRain

Files = Callable[[Path], list[str]]


@pytest.fixture(scope="module")
def origin() -> Origin:
    return open_origin("nano")


def test_an_export_reports_progress_and_can_be_cancelled(
    origin: Origin, tmp_path: Path, files: Files
) -> None:
    progress = Recorder("comparing pictures and spikes")
    error = refused(origin, tmp_path / "mine.onnx", progress=progress)
    assert progress.phases == ["making the fp32 graph", "comparing pictures and spikes"]
    assert "the export was cancelled" in str(error)
    assert files(tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("precision", "wanted"),
    [("fp32", ["fp32"]), ("fp16", ["fp32", "fp16"]), ("int8", ["fp32", "fp16", "int8"])],
)
def test_an_export_writes_two_loadable_files_and_a_report(
    origin: Origin, tmp_path: Path, files: Files, precision: str, wanted: list[str]
) -> None:
    output = tmp_path / "mine.onnx"
    made = delivered(origin, output, request={"precision": precision})
    assert files(tmp_path) == ["mine.onnx", "mine.probe.onnx"]
    assert made.files == (output, tmp_path / "mine.probe.onnx")
    assert [proof.precision for proof in made.proofs] == wanted
    with Derainer.load(str(output), probe=True) as derainer:
        assert derainer.spec.precision == precision
        image = photograph()
        np.testing.assert_array_equal(derainer.derain_and_probe(image)[0], derainer(image))
    document = json.loads(json.dumps(made.document, allow_nan=False))
    assert document["spec"]["precision"] == precision
    assert [len(proof["psnr"]) for proof in document["proofs"]] == [2] * len(wanted)
    assert document["proofs"][0]["worst"] is None, "infinite, since it is compared with itself"
    assert document["reference"] == "onnx fp32"
    assert document["translation"] is None


@pytest.mark.slow
def test_scales_are_chosen_on_the_calibration_images_only(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Sequence[Any]] = []

    def watched(origin: Origin, request: Request, images: Sequence[Any]) -> Graphs:
        seen.append(images)
        return rewrite(origin, request, images)

    monkeypatch.setattr("spikerain_export.candidate.rewrite", watched)
    request = {"precision": "int8"}
    made = delivered(origin, tmp_path / "mine.onnx", request=request, verify=False)
    assert [id(image) for image in seen[0]] == [id(image) for image in OTHERS]
    assert made.document["scale_images"] == 2
    error = refused(origin, tmp_path / "other.onnx", request=request, calibration=())
    assert "INT8 for ONNX Runtime needs rainy images" in str(error)


@pytest.mark.slow
def test_notes_say_whether_the_graph_was_compared_with_pytorch(
    origin: Origin, published: SpikeRain, tmp_path: Path
) -> None:
    output = tmp_path / "mine.onnx"
    (note,) = delivered(origin, output).notes
    assert "was not compared with PyTorch" in note
    (note,) = delivered(origin, output, request={"precision": "fp16"}).notes
    assert "compared with PyTorch" not in note
    (note,) = delivered(origin_of(published, tmp_path / "checkpoint"), output).notes
    assert "equals its PyTorch network in double precision" in note


@pytest.mark.slow
def test_a_note_warns_that_fp16_is_slow_on_cpus_but_not_for_engines(
    origin: Origin, tmp_path: Path
) -> None:
    output, asked = tmp_path / "mine.onnx", {"precision": "fp16"}
    (note,) = delivered(origin, output, request=asked).notes
    assert "times the speed of fp32: FP16 is for GPUs; for a CPU, export with --int8" in note
    (note,) = delivered(origin, output, request=asked, verify=False).notes
    assert "slower than fp32" in note
    made = delivered(origin, output, request={**asked, "target": "tensorrt"})
    assert made.notes == ()


@pytest.mark.slow
def test_a_graph_with_values_beyond_half_precision_is_not_exported_in_fp16(
    origin: Origin, tmp_path: Path, files: Files
) -> None:
    loud = replace(origin, graph=weakened(origin.graph, 3000), probe=None)
    error = refused(loud, tmp_path / "mine.onnx", request={"precision": "fp16"})
    assert "output/weight of nano reaches" in str(error)
    assert "the largest number in half precision is 65504; nothing was written" in str(error)
    assert error.exit_code == 4
    assert files(tmp_path) == []


@pytest.mark.slow
def test_a_graph_of_fixed_size_is_verified_at_that_size(origin: Origin, tmp_path: Path) -> None:
    output = tmp_path / "mine.onnx"
    made = delivered(origin, output, request={"precision": "fp16", "size": (48, 64), "batch": 1})
    assert len(made.proofs) == 2
    with Derainer.load(str(output), probe=True) as derainer:
        assert derainer(photograph(48, 64)).shape == (48, 64, 3)
        with pytest.raises(InputError, match="takes images of 64x48 only"):
            derainer(photograph())


def test_a_fixed_size_without_a_scene_of_that_size_is_rejected(
    origin: Origin, tmp_path: Path, files: Files
) -> None:
    error = refused(origin, tmp_path / "mine.onnx", request={"size": (80, 64)})
    assert "cannot be verified at 64x80" in str(error)
    assert files(tmp_path) == []


def test_without_verification_nothing_is_measured(origin: Origin, tmp_path: Path) -> None:
    made = delivered(origin, tmp_path / "mine.onnx", verify=False)
    assert made.proofs == ()
    assert made.document["proofs"] == []
    assert (tmp_path / "mine.onnx").exists()


def test_a_rejected_export_leaves_the_existing_file_unchanged(
    origin: Origin, tmp_path: Path
) -> None:
    output = tmp_path / "mine.onnx"
    output.write_text("before")
    refused(origin, output, request={"size": (50, 64)})
    assert output.read_text() == "before"


@pytest.mark.parametrize("place", ["folder", "/proc/nowhere/mine.onnx", "beside.onnx"])
def test_an_unwritable_output_is_rejected_before_any_work(
    origin: Origin, tmp_path: Path, files: Files, place: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "beside.probe.onnx").mkdir()
    before, progress = files(tmp_path), Recorder()
    error = refused(origin, tmp_path / place, progress=progress)
    assert "cannot write" in str(error)
    assert error.exit_code == 2
    assert (progress.phases, files(tmp_path)) == ([], before)


def test_an_export_does_not_overwrite_its_input(origin: Origin) -> None:
    for path in origin.files:
        assert "is read" in str(refused(origin, path))


def test_the_suffix_of_the_output_must_match_its_format(origin: Origin, tmp_path: Path) -> None:
    settings = BuildSettings((Profile.fixed_at((64, 64)),))
    error = refused(origin, tmp_path / "mine.engine")
    assert "is not a name for an ONNX graph" in str(error)
    assert "mine.onnx" in error.remedy
    error = refused(origin, tmp_path / "mine.onnx", engine=settings)
    assert "is not a name for an engine" in str(error)
    assert "mine.engine" in error.remedy


def test_an_impossible_engine_is_rejected_before_any_work(origin: Origin, tmp_path: Path) -> None:
    progress = Recorder()
    settings = BuildSettings((Profile.fixed_at((50, 64)),))
    error = refused(origin, tmp_path / "mine.engine", engine=settings, progress=progress)
    assert "cannot take images of 64x50" in str(error)
    assert progress.phases == []
