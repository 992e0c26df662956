from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from tensorrt_hardware import Hardware, cuda
from tensorrt_stand_in import INPUTS, engine_file, library
from video_graph import video_file, video_spec

from spikerain_edge.engine_header import Profile
from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.images import Image
from spikerain_edge.images.alignment import align
from spikerain_edge.inference import Derainer
from spikerain_edge.inference.compiled_cache import CompiledCache
from spikerain_edge.inference.engine import Engine
from spikerain_edge.inference.onnx_runtime import OnnxRuntimeEngine
from spikerain_edge.inference.openvino import OpenVinoEngine
from spikerain_edge.inference.tensorrt import TensorRTEngine
from spikerain_edge.models import find_model
from spikerain_edge.sealed_graph import read_description
from spikerain_edge.spec import ModelSpec

Draw = Callable[..., Image]


@pytest.fixture(params=["onnxruntime", "openvino"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "onnxruntime":
        opened: Engine = OnnxRuntimeEngine(video_file(), "darker.onnx", threads=1)
    else:
        pytest.importorskip("openvino", reason="OpenVINO is not installed")
        opened = OpenVinoEngine(video_file(), "darker.onnx", 1, CompiledCache(tmp_path))
    with opened:
        yield opened


@pytest.fixture
def darker() -> Iterator[Derainer]:
    with Derainer.from_bytes(video_file(), probe=video_file(probe=True)) as derainer:
        yield derainer


def test_the_graph_gets_the_frame_and_the_one_before(engine: Engine, picture: Draw) -> None:
    frames = [picture(seed) for seed in range(4)]
    for before, frame in pairwise(frames):
        made = engine.infer(frame[None], before[None])
        np.testing.assert_array_equal(made[0], np.minimum(before, frame))


def test_an_image_without_a_frame_before_counts_as_unchanged(engine: Engine, picture: Draw) -> None:
    image = picture()
    np.testing.assert_array_equal(engine.infer(image[None])[0], image)


def test_the_frame_before_has_the_size_of_the_image(engine: Engine, picture: Draw) -> None:
    with pytest.raises(InputError, match="the previous frame is uint8"):
        engine.infer(picture()[None], picture(1, 48, 72)[None])


def test_tensorrt_gets_both_frames_through_memory_of_their_own(picture: Draw) -> None:
    hardware, profile = Hardware(), Profile.fixed_at((48, 64))
    with TensorRTEngine(
        engine_file(video_spec(), profile),
        library=library(hardware, profile, inputs=INPUTS),
        cuda=cuda(hardware),
    ) as engine:
        before, frame = picture(1), picture(2)
        made = engine.infer(frame[None], before[None])[0]
        np.testing.assert_array_equal(made, 255 - np.minimum(before, frame))
        np.testing.assert_array_equal(engine.infer(frame[None])[0], 255 - frame)
    assert hardware.idle


def test_an_engine_for_single_images_is_not_taken_for_one_of_video() -> None:
    hardware, profile = Hardware(), Profile.fixed_at((48, 64))
    with pytest.raises(ModelError, match="other inputs, outputs or sizes"):
        TensorRTEngine(
            engine_file(video_spec(), profile),
            library=library(hardware, profile),
            cuda=cuda(hardware),
        )


@pytest.mark.parametrize(("height", "width"), [(48, 64), (45, 61), (16, 17)])
def test_any_size_is_padded_in_both_frames(
    darker: Derainer, picture: Draw, height: int, width: int
) -> None:
    before, frame = picture(1, height, width), picture(2, height, width)
    expected = np.minimum(before, frame)
    np.testing.assert_array_equal(darker(frame, before), expected)
    derained, rates = darker.derain_and_probe(frame, before)
    np.testing.assert_array_equal(derained, expected)
    if not (height % 8 or width % 8):
        assert rates == pytest.approx((frame > before).mean())
        assert darker.activity(frame, before).rates == pytest.approx(rates)


@pytest.mark.parametrize("tile", [None, (64, 64)])
def test_the_frame_before_is_aligned_with_the_frame(
    picture: Draw, tile: tuple[int, int] | None
) -> None:
    wide = cv2.resize(picture(1, 40, 60), (240, 160), interpolation=cv2.INTER_CUBIC)
    before, frame = wide[:, :-8].copy(), wide[:, 8:].copy()
    engine = OnnxRuntimeEngine(video_file(), "darker.onnx", threads=1)
    with Derainer(engine, tile=tile) as derainer:
        derained = derainer(frame, before)
    np.testing.assert_array_equal(derained, np.minimum(align(before, frame), frame))
    assert cv2.PSNR(derained, frame) > 40 > cv2.PSNR(before, frame)


def test_tiles_see_their_own_place_of_the_frame_before(picture: Draw) -> None:
    before, frame = picture(1, 150, 210), picture(2, 150, 210)
    engine = OnnxRuntimeEngine(video_file(), "darker.onnx", threads=1)
    with Derainer(engine, tile=(64, 64)) as derainer:
        np.testing.assert_array_equal(derainer(frame, before), np.minimum(before, frame))
        np.testing.assert_array_equal(derainer(frame), frame)


@pytest.mark.parametrize("tile", [None, (64, 64)])
def test_frames_of_two_sizes_are_refused(picture: Draw, tile: tuple[int, int] | None) -> None:
    engine = OnnxRuntimeEngine(video_file(), "darker.onnx", threads=1)
    with (
        Derainer(engine, tile=tile) as derainer,
        pytest.raises(InputError, match="the previous frame is 72x48, but the image is 64x48"),
    ):
        derainer(picture(), picture(1, 48, 72))


def test_a_model_for_single_images_ignores_the_frame_before(
    derainer: Derainer, picture: Draw
) -> None:
    np.testing.assert_array_equal(derainer(picture(), picture(1)), derainer(picture()))


def test_descriptions_of_single_images_stay_as_they_were(derainer: Derainer) -> None:
    text = derainer.spec.to_json()
    assert "previous_input" not in text
    assert ModelSpec.from_json(text) == derainer.spec
    assert text.encode() in find_model("nano").graph.read()


def test_the_second_input_is_part_of_the_description() -> None:
    spec = video_spec()
    assert ModelSpec.from_json(spec.to_json()) == spec
    assert spec.image_inputs == ("image", "previous")
    assert not replace(spec, previous_input=None).reads_video


@pytest.mark.parametrize("name", ["image", 7, "two\nlines"])
def test_an_invalid_name_of_the_second_input_is_refused(name: object) -> None:
    values = json.loads(video_spec().to_json()) | {"previous_input": name}
    with pytest.raises(ModelError, match="the model description"):
        ModelSpec.from_json(json.dumps(values))


def test_a_description_without_the_second_input_does_not_fit_the_graph() -> None:
    content, spec = video_file(), video_spec()
    graph = content[: read_description(content, "darker.onnx").graph_bytes]
    other = replace(spec, previous_input=None).sealed(graph)
    with pytest.raises(ModelError, match="other inputs or outputs than its description"):
        OnnxRuntimeEngine(graph + other.to_metadata(), "darker.onnx", threads=1)
