from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pytest
from tensorrt_hardware import Context, Hardware, cuda, engine_file, library

from spikerain_edge.engine_header import Profile
from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.images import Image
from spikerain_edge.inference import Derainer
from spikerain_edge.inference.cuda import open_cuda
from spikerain_edge.inference.tensorrt import TensorRTEngine, buffer_bytes, choose_profile
from spikerain_edge.inference.tensorrt_library import Messages
from spikerain_edge.inference.tensorrt_run import Buffers, EngineRun
from spikerain_edge.spec import ModelSpec

Draw = Callable[..., Image]
FIXED = Profile.fixed_at((48, 64))
OTHER = Profile.fixed_at((64, 96))
FREE = Profile((16, 16), (64, 64), (96, 128))


@pytest.fixture(scope="module")
def spec(derainer: Derainer) -> ModelSpec:
    return derainer.spec


@pytest.fixture
def hardware() -> Hardware:
    return Hardware()


def load(hardware: Hardware, spec: ModelSpec, *profiles: Profile) -> TensorRTEngine:
    return TensorRTEngine(
        engine_file(spec, *profiles),
        library=library(hardware, *profiles),
        cuda=cuda(hardware),
    )


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


def test_close_releases_everything_and_may_be_called_twice(
    hardware: Hardware, spec: ModelSpec, picture: Draw
) -> None:
    engine = load(hardware, spec, FIXED, FREE)
    engine.infer(picture(0, 32, 32)[None])
    assert not hardware.idle
    engine.close()
    engine.close()
    assert hardware.idle
    with pytest.raises(ModelError, match="has been closed; load it again"):
        engine.infer(picture()[None])


@pytest.mark.parametrize(
    "failing",
    [
        *("cudaSetDevice", "cudaStreamCreateWithFlags", "cudaHostAlloc", "cudaMalloc"),
        *("deserialize_cuda_engine", "create_execution_context", "set_tensor_address"),
        *("set_optimization_profile_async", "set_input_shape", "execute_async_v3"),
        *("cudaMemcpyAsync", "cudaStreamSynchronize"),
    ],
)
def test_a_failure_while_loading_is_reported_and_everything_released(
    hardware: Hardware, spec: ModelSpec, failing: str
) -> None:
    hardware.failing = {failing}
    with pytest.raises(ModelError) as raised:
        load(hardware, spec, FIXED, OTHER)
    assert "\n" not in str(raised.value)
    if failing.startswith("cuda"):
        assert f"{failing} failed (out of memory)" in str(raised.value)
    assert hardware.idle


@pytest.mark.parametrize("failing", ["cudaGraphLaunch", "cudaStreamSynchronize"])
def test_a_failure_while_running_is_reported(
    hardware: Hardware, spec: ModelSpec, picture: Draw, failing: str
) -> None:
    with load(hardware, spec, FIXED) as engine:
        hardware.failing = {failing}
        with pytest.raises(ModelError, match=f"{failing} failed"):
            engine.infer(picture()[None])


def test_the_reason_why_tensorrt_refuses_a_plan_is_reported(
    hardware: Hardware, spec: ModelSpec
) -> None:
    with pytest.raises(ModelError) as raised:
        TensorRTEngine(
            engine_file(spec, FIXED, plan=b"another"),
            library=library(hardware, FIXED),
            cuda=cuda(hardware),
        )
    message = str(raised.value)
    assert "cannot load the engine (magic tag does not match); build it on this machine:" in message
    assert "warning" not in message


def test_an_engine_for_another_gpu_is_refused_before_it_is_deserialised(
    hardware: Hardware, spec: ModelSpec
) -> None:
    file = engine_file(spec, FIXED)
    foreign = replace(file, header=replace(file.header, capability="11.0"))
    with pytest.raises(
        ModelError, match=r"built for compute capability 11\.0, but this machine has .* 8\.7"
    ):
        TensorRTEngine(foreign, library=library(hardware, FIXED), cuda=cuda(hardware))
    assert "deserialize_cuda_engine" not in hardware.names()


