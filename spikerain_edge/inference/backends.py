"""Back ends of ONNX files by name, and the one that `auto` stands for."""

from __future__ import annotations

import importlib.util
import platform

import onnxruntime

from spikerain_edge.errors import InputError
from spikerain_edge.inference.graph_engine import GraphEngine
from spikerain_edge.inference.onnx_runtime import OnnxRuntimeEngine
from spikerain_edge.inference.openvino import OpenVinoEngine
from spikerain_edge.inference.providers import CPU
from spikerain_edge.sealed_graph import read_description
from spikerain_edge.spec import ModelSpec

AUTO = "auto"
OPENVINO = "openvino"
_SUFFIX = "ExecutionProvider"
# OpenVINO was measured to be faster than ONNX Runtime on these; see docs/performance.md.
_X86 = ("x86_64", "AMD64")


def backend_named(name: str) -> str:
    """Finds a back end: `auto`, `openvino`, or an execution provider by its full or short name.

    Returns:
        `AUTO`, `OPENVINO`, or the full name of a provider: `cuda` is `CUDAExecutionProvider`.

    Raises:
        InputError: there is no such back end on this machine.
    """
    if name.lower() == AUTO:
        return AUTO
    if name.lower() == OPENVINO:
        require_openvino()
        return OPENVINO
    # Azure's provider runs no graphs: it forwards to a Microsoft service.
    offered: list[str] = onnxruntime.get_available_providers()
    available = [provider for provider in offered if "Azure" not in provider]
    for provider in available:
        if name.lower() in (provider.lower(), provider.removesuffix(_SUFFIX).lower()):
            return provider
    short = [provider.removesuffix(_SUFFIX).lower() for provider in available]
    openvino = [OPENVINO] if has_openvino() and OPENVINO not in short else []
    raise InputError(
        f"the backend {name!r} is not available on this machine",
        f"choose one of these with --backend: {', '.join([AUTO, *openvino, *short])}",
    )


def open_graph(
    content: bytes, origin: str, backend: str, threads: int | None, *, spin: bool = True
) -> GraphEngine:
    """Opens an ONNX file with a back end.

    Args:
        content: the ONNX file.
        origin: name of the file in messages.
        backend: `AUTO`, `OPENVINO`, or the full name of an execution provider.
        threads: CPU threads; all cores if None.
        spin: as for `OnnxRuntimeEngine`; OpenVINO has no such choice.

    Raises:
        InputError: the back end is not available.
        ModelError: the file cannot be loaded.
    """
    if backend == AUTO:
        backend = chosen_for(read_description(content, origin))
    if backend == OPENVINO:
        return OpenVinoEngine(content, origin, threads)
    return OnnxRuntimeEngine(content, origin, backend, threads, spin=spin)


def chosen_for(spec: ModelSpec) -> str:
    """Returns the back end that `auto` stands for: OpenVINO on x86 where it is installed.

    Graphs that were made for ONNX Runtime, and those in half precision, stay with it.
    """
    suited = spec.target in ("any", "openvino") and spec.precision != "fp16"
    return OPENVINO if suited and platform.machine() in _X86 and has_openvino() else CPU


def made_for(spec: ModelSpec) -> str:
    """Returns the back end that a graph was made for: ONNX Runtime on the CPU unless it is said."""
    return OPENVINO if spec.target == OPENVINO else CPU


def has_openvino() -> bool:
    """Whether OpenVINO is installed, without importing it."""
    return importlib.util.find_spec(OPENVINO) is not None


def require_openvino() -> None:
    """Checks that OpenVINO is installed.

    Raises:
        InputError: it is not.
    """
    if not has_openvino():
        raise InputError(
            "OpenVINO is not installed", "install it: pip install 'spikerain-edge[openvino]'"
        )
