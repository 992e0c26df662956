"""Networks that read two frames become graphs with two image inputs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from networks import SMALL, randomised
from onnx import numpy_helper
from precision_parts import Described, described, photograph

from spikerain_edge.errors import ModelError
from spikerain_edge.images import Image
from spikerain_edge.images.metrics import psnr
from spikerain_edge.inference import Derainer
from spikerain_edge.inference.backends import made_for
from spikerain_export.artefact import seal
from spikerain_export.conversion import Artefact, Request, convert, finish, rewrite
from spikerain_export.delivery import deliver
from spikerain_export.origin import Origin, origin_of
from spikerain_export.rainy_clips import FRAMES, draw_clips
from spikerain_export.translation import prove_translation
from spikerain_export.truth import Scene
from spikerain_training.config import NetworkConfig, variants
from spikerain_training.network import SpikeRain, start_near_identity
from spikerain_training.restore import restore

VIDEO = replace(SMALL, timesteps=1, frames=2)
SIZE = (64, 80)


@pytest.fixture(scope="module")
def network() -> SpikeRain:
    return randomised(VIDEO)


@pytest.fixture(scope="module")
def origin(network: SpikeRain) -> Origin:
    # Of random weights the accuracy means nothing.
    return replace(origin_of(network, "video"), trained=False)


@pytest.fixture(scope="module")
def calm() -> Origin:
    """A network that changes pictures little and takes half of the previous frame."""
    network = randomised(VIDEO)
    start_near_identity(network)
    with torch.no_grad():
        network.output.bias[3 * VIDEO.shuffle**2 :] = 0.0  # type: ignore[index]
    return replace(origin_of(network, "calm"), trained=False)


@pytest.fixture(scope="module")
def frames() -> tuple[Image, Image]:
    """A frame, and the one before it: another place of the same photograph."""
    whole = photograph(SIZE[0], SIZE[1] + 8)
    return whole[:, 8:].copy(), whole[:, :-8].copy()


def derained(artefact: Artefact, *frames: Image) -> Image:
    backend = made_for(artefact.graph.spec)
    with Derainer.from_bytes(artefact.content, provider=backend) as derainer:
        return derainer(*frames)


def test_the_graph_agrees_with_the_network(
    network: SpikeRain, origin: Origin, frames: tuple[Image, Image]
) -> None:
    artefact = convert(origin, Request())
    assert artefact.graph.spec.image_inputs == ("image", "previous")
    for shown in (frames, frames[::-1], (frames[0],), tuple(frame[:60, :71] for frame in frames)):
        assert psnr(derained(artefact, *shown), restore(network, *shown)) >= 50
    still, moving = derained(artefact, frames[0]), derained(artefact, *frames)
    assert psnr(still, moving) < 40, "the network hardly reads the previous frame"


def test_probe_graph_and_graph_show_the_same_picture(
    origin: Origin, frames: tuple[Image, Image]
) -> None:
    artefact = convert(origin, Request())
    with Derainer.from_bytes(artefact.content, probe=artefact.probe) as derainer:
        picture, rates = derainer.derain_and_probe(*frames)
        np.testing.assert_array_equal(picture, derainer(*frames))
        still = derainer.activity(frames[0]).rates
    assert rates.shape == (len(artefact.graph.spec.neurons), 1)
    assert not np.array_equal(rates, still)


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(VIDEO, id="shuffled"),
        pytest.param(replace(VIDEO, shuffle=1), id="full size", marks=pytest.mark.slow),
        pytest.param(
            replace(VIDEO, timesteps=2, merge_finest=True),
            id="two timesteps",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_graph_equals_the_network_in_double_precision(config: NetworkConfig) -> None:
    made = randomised(config)
    files = [seal(*described(made, probe=probe))[0] for probe in (False, True)]
    found = prove_translation(made, files)
    assert found.spikes > 0


def changed(graph: Described, constant: str, *place: int) -> list[bytes]:
    """The file of a graph with one value of a constant made larger by a hundredth."""
    model, spec = graph
    (tensor,) = (each for each in model.graph.initializer if each.name == constant)
    values = numpy_helper.to_array(tensor).copy()
    values[place] += 0.01 * np.abs(values).max()
    tensor.CopyFrom(numpy_helper.from_array(values, constant))
    return [seal(model, spec)[0]]


@pytest.mark.parametrize(
    ("constant", "place"),
    [("embed/weight", (0, 4, 1, 1)), ("output/weight", (-1, 0, 1, 1)), ("output/bias", (-1,))],
    ids=["of the change", "of the share", "bias of the share"],
)
def test_a_wrong_weight_of_the_previous_frame_is_noticed(
    network: SpikeRain, constant: str, place: tuple[int, ...]
) -> None:
    with pytest.raises(ModelError, match="differs from its PyTorch network"):
        prove_translation(network, changed(described(network), constant, *place))


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(Request("fp16"), id="fp16"),
        pytest.param(Request("int8"), id="onnxruntime", marks=pytest.mark.slow),
        pytest.param(Request("int8", "openvino"), id="openvino", marks=pytest.mark.slow),
        pytest.param(Request("int8", "tensorrt"), id="tensorrt", marks=pytest.mark.slow),
    ],
)
def test_every_precision_reads_both_frames(
    calm: Origin, frames: tuple[Image, Image], request_: Request
) -> None:
    if request_.target == "openvino":
        pytest.importorskip("openvino", reason="OpenVINO is not installed")
    full, made = (
        convert(calm, each, [Scene(frames[0], previous=frames[1])])
        for each in (Request(), request_)
    )
    assert made.graph.spec.image_inputs == ("image", "previous")
    expected = derained(full, *frames)
    assert psnr(derained(made, *frames), expected) >= 38
    assert psnr(derained(made, frames[0]), expected) < 30


@pytest.mark.slow
def test_scales_are_chosen_on_both_frames(origin: Origin, frames: tuple[Image, Image]) -> None:
    scenes = [Scene(frames[0], previous=frames[1])], [Scene(frames[0])]
    moving, still = (rewrite(origin, Request("int8"), each).graph for each in scenes)
    assert moving.model.SerializeToString() != still.model.SerializeToString()


def test_a_fixed_size_is_that_of_both_inputs(origin: Origin) -> None:
    fixed = finish(rewrite(origin, Request()), origin.opset, batch=2, size=SIZE).graph
    shapes = [
        [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in fixed.model.graph.input
    ]
    assert shapes == [[2, *SIZE, 3]] * 2


@pytest.mark.slow
@pytest.mark.parametrize("request_", [Request(), Request("int8", batch=2, size=SIZE)], ids=str)
def test_an_export_is_verified_on_clips_and_written(
    origin: Origin, tmp_path: Path, request_: Request
) -> None:
    scenes = [draw_clips(3, SIZE), draw_clips(2, (48, 64))]
    made = deliver(
        origin, request_, tmp_path / "video.onnx", scenes, calibration=draw_clips(2, SIZE, 1)
    )
    assert made.document["spec"]["previous_input"] == "previous"
    assert made.document["translation"]["spikes"] > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["video.onnx", "video.probe.onnx"]


def test_nano_video_costs_little_more_than_half_of_nano() -> None:
    torch.manual_seed(0)
    spec = described(SpikeRain(variants()["nano-video"]).eval())[1]
    assert spec.macs(256, 256) <= 1.8e9


@pytest.mark.slow
def test_clips_are_seeded_and_rain_falls_from_frame_to_frame() -> None:
    scenes, again, others = (draw_clips(9, SIZE, seed) for seed in (1, 1, 2))
    assert len(scenes) == 9
    for scene, same, other in zip(scenes, again, others, strict=True):
        assert scene.previous is not None
        assert scene.clean is not None
        assert all(each.shape == (*SIZE, 3) for each in (*scene.frames, scene.clean))
        np.testing.assert_array_equal(scene.rainy, same.rainy)
        assert (scene.rainy != other.rainy).any()
        assert (scene.rainy != scene.previous).any()
        assert (scene.rainy != scene.clean).any()


def test_a_clip_may_give_one_scene_only_so_that_scenes_differ_more() -> None:
    first, second = draw_clips(2, SIZE, each=1)
    assert first.clean is not None
    assert second.clean is not None
    assert np.abs(first.clean.astype(int) - second.clean).mean() > 10


def test_half_of_the_cameras_of_clips_stand_still() -> None:
    scenes = draw_clips(8, SIZE)
    clips = [scenes[start : start + 2] for start in range(0, 8, 2)]
    moved = [
        np.abs(clip[0].clean.astype(int) - clip[-1].clean).mean()  # type: ignore[union-attr]
        for clip in clips
    ]
    assert FRAMES == 16
    assert moved[0] < min(moved[1], moved[3])
    assert moved[2] < min(moved[1], moved[3])