def test_a_plan_that_contradicts_its_header_is_refused(hardware: Hardware, spec: ModelSpec) -> None:
    for other in (
        library(hardware, OTHER),
        library(hardware, FREE),
        library(hardware, FIXED, output="something"),
        library(hardware, FIXED, kind="float"),
    ):
        with pytest.raises(ModelError, match=r"other inputs, outputs or sizes .*build it again"):
            TensorRTEngine(engine_file(spec, FIXED), library=other, cuda=cuda(hardware))
    assert hardware.idle


def test_a_missing_gpu_is_refused(hardware: Hardware) -> None:
    with pytest.raises(InputError, match="no GPU 2 on this machine; choose a number from 0 to 1"):
        cuda(hardware, gpus=2, device=2)
    with pytest.raises(InputError, match="CUDA finds no GPU on this machine"):
        cuda(hardware, gpus=0)


def test_a_missing_cuda_python_is_reported_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", None)
    with pytest.raises(InputError, match=r"need the package cuda-python .*pip install 'cuda-py"):
        open_cuda()


def test_a_missing_driver_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> None:
        raise RuntimeError("Failed to dlopen libcuda.so.1")

    module = ModuleType("cuda.bindings.runtime")
    module.cudaGetDeviceCount = absent  # type: ignore[attr-defined]
    for name in ("cuda", "cuda.bindings"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    with pytest.raises(InputError, match=r"driver does not load \(Failed to dlopen libcuda"):
        open_cuda()


def test_the_gpu_is_selected_on_the_calling_thread(hardware: Hardware, spec: ModelSpec) -> None:
    # CUDA keeps the current GPU per thread, and another thread may have created the engine.
    with load(hardware, spec, FIXED) as engine:
        hardware.calls.clear()
        engine.infer(np.zeros((1, 48, 64, 3), np.uint8))
        assert hardware.names()[0] == "cudaSetDevice"


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((48, 64, 3), np.uint8),
        np.zeros((2, 48, 64, 3), np.uint8),
        np.zeros((1, 3, 48, 64), np.uint8),
        np.zeros((1, 48, 64, 3), np.float32),
        np.zeros((1, 44, 64, 3), np.uint8),
    ],
)
def test_images_of_a_wrong_type_or_shape_are_refused(
    hardware: Hardware, spec: ModelSpec, images: npt.NDArray[np.uint8]
) -> None:
    with load(hardware, spec, FIXED) as engine:
        hardware.calls.clear()
        with pytest.raises(InputError):
            engine.infer(images)
        assert not hardware.calls


def test_a_size_that_no_profile_accepts_is_refused_with_the_accepted_sizes(spec: ModelSpec) -> None:
    images = np.zeros((1, 240, 320, 3), np.uint8)
    with pytest.raises(InputError) as raised:
        choose_profile(images, spec, [FIXED, FREE])
    message = str(raised.value)
    assert "takes images of 64x48, 16x16 to 128x96, not 320x240" in message
    assert "--format engine --imgsz 320x240" in message


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


def test_an_onnx_runtime_provider_is_refused_for_an_engine(spec: ModelSpec, tmp_path: Path) -> None:
    place = tmp_path / "nano.engine"
    engine_file(spec, FIXED).write(place)
    with pytest.raises(InputError, match=r"TensorRT engine, .* CUDAExecutionProvider cannot run"):
        Derainer.load(str(place), provider="CUDAExecutionProvider")


def test_a_file_with_the_engine_suffix_is_read_as_an_engine(tmp_path: Path) -> None:
    place = tmp_path / "nano.engine"
    place.write_bytes(b"ftrt and so on")
    with pytest.raises(
        ModelError, match=r"nano\.engine is not a SpikeRain engine file .* bare TensorRT plan"
    ):
        Derainer.load(str(place))
