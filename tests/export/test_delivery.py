from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from export_parts import origin_of
from precision_parts import photograph

from spikerain_edge import Derainer, InputError, ModelError
from spikerain_edge.engine_header import Profile
from spikerain_edge.errors import SpikeRainError
from spikerain_export.artefact import seal
from spikerain_export.conversion import Graphs, Request, rewrite
from spikerain_export.delivery import Delivery, deliver
from spikerain_export.origin import Graph, Origin, open_origin
from spikerain_export.tensorrt import BuildSettings
from spikerain_export.truth import Scene
from spikerain_training.blocks import ConvNorm
from spikerain_training.network import SpikeRain

# Without clean images: with so few small pictures, a loss against them would be a matter of chance.
PICTURES = [
    [Scene(photograph(*size)), Scene(np.ascontiguousarray(photograph(*size)[::-1]))]
    for size in ((64, 72), (48, 64))
]
OTHERS = [
    Scene(np.ascontiguousarray(photograph(96, 96)[:, ::-1])),
    Scene(photograph(96, 80)),
]
Files = Callable[[Path], list[str]]


@pytest.fixture(scope="module")
def origin() -> Origin:
    return open_origin("nano")


def delivered(origin: Origin, output: Path, **options: Any) -> Delivery:
    request = Request(**options.pop("request", {}))
    options = {"calibration": OTHERS, **options}
    return deliver(origin, request, output, options.pop("scenes", PICTURES), **options)


def refused(origin: Origin, output: Path, **options: Any) -> SpikeRainError:
    with pytest.raises(SpikeRainError) as raised:
        delivered(origin, output, **options)
    assert "\n" not in str(raised.value)
    return raised.value


class Recorder:
    """Records the phases of an export; cancels in the phase of this name."""

    def __init__(self, cancels: str = "") -> None:
        self.phases: list[str] = []
        self._cancels = cancels

    def __call__(self, phase: str, done: int, steps: int) -> bool:
        self.phases.append(phase)
        return phase != self._cancels


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


@pytest.mark.slow
def test_a_graph_that_differs_from_its_network_is_not_written(
    published: SpikeRain, tmp_path: Path, files: Files
) -> None:
    origin = origin_of(published, tmp_path / "checkpoint")
    (tmp_path / "out").mkdir()
    # The error is too small to see in any picture, and untrained networks are checked too.
    wrong = replace(origin, graph=weakened(origin.graph, 1 + 1e-5), trained=False)
    error = refused(wrong, tmp_path / "out" / "wrong.onnx")
    assert "differs from its PyTorch network in double precision: the picture is off" in str(error)
    assert "nothing was written" in str(error)
    assert "add --no-verify" in str(error)
    assert error.exit_code == 4
    assert files(tmp_path / "out") == []
    assert origin.probe is not None
    probe = replace(origin, probe=weakened(origin.probe, 1 + 1e-5))
    assert "the picture is off" in str(refused(probe, tmp_path / "out" / "wrong.onnx"))
    made = delivered(origin, tmp_path / "out" / "right.onnx")
    assert made.document["translation"]["seconds"] > 0
    assert made.document["translation"]["picture"] < 1e-4


def put_on_threshold(layer: ConvNorm, threshold: float) -> None:
    """Puts a channel's potentials so near the threshold that folding batch norm flips spikes."""
    norm = layer.norm
    assert norm.running_mean is not None
    assert norm.running_var is not None
    with torch.no_grad():
        layer.conv.weight[0].zero_()
        factor = norm.weight[0].double() / (norm.running_var[0].double() + norm.eps).sqrt()
        for mean in torch.linspace(0.1, 0.2, 2000):
            bias = (threshold + mean.double() * factor).float()
            norm.running_mean[0], norm.bias[0] = mean, bias
            folded = (bias.double() - mean.double() * factor).float()
            unfolded = norm(torch.zeros(3, norm.num_features, 8, 8))[0, 0, 0, 0]
            if (folded >= np.float32(threshold)) != (unfolded >= threshold):
                return
    pytest.fail("no potential is rounded to both sides of the threshold")


@pytest.mark.slow
def test_a_correct_graph_with_potentials_on_the_threshold_is_written(
    published: SpikeRain, tmp_path: Path, files: Files
) -> None:
    """Potentials are on the threshold: PyTorch and the folded bias round them differently."""
    network = copy.deepcopy(published)
    put_on_threshold(network.up1.convolve, network.config.threshold)
    made = delivered(origin_of(network, tmp_path / "checkpoint"), tmp_path / "out" / "mine.onnx")
    assert 45 < made.proofs[0].worst < 55
    assert made.document["translation"]["near"] > 0
    assert files(tmp_path / "out") == ["mine.onnx", "mine.probe.onnx"]


def weakened(graph: Graph, factor: float = 3) -> Graph:
    """The graph with its output weights multiplied by a factor."""
    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    weight = next(each for each in model.graph.initializer if each.name == "output/weight")
    weight.raw_data = (np.frombuffer(weight.raw_data, np.float32) * np.float32(factor)).tobytes()
    return Graph(model, graph.spec)


def test_a_probe_graph_that_produces_another_picture_is_not_written(
    origin: Origin, tmp_path: Path, files: Files
) -> None:
    assert origin.probe is not None
    broken = replace(origin, probe=weakened(origin.probe))
    error = refused(broken, tmp_path / "mine.onnx")
    assert isinstance(error, ModelError)
    assert "the graph and its probe graph produce different pictures" in str(error)
    assert files(tmp_path) == []


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


@pytest.fixture(scope="module")
def ideal(origin: Origin) -> list[list[Scene]]:
    """Scenes whose clean image is the output of the FP32 graph: any change is a loss."""
    graph, _ = seal(origin.graph.model, origin.graph.spec)
    with Derainer.from_bytes(graph) as derainer:
        return [[Scene(group[0].rainy, derainer(group[0].rainy))] for group in PICTURES]


@pytest.mark.slow
def test_a_loss_of_psnr_against_the_clean_images_fails_the_export(
    origin: Origin, ideal: list[list[Scene]], tmp_path: Path, files: Files
) -> None:
    error = refused(origin, tmp_path / "m.onnx", request={"precision": "fp16"}, scenes=ideal)
    assert "dB of PSNR against the clean images" in str(error)
    assert "at most 0.1 dB are allowed; nothing was written; export it in fp32" in str(error)
    assert error.exit_code == 4
    assert files(tmp_path) == []


@pytest.mark.slow
def test_an_untrained_network_need_not_reach_the_gate(
    origin: Origin, ideal: list[list[Scene]], tmp_path: Path
) -> None:
    untrained = replace(origin, trained=False)
    made = delivered(untrained, tmp_path / "m.onnx", request={"precision": "fp16"}, scenes=ideal)
    document = json.loads(json.dumps(made.document, allow_nan=False))
    assert document["proofs"][1]["psnr_loss"]["mean"] > 0.2
    assert document["proofs"][1]["worst"] >= 40


@pytest.mark.slow
def test_a_checkpoint_is_compared_with_its_network(published: SpikeRain, tmp_path: Path) -> None:
    made = delivered(origin_of(published, tmp_path / "checkpoint"), tmp_path / "mine.onnx")
    assert made.document["reference"] == "pytorch"
    assert min(made.proofs[0].psnr.values()) >= 55
