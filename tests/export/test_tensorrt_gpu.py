"""Runs engines on a GPU; without one, these tests skip and print the reason."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tensorrt_graphs import reopened

from spikerain_edge.engine_header import AHEAD_OF_TIME, Profile
from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.images import Image
from spikerain_edge.images.metrics import psnr
from spikerain_edge.inference import Derainer, OnnxRuntimeEngine
from spikerain_edge.inference.cuda import Cuda, open_cuda
from spikerain_edge.inference.tensorrt import TensorRTEngine
from spikerain_edge.inference.tensorrt_library import find_library
from spikerain_edge.models import find_model
from spikerain_export.artefact import seal
from spikerain_export.precision import to_half, to_int8
from spikerain_export.tensorrt import BuildSettings, EngineCache, build_cached

FIXED, FREE = Profile.fixed_at((48, 64)), Profile((16, 16), (64, 64), (96, 128))


@pytest.fixture(scope="module")
def gpu() -> Cuda:
    try:
        find_library()
        return open_cuda()
    except InputError as error:
        pytest.skip(f"no engine can be run: {error}")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> EngineCache:
    return EngineCache(tmp_path_factory.mktemp("engines"))


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize("profile", [FIXED, FREE], ids=["static", "dynamic"])
def test_an_engine_agrees_with_onnx_runtime(
    gpu: Cuda,
    cache: EngineCache,
    derainer: Derainer,
    picture: Callable[..., Image],
    precision: str,
    profile: Profile,
) -> None:
    model = reopened(find_model("nano").graph.read())
    made = {
        "fp32": lambda: (model, derainer.spec),
        "fp16": lambda: to_half(model, derainer.spec),
        "int8": lambda: to_int8(model, derainer.spec, "tensorrt"),
    }[precision]()
    content, spec = seal(*made)
    file = build_cached(content, spec, BuildSettings((profile,)), cache)
    assert file.header.gpu == gpu.gpu.name != AHEAD_OF_TIME
    with (
        TensorRTEngine(file, cuda=gpu) as engine,
        OnnxRuntimeEngine(content, precision, threads=1) as oracle,
    ):
        assert ("(CUDA graph)" in engine.backend) == profile.fixed
        for seed in range(3):
            images = picture(seed)[None]
            assert psnr(engine.infer(images), oracle.infer(images)) > 40


def test_an_engine_file_runs_like_any_other_model(
    gpu: Cuda, cache: EngineCache, derainer: Derainer, picture: Callable[..., Image], tmp_path: Path
) -> None:
    content = find_model("nano").graph.read()
    file = build_cached(content, derainer.spec, BuildSettings((FREE,)), cache)
    file.write(tmp_path / "nano.engine")
    image = picture(4, 45, 61)
    with Derainer.load(str(tmp_path / "nano.engine"), probe=True) as found:
        assert not found.can_probe
        assert psnr(found(image), derainer(image)) > 50


def test_a_header_that_contradicts_its_plan_is_rejected(
    gpu: Cuda, cache: EngineCache, derainer: Derainer
) -> None:
    content = find_model("nano").graph.read()
    file = build_cached(content, derainer.spec, BuildSettings((FREE,)), cache)
    lying = replace(file, header=replace(file.header, profiles=(FIXED,)))
    with pytest.raises(ModelError, match="other inputs, outputs or sizes than its header says"):
        TensorRTEngine(lying, cuda=gpu)


def test_free_gpu_memory_is_reported(gpu: Cuda) -> None:
    free = gpu.free_memory()
    assert free > 1 << 20
    assert math.isfinite(free)
