from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tensorrt_hardware import Hardware, cuda
from tensorrt_stand_in import FIXED, FREE, OTHER, Context, load

from spikerain_edge.engine_header import Profile
from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.images import Image
from spikerain_edge.inference import Derainer
from spikerain_edge.inference.tensorrt import buffer_bytes, choose_profile
from spikerain_edge.inference.tensorrt_library import Messages
from spikerain_edge.inference.tensorrt_run import Buffers, EngineRun
from spikerain_edge.spec import ModelSpec

Draw = Callable[..., Image]


def test_images_go_to_the_gpu_and_come_back(
    hardware: Hardware, spec: ModelSpec, picture: Draw
) -> None:
    with load(hardware, spec, FIXED) as engine:
        for seed in range(3):
            image = picture(seed)
            assert np.array_equal(engine.infer(image[None])[0], 255 - image)


@pytest.mark.parametrize("profiles", [(FIXED,), (FIXED, OTHER), (FREE,), (OTHER, FREE)])
@pytest.mark.parametrize(("height", "width"), [(100, 300), (48, 64), (90, 120), (40, 300)])
def test_tiles_take_any_image_to_the_sizes_of_the_engine(
    hardware: Hardware,
    spec: ModelSpec,
    picture: Draw,
    profiles: tuple[Profile, ...],
    height: int,
    width: int,
) -> None:
    image = picture(1, height, width)
    with Derainer(load(hardware, spec, *profiles), tile="auto") as derainer:
        np.testing.assert_array_equal(derainer(image), 255 - image)


def test_a_later_call_does_not_change_an_earlier_result(
    hardware: Hardware, spec: ModelSpec, picture: Draw
) -> None:
    with load(hardware, spec, FIXED) as engine:
        first = engine.infer(picture(0)[None])
        kept = first.copy()
        engine.infer(picture(1)[None])
    assert np.array_equal(first, kept)


def test_a_derainer_runs_a_tensorrt_engine(
    hardware: Hardware, spec: ModelSpec, picture: Draw
) -> None:
    image = picture(0, 45, 61)
    with Derainer(load(hardware, spec, FIXED)) as derainer:
        assert np.array_equal(derainer(image), 255 - image)
        assert not derainer.can_probe


def test_a_fixed_size_is_captured_once_and_launched_as_one_graph(
    hardware: Hardware, spec: ModelSpec, picture: Draw
) -> None:
    with load(hardware, spec, FIXED) as engine:
        assert "(CUDA graph)" in engine.backend
        hardware.done.clear()
        hardware.calls.clear()
        engine.infer(picture()[None])
        assert hardware.done == ["captured up", "captured run", "captured down"]
        assert hardware.names() == ["cudaSetDevice", "cudaGraphLaunch", "cudaStreamSynchronize"]


def test_the_engine_runs_once_before_it_is_captured(hardware: Hardware, spec: ModelSpec) -> None:
    with load(hardware, spec, FIXED):
        names = hardware.names()
    assert hardware.done == ["up", "run", "down"]
    first_run = names.index("execute_async_v3")
    assert first_run < names.index("cudaStreamSynchronize") < names.index("cudaStreamBeginCapture")


@pytest.mark.parametrize(
    "failing", ["cudaStreamBeginCapture", "cudaStreamEndCapture", "cudaGraphInstantiate"]
)
def test_an_engine_whose_capture_fails_runs_without_a_cuda_graph(
    hardware: Hardware, spec: ModelSpec, picture: Draw, failing: str
) -> None:
    hardware.failing = {failing}
    image = picture()
    with load(hardware, spec, FIXED) as engine:
        hardware.captured = None
        assert "(no CUDA graph)" in engine.backend
        assert np.array_equal(engine.infer(image[None])[0], 255 - image)


