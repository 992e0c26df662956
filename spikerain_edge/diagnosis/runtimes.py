"""Checks Python, the runtimes that execute the network, and the shipped models."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from spikerain_edge.caches import cache_folder
from spikerain_edge.diagnosis.finding import Finding, Status, absent, failed, found
from spikerain_edge.errors import InputError, SpikeRainError
from spikerain_edge.inference import Derainer
from spikerain_edge.inference.cuda import open_cuda
from spikerain_edge.inference.tensorrt_library import find_library
from spikerain_edge.models import find_model, shipped_models
from spikerain_edge.system import read_text

_SIDE = 64


def check_python() -> Iterator[Finding]:
    """Reports Python and the version of this package."""
    yield found("software", "Python", f"{platform.python_version()}, {sys.executable}")
    yield found("software", "spikerain-edge", version("spikerain-edge"))


def check_onnx_runtime() -> Iterator[Finding]:
    """Reports ONNX Runtime and its execution providers."""
    import onnxruntime

    providers = [
        name.removesuffix("ExecutionProvider").lower()
        for name in onnxruntime.get_available_providers()
        if "Azure" not in name
    ]
    detail = f"{onnxruntime.__version__}, providers: {', '.join(providers)}"
    yield found("runtimes", "ONNX Runtime", detail)


def check_openvino() -> Iterator[Finding]:
    """Reports OpenVINO and its devices."""
    if find_spec("openvino") is None:
        fix = "pip install 'spikerain-edge[openvino]'"
        yield absent("runtimes", "OpenVINO", "not installed; it is faster on x86 CPUs", fix)
        return
    try:
        core = import_module("openvino").Core()
    except (ImportError, OSError, RuntimeError) as error:
        detail = f"does not load: {' '.join(str(error).split())[:160]}"
        yield absent("runtimes", "OpenVINO", detail, "pip install --force-reinstall openvino")
        return
    devices = ", ".join(core.available_devices) or "none"
    yield found("runtimes", "OpenVINO", f"{version('openvino')}, devices: {devices}")


def check_tensorrt() -> Iterator[Finding]:
    """Reports TensorRT and whether it can build engines here."""
    try:
        library = find_library()
    except SpikeRainError as error:
        yield failed("runtimes", "TensorRT", error, Status.ABSENT)
        return
    try:
        gpu = open_cuda().gpu
    except SpikeRainError as error:
        if library.ahead_of_time:
            detail = f"{library.name} {library.version}: builds engines ahead of time"
            yield found("runtimes", "TensorRT", f"{detail}; runs none here ({error.cause})")
        else:
            detail = f"{library.name} {library.version}: no engine can be built ({error.cause})"
            yield absent("runtimes", "TensorRT", detail, error.remedy)
        return
    detail = f"{library.name} {library.version}: builds engines for {gpu.name}"
    yield found("runtimes", "TensorRT", f"{detail}, compute capability {gpu.capability}")


def check_cuda(root: Path = Path("/")) -> Iterator[Finding]:
    """Reports the CUDA driver.

    Args:
        root: where the file system starts.
    """
    driver = read_text(root, "proc/driver/nvidia/version").partition("\n")[0]
    if driver:
        yield found("runtimes", "CUDA driver", driver)
    else:
        yield absent("runtimes", "CUDA driver", "no NVIDIA driver is loaded; runs use the CPU")


def check_models() -> Iterator[Finding]:
    """Checks the SHA-256 of every shipped file, and derains a small image with the default."""
    for name in shipped_models():
        try:
            model = find_model(name)
            sizes = [len(file.read()) for file in (model.graph, model.probe) if file is not None]
        except SpikeRainError as error:
            yield failed("models", name, error, Status.BROKEN)
        else:
            yield found("models", name, f"{sum(sizes) / 1e6:.1f} MB, SHA-256 correct")
    yield _try_out()


def check_cache() -> Iterator[Finding]:
    """Reports what engines and compiled graphs are kept."""
    try:
        folder = cache_folder()
    except InputError as error:
        yield absent("runtimes", "engine cache", error.cause, error.remedy)
        return
    sizes = []
    for path in folder.rglob("*"):
        # Another program may delete a file meanwhile.
        with suppress(OSError):
            sizes += [path.stat().st_size] if path.is_file() else []
    total = f"{len(sizes)} files, {sum(sizes) / 1e6:.0f} MB in {folder}"
    yield found("runtimes", "engine cache", total)


def check_extras() -> Iterator[Finding]:
    """Reports the optional packages and what they are for."""
    for package, extra, task in (
        ("onnx", "export", "spikerain-edge export"),
        ("torch", "train", "spikerain-train"),
    ):
        try:
            yield found("software", package, f"{version(package)}, for {task}")
        except PackageNotFoundError:
            fix = f"pip install 'spikerain-edge[{extra}]'"
            yield absent("software", package, f"not installed; {task} needs it", fix)


def _try_out() -> Finding:
    """Derains one small image with the default model, on the CPU."""
    image = np.full((_SIDE, _SIDE, 3), 128, np.uint8)
    try:
        with Derainer.load("nano") as derainer:
            derainer(image)
            begun = time.perf_counter()
            derainer(image)
            taken = 1000 * (time.perf_counter() - begun)
            backend = derainer.backend
    except (SpikeRainError, MemoryError) as error:
        cause = error if isinstance(error, SpikeRainError) else InputError("out of memory", "")
        return failed("models", "trial", cause, Status.BROKEN)
    return found("models", "trial", f"nano derains {_SIDE}x{_SIDE} in {taken:.0f} ms on {backend}")
