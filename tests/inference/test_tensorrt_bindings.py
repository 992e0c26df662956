"""Checks the calls of the engine against the names and signatures of NVIDIA's bindings."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from real_bindings import Documented, jetpack_bindings, parameters, takes
from tensorrt_hardware import Hardware, cuda
from tensorrt_stand_in import engine_file, library

import spikerain_edge.inference
import spikerain_export.tensorrt
from spikerain_edge.engine_header import Profile
from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.inference import Derainer
from spikerain_edge.inference.cuda import open_cuda
from spikerain_edge.inference.tensorrt import TensorRTEngine
from spikerain_edge.inference.tensorrt_library import TENSORRT_RTX, find_library

PROFILES = Profile.fixed_at((48, 64)), Profile((16, 16), (64, 64), (96, 128))
# Only TensorRT for RTX has these names: TensorRT does not build ahead of time.
AHEAD_OF_TIME = {"ComputeCapability", "num_compute_capabilities", "set_compute_capability"}


@pytest.fixture(scope="module")
def rtx() -> Documented:
    try:
        module = find_library(TENSORRT_RTX).module
    except InputError as error:
        pytest.skip(f"the names of TensorRT for RTX are not checked: {error}")
    return {
        name: {member: getattr(kind, member).__doc__ or "" for member in dir(kind)}
        for name, kind in vars(module).items()
        if isinstance(kind, type)
    }


@pytest.fixture(scope="module")
def jetpack(tmp_path_factory: pytest.TempPathFactory) -> Documented:
    return jetpack_bindings(tmp_path_factory.mktemp("libraries"))


@pytest.fixture(scope="module", params=["rtx", "jetpack"])
def bindings(request: pytest.FixtureRequest) -> Documented:
    found: Documented = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def hardware(derainer: Derainer) -> Hardware:
    """Hardware that has recorded every call that an engine makes."""
    used = Hardware()
    with TensorRTEngine(
        engine_file(derainer.spec, *PROFILES), library=library(used, *PROFILES), cuda=cuda(used)
    ) as engine:
        for side in (48, 16):
            engine.infer(np.zeros((1, side, 64, 3), np.uint8))
        cuda(used).free_memory()
        used.failing = {"cudaMalloc"}
        with pytest.raises(ModelError):
            cuda(used).allocate(1)
        used.failing = set()
    return used


def source_names(*folders: Path) -> set[str]:
    """Collects the attribute names and string constants of the files in folders."""
    found = set()
    for path in (path for folder in folders for path in folder.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


def test_the_methods_of_tensorrt_accept_the_arguments_of_the_engine(
    hardware: Hardware, bindings: Documented
) -> None:
    calls = {call for call in hardware.calls if call.owner != "cuda"}
    assert {"IExecutionContext", "ICudaEngine", "Runtime"} <= {call.owner for call in calls}
    for call in calls:
        assert call.name in bindings[call.owner], f"{call.owner} has no {call.name}"
        documentation = bindings[call.owner][call.name]
        assert takes(documentation, call.name, call.arguments), f"{call}: {documentation[:200]}"


def test_tensorrt_has_every_constant_that_is_used(bindings: Documented) -> None:
    for owner, names in {
        "TensorIOMode": ("INPUT", "OUTPUT"),
        "DataType": ("FLOAT", "HALF", "INT8", "UINT8"),
        "ILogger": ("INTERNAL_ERROR", "ERROR"),
        "LayerType": ("CONVOLUTION", "DEQUANTIZE"),
        "LayerInformationFormat": ("JSON",),
        "ProfilingVerbosity": ("DETAILED",),
        "BuilderFlag": ("TF32",),
        "MemoryPoolType": ("WORKSPACE",),
        "NetworkDefinitionCreationFlag": ("STRONGLY_TYPED",),
        "ICudaEngine": ("num_io_tensors", "num_optimization_profiles", "create_engine_inspector"),
        "EngineInspector": ("get_engine_information",),
    }.items():
        assert set(names) <= set(bindings[owner]), owner


def test_every_name_that_is_used_also_exists_in_tensorrt_10(
    rtx: Documented, jetpack: Documented
) -> None:
    package = Path(spikerain_export.tensorrt.__file__).parent
    used = source_names(package) - AHEAD_OF_TIME
    compared = 0
    for owner, members in rtx.items():
        assert owner in jetpack or owner not in used, f"TensorRT 10 has no {owner}"
        if owner not in jetpack:
            continue
        for name in used & set(members):
            if name not in jetpack[owner]:
                # The name belongs to another class.
                assert any(name in others for others in jetpack.values()), f"{owner}.{name}"
                continue
            ours, theirs = (
                [[re.split("[:=]", part)[0] for part in each] for each in parameters(text, name)]
                for text in (members[name], jetpack[owner][name])
            )
            if len(ours) == len(theirs) == 1:
                assert ours == theirs, f"{owner}.{name}"
                compared += 1
    assert compared > 10


def test_the_functions_of_cuda_accept_the_arguments_of_the_engine(hardware: Hardware) -> None:
    runtime = cuda_runtime()
    calls = {call for call in hardware.calls if call.owner == "cuda"}
    assert len(calls) > 15
    for call in calls:
        documentation = getattr(runtime, call.name).__doc__
        signature = re.match(rf"{call.name}\((.*?)\)", documentation, re.S)
        assert signature is not None, call.name
        taken = [part for part in signature[1].split(",") if part.strip()]
        assert len(taken) == call.arguments, documentation[:100]


def test_every_name_of_cuda_that_is_used_exists(hardware: Hardware) -> None:
    runtime = cuda_runtime()
    known = set(dir(runtime))
    for kind in ("cudaError_t", "cudaMemcpyKind", "cudaStreamCaptureMode"):
        known |= set(dir(getattr(runtime, kind)))
    folder = Path(spikerain_edge.inference.__file__).parent
    used = {name for name in source_names(folder) if re.fullmatch(r"cuda[A-Z]\w+", name)}
    assert {call.name for call in hardware.calls if call.owner == "cuda"} <= used
    assert used <= known


def test_a_missing_gpu_is_reported_in_one_line() -> None:
    runtime = cuda_runtime()
    with suppress(RuntimeError):  # raised by older bindings if there is no driver
        if runtime.cudaGetDeviceCount()[1]:
            pytest.skip("this machine has a GPU")
    with pytest.raises(InputError, match=r"CUDA .*; .*an NVIDIA GPU and its driver") as raised:
        open_cuda()
    assert "\n" not in str(raised.value)


def cuda_runtime() -> Any:
    if importlib.util.find_spec("cuda") is None:
        pytest.skip("cuda-python is not installed: the names of CUDA are not checked")
    return importlib.import_module("cuda.bindings.runtime")
