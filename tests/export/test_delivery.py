from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from export_parts import origin_of
from precision_parts import photograph
from torch import Tensor

from spikerain_edge import Derainer, InputError, ModelError
from spikerain_edge.engine_header import Profile
from spikerain_edge.errors import SpikeRainError
from spikerain_export.artefact import seal
from spikerain_export.conversion import Graphs, Request, rewrite
from spikerain_export.delivery import Delivery, deliver
from spikerain_export.origin import Graph, Origin, open_origin
from spikerain_export.tensorrt import BuildSettings
from spikerain_export.verification import Scene
from spikerain_training.network import SpikeRain

# Without streaks: so few small pictures make any figure about them one of chance.
PICTURES = [
    [Scene(photograph(*size)), Scene(np.ascontiguousarray(photograph(*size)[::-1]))]
    for size in ((64, 72), (48, 64))
]
OTHERS = [np.ascontiguousarray(photograph(96, 96)[:, ::-1]), photograph(96, 80)]
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


@pytest.mark.parametrize(
    ("precision", "wanted"),
    [("fp32", ["fp32"]), ("fp16", ["fp32", "fp16"]), ("int8", ["fp32", "fp16", "int8"])],
)
def test_an_export_is_two_files_that_load_and_a_report(
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
    assert document["proofs"][0]["worst"] is None, "infinite: it is compared with itself"
    assert document["reference"] == "onnx fp32"


def test_scales_are_chosen_on_the_images_that_were_given_for_it_alone(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Sequence[Any]] = []

    def watched(origin: Origin, request: Request, images: Sequence[Any]) -> Graphs:
        seen.append(images)
        return rewrite(origin, request, images)

    monkeypatch.setattr("spikerain_export.delivery.rewrite", watched)
    request = {"precision": "int8"}
    made = delivered(origin, tmp_path / "mine.onnx", request=request, verify=False)
    assert [id(image) for image in seen[0]] == [id(image) for image in OTHERS]
    assert made.document["scale_images"] == 2
    error = refused(origin, tmp_path / "other.onnx", request=request, calibration=())
    assert "need images to choose their scales by" in str(error)


def test_a_graph_that_was_compared_with_itself_is_not_called_proven(
    origin: Origin, published: SpikeRain, tmp_path: Path
) -> None:
    (note,) = delivered(origin, tmp_path / "mine.onnx").notes
    assert "compared with nothing but itself" in note
    assert delivered(origin, tmp_path / "mine.onnx", request={"precision": "fp16"}).notes == ()
    network = origin_of(published, tmp_path / "checkpoint")
    assert delivered(network, tmp_path / "mine.onnx").notes == ()


def test_values_beyond_half_precision_are_not_delivered_in_it(
    origin: Origin, tmp_path: Path, files: Files
) -> None:
    loud = replace(origin, graph=weakened(origin.graph, 3000), probe=None)
    error = refused(loud, tmp_path / "mine.onnx", request={"precision": "fp16"})
    assert "output/weight of nano reaches" in str(error)
    assert "half precision ends at 65504; nothing was written" in str(error)
    assert error.exit_code == 4
    assert files(tmp_path) == []


def test_a_graph_of_one_size_is_proven_at_that_size(origin: Origin, tmp_path: Path) -> None:
    output = tmp_path / "mine.onnx"
    made = delivered(origin, output, request={"precision": "fp16", "size": (48, 64), "batch": 1})
    assert len(made.proofs) == 2
    with Derainer.load(str(output), probe=True) as derainer:
        assert derainer(photograph(48, 64)).shape == (48, 64, 3)
        with pytest.raises(InputError, match="takes images of 64x48 only"):
            derainer(photograph())


def test_a_size_that_no_scene_has_is_not_called_proven(
    origin: Origin, tmp_path: Path, files: Files
) -> None:
    error = refused(origin, tmp_path / "mine.onnx", request={"size": (80, 64)})
    assert "no scene of 64x80" in str(error)
    assert files(tmp_path) == []


def test_without_verification_nothing_is_measured(origin: Origin, tmp_path: Path) -> None:
    made = delivered(origin, tmp_path / "mine.onnx", verify=False)
    assert made.proofs == ()
    assert made.document["proofs"] == []
    assert (tmp_path / "mine.onnx").exists()


class Different(SpikeRain):
    def forward(self, image: Tensor) -> Tensor:
        return 1 - super().forward(image)


def test_a_graph_that_disagrees_with_its_network_is_not_written(
    published: SpikeRain, tmp_path: Path, files: Files
) -> None:
    origin = origin_of(published, tmp_path / "checkpoint")
    different = Different(published.config).eval()
    different.load_state_dict(published.state_dict())
    (tmp_path / "out").mkdir()
    error = refused(replace(origin, network=different), tmp_path / "out" / "wrong.onnx")
    assert "the fp32 graph agrees with its reference to" in str(error)
    assert "55 are asked for; nothing was written" in str(error)
    assert "stay with fp32" not in str(error)
    assert error.exit_code == 4
    assert files(tmp_path / "out") == []

    # Random weights amplify rounding by themselves: shown, and held to nothing.
    untrained = replace(origin, network=different, trained=False)
    made = delivered(untrained, tmp_path / "out" / "wrong.onnx")
    assert min(made.proofs[0].psnr.values()) < 55
    assert files(tmp_path / "out") == ["wrong.onnx", "wrong.probe.onnx"]


def weakened(graph: Graph, factor: float = 3) -> Graph:
    """The graph with one of its weights changed."""
    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    weight = next(each for each in model.graph.initializer if each.name == "output/weight")
    weight.raw_data = (np.frombuffer(weight.raw_data, np.float32) * np.float32(factor)).tobytes()
    return Graph(model, graph.spec)


def test_a_probe_graph_that_makes_another_picture_is_not_written(
    origin: Origin, tmp_path: Path, files: Files
) -> None:
    assert origin.probe is not None
    broken = replace(origin, probe=weakened(origin.probe))
    error = refused(broken, tmp_path / "mine.onnx")
    assert isinstance(error, ModelError)
    assert "the probe graph makes another picture" in str(error)
    assert files(tmp_path) == []


def test_what_lay_there_before_survives_a_refusal(origin: Origin, tmp_path: Path) -> None:
    output = tmp_path / "mine.onnx"
    output.write_text("before")
    refused(origin, output, request={"size": (50, 64)})
    assert output.read_text() == "before"


@pytest.mark.parametrize("place", ["folder", "/proc/nowhere/mine.onnx", "beside.onnx"])
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_done(
    origin: Origin, tmp_path: Path, files: Files, place: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "beside.probe.onnx").mkdir()
    before, told = files(tmp_path), list[str]()
    error = refused(origin, tmp_path / place, tell=told.append)
    assert "cannot write" in str(error)
    assert error.exit_code == 2
    assert (told, files(tmp_path)) == ([], before)


def test_what_is_read_is_not_written_over(origin: Origin) -> None:
    for path in origin.files:
        assert "is read" in str(refused(origin, path))


def test_files_are_named_as_what_they_are(origin: Origin, tmp_path: Path) -> None:
    settings = BuildSettings((Profile.fixed_at((64, 64)),))
    error = refused(origin, tmp_path / "mine.engine")
    assert "no name for an ONNX graph" in str(error)
    assert "mine.onnx" in error.remedy
    error = refused(origin, tmp_path / "mine.onnx", engine=settings)
    assert "no name for an engine" in str(error)
    assert "mine.engine" in error.remedy


def test_an_engine_that_cannot_be_built_is_refused_before_anything_is_done(
    origin: Origin, tmp_path: Path
) -> None:
    told: list[str] = []
    settings = BuildSettings((Profile.fixed_at((50, 64)),))
    error = refused(origin, tmp_path / "mine.engine", engine=settings, tell=told.append)
    assert "cannot take 64x50" in str(error)
    assert told == []


@pytest.fixture(scope="module")
def ideal(origin: Origin) -> list[list[Scene]]:
    """Pictures whose truth is what the FP32 graph makes of them: any change is a loss."""
    graph, _ = seal(origin.graph.model, origin.graph.spec)
    with Derainer.from_bytes(graph) as derainer:
        return [[Scene(group[0].rainy, derainer(group[0].rainy))] for group in PICTURES]


def test_a_loss_against_the_truth_fails_the_export(
    origin: Origin, ideal: list[list[Scene]], tmp_path: Path, files: Files
) -> None:
    error = refused(origin, tmp_path / "m.onnx", request={"precision": "fp16"}, scenes=ideal)
    assert "the fp16 graph loses inf dB against the truth, 0.05 are allowed" in str(error)
    assert error.exit_code == 4
    assert files(tmp_path) == []


def test_an_untrained_network_has_nothing_to_lose_against_the_truth(
    origin: Origin, ideal: list[list[Scene]], tmp_path: Path
) -> None:
    untrained = replace(origin, trained=False)
    made = delivered(untrained, tmp_path / "m.onnx", request={"precision": "fp16"}, scenes=ideal)
    document = json.loads(json.dumps(made.document, allow_nan=False))
    assert document["proofs"][1]["psnr_loss"] is None, "infinite"
    assert document["proofs"][1]["worst"] >= 40


def test_the_reference_is_the_network_where_there_is_one(
    published: SpikeRain, tmp_path: Path
) -> None:
    made = delivered(origin_of(published, tmp_path / "checkpoint"), tmp_path / "mine.onnx")
    assert made.document["reference"] == "pytorch"
    assert min(made.proofs[0].psnr.values()) >= 55
