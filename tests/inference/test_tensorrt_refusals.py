"""What goes wrong with an engine is reported, and everything released."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pytest
from tensorrt_hardware import Hardware, cuda
from tensorrt_stand_in import FIXED, FREE, OTHER, engine_file, library, load

from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.images import Image
from spikerain_edge.inference import Derainer
from spikerain_edge.inference.cuda import open_cuda
from spikerain_edge.inference.tensorrt import TensorRTEngine, choose_profile
from spikerain_edge.spec import ModelSpec

Draw = Callable[..., Image]


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


def test_an_onnx_runtime_provider_is_refused_for_an_engine(spec: ModelSpec, tmp_path: Path) -> None:
    place = tmp_path / "nano.engine"
    engine_file(spec, FIXED).write(place)
    with pytest.raises(InputError, match=r"TensorRT engine, .* CUDAExecutionProvider cannot run"):
        Derainer.load(str(place), provider="CUDAExecutionProvider")