def test_a_failed_capture_is_not_reported_as_the_reason_of_a_later_failure(
    hardware: Hardware,
) -> None:
    messages = Messages()

    class Complaining(Context):
        def execute_async_v3(self, stream_handle: int) -> bool:
            if hardware.captured is not None:
                messages.errors.append("not permitted while capturing")
            return True

    gpu, context = cuda(hardware), Complaining(hardware)
    pinned = gpu.pin(48)
    buffers = Buffers(pinned.address, gpu.allocate(48), pinned.array)
    run = EngineRun(gpu, gpu.stream(), context, messages)
    run.bind({"image": buffers}, {"derained": buffers})
    hardware.failing = {"cudaStreamEndCapture"}
    assert not run.capture((1, 4, 4, 3))
    hardware.captured, hardware.failing = None, {"execute_async_v3"}
    with pytest.raises(ModelError, match=r"cannot run the engine \(TensorRT gives no reason"):
        run.launch((1, 4, 4, 3))


def test_a_profile_of_several_sizes_takes_the_size_of_the_images(
    hardware: Hardware, spec: ModelSpec, picture: Draw
) -> None:
    with load(hardware, spec, FREE) as engine:
        assert "(no CUDA graph)" in engine.backend
        for height, width in ((48, 64), (96, 128), (16, 16), (48, 64)):
            image = picture(2, height, width)
            assert np.array_equal(engine.infer(image[None])[0], 255 - image)
    # One context for all sizes; the shape is set only if it changes.
    assert hardware.names().count("create_execution_context") == 1
    assert hardware.names().count("set_input_shape") == 4


def test_an_unchanged_size_is_not_set_again(
    hardware: Hardware, spec: ModelSpec, picture: Draw
) -> None:
    with load(hardware, spec, FREE) as engine:
        for _ in range(3):
            engine.infer(picture()[None])
    assert hardware.names().count("set_input_shape") == 1


def test_several_profiles_work_in_turn(hardware: Hardware, spec: ModelSpec, picture: Draw) -> None:
    with load(hardware, spec, FIXED, OTHER, FREE) as engine:
        for height, width in ((48, 64), (64, 96), (48, 64), (32, 32)):
            image = picture(3, height, width)
            assert np.array_equal(engine.infer(image[None])[0], 255 - image)
    assert hardware.names().count("set_optimization_profile_async") == 3


def test_the_backend_names_library_gpu_and_graph(hardware: Hardware, spec: ModelSpec) -> None:
    with load(hardware, spec, FIXED) as engine:
        assert engine.backend == "TensorRT 10.3.0 Orin (CUDA graph)"


def test_the_gpu_is_selected_on_the_calling_thread(hardware: Hardware, spec: ModelSpec) -> None:
    # CUDA keeps the current GPU per thread, and another thread may have created the engine.
    with load(hardware, spec, FIXED) as engine:
        hardware.calls.clear()
        engine.infer(np.zeros((1, 48, 64, 3), np.uint8))
        assert hardware.names()[0] == "cudaSetDevice"


def test_a_fixed_profile_is_preferred(spec: ModelSpec) -> None:
    images = np.zeros((1, 48, 64, 3), np.uint8)
    assert choose_profile(images, spec, [FREE, FIXED]) == 1
    assert choose_profile(images[:, :40], spec, [FREE, FIXED]) == 0


def test_buffers_have_the_size_of_the_largest_images(spec: ModelSpec) -> None:
    assert buffer_bytes(spec, [FIXED]) == 48 * 64 * 3
    assert buffer_bytes(spec, [FIXED, FREE]) == 96 * 128 * 3
    assert buffer_bytes(replace(spec, batch=4), [FIXED]) == 4 * 48 * 64 * 3


def test_a_batch_is_run_at_once(hardware: Hardware, spec: ModelSpec) -> None:
    images = np.random.default_rng(1).integers(0, 256, (2, 48, 64, 3), np.uint8)
    with load(hardware, replace(spec, batch=2), FIXED) as engine:
        assert np.array_equal(engine.infer(images), 255 - images)
        with pytest.raises(InputError, match=r"expected uint8 \(2, H, W, 3\)"):
            engine.infer(images[:1])


def test_a_file_with_the_engine_suffix_is_read_as_an_engine(tmp_path: Path) -> None:
    place = tmp_path / "nano.engine"
    place.write_bytes(b"ftrt and so on")
    with pytest.raises(
        ModelError, match=r"nano\.engine is not a SpikeRain engine file .* bare TensorRT plan"
    ):
        Derainer.load(str(place))
