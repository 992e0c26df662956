"""ONNX Runtime engine."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.inference.engine import Activity, Closing, Images, Rates
from spikerain_edge.sealed_graph import read_description
from spikerain_edge.spec import ModelSpec

CPU = "CPUExecutionProvider"
_PROVIDER = "ExecutionProvider"
_TELL_PLACES = "session.record_ep_graph_assignment_info"
# Parts of the names of operators, fused ones too, in which nearly all of the work is.
_HEAVY = ("Conv", "Gemm", "MatMul")

# What ONNX Runtime and its providers say where memory runs out; it has no error of its own.
_NO_MEMORY = ("allocate memory", "bad_alloc", "out of memory", "out_of_memory")


class OnnxRuntimeEngine(Closing):
    """Runs a sealed SpikeRain graph with ONNX Runtime.

    Args:
        content: the ONNX file.
        origin: what to call it in messages.
        provider: execution provider; asking for one that is absent is an error.
        threads: threads within an operator; all cores unless given.

    Raises:
        InputError: the provider is not available.
        ModelError: the file is no ONNX graph, no SpikeRain graph, of another version, or changed;
            or the provider would leave convolutions to the CPU.
    """

    def __init__(
        self, content: bytes, origin: str, provider: str = CPU, threads: int | None = None
    ) -> None:
        available = onnxruntime.get_available_providers()
        if provider not in available:
            raise InputError(
                f"the execution provider {provider} is not available here",
                f"choose one of {', '.join(available)}",
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or len(os.sched_getaffinity(0))
        options.log_severity_level = 3
        # ONNX Runtime gets nothing to read that is not as it was exported.
        self.spec = read_description(content, origin)
        session = _open(content, origin, options, provider)
        _require_tensors(session, self.spec, origin)
        self._session: onnxruntime.InferenceSession | None = session
        left = "" if provider == CPU else left_to_cpu(session, provider, origin)
        self.backend = f"onnxruntime {onnxruntime.__version__} {provider}{left}"

    def infer(self, images: Images) -> Images:
        """Derains uint8 (batch, H, W, 3) BGR images whose sides are multiples of the stride.

        Raises:
            InputError: type, shape or size cannot be served, or there is not enough memory for it.
            ModelError: ONNX Runtime fails, or the engine has been closed.
        """
        (derained,) = self._run(images, [self.spec.image_output])
        return derained

    def probe(self, images: Images) -> tuple[Images, Rates]:
        """What `infer` returns, and the firing rate of every neuron layer, float32 (layers, T).

        Raises:
            ModelError: the graph is no probe graph.
        """
        self._require_probe()
        derained, rates = self._run(images, [self.spec.image_output, self.spec.rates_output])
        return derained, rates

    def activity(self, images: Images) -> Activity:
        """What the neurons do on the images that `infer` takes.

        Raises:
            ModelError: the graph is no probe graph.
        """
        self._require_probe()
        rates, silent = self._run(images, [self.spec.rates_output, self.spec.silent_output])
        return Activity(rates, silent)

    def close(self) -> None:
        """Releases the session; nothing can be run any more."""
        self._session = None

    def _require_probe(self) -> None:
        if not self.spec.probe:
            raise ModelError(
                f"{self.spec.name} is no probe graph", "load the .probe.onnx beside it"
            )

    def _run(self, images: Images, outputs: list[str]) -> list[npt.NDArray[Any]]:
        _require_images(images, self.spec)
        if self._session is None:
            raise ModelError(f"the model {self.spec.name} has been closed", "load it again")
        try:
            results: list[npt.NDArray[Any]] = self._session.run(
                outputs, {self.spec.image_input: images}
            )
        except Exception as error:
            if not _is_of_onnx_runtime(error):
                raise
            if any(words in str(error).lower() for words in _NO_MEMORY):
                raise InputError(
                    f"not enough memory for an image of {images.shape[2]}x{images.shape[1]}",
                    "scale it down (run --imgsz WxH), or free memory",
                ) from error
            raise ModelError(
                f"ONNX Runtime failed on an image of {images.shape[2]}x{images.shape[1]} "
                f"({_reason(error)})",
                "try smaller images or export the model again",
            ) from error
        return results


def _require_images(images: Images, spec: ModelSpec) -> None:
    """Lets images pass that the graph takes.

    Raises:
        InputError: it takes others.
    """
    expected, stride = (spec.batch, 3), spec.stride
    if images.ndim != 4 or images.dtype != np.uint8 or images.shape[0::3] != expected:
        raise InputError(
            f"expected uint8 ({spec.batch}, H, W, 3), got {images.dtype} {images.shape}",
            "make it with Derainer.prepare(image)",
        )
    height, width = images.shape[1:3]
    if height % stride or width % stride:
        raise InputError(
            f"height and width must be multiples of {stride}: {images.shape}",
            "pad them with Derainer.prepare(image)",
        )
    if spec.height and (height, width) != (spec.height, spec.width):
        raise InputError(
            f"{spec.name} takes images of {spec.width}x{spec.height} only, not {width}x{height}",
            f"scale them (run --imgsz {spec.width}x{spec.height}), or export it without --imgsz",
        )


def _is_of_onnx_runtime(error: Exception) -> bool:
    """Whether ONNX Runtime raised it; its classes share no base.

    Where its message is no text, Python raises another error in its place.
    """
    return isinstance(error, (RuntimeError, UnicodeDecodeError)) or type(
        error
    ).__module__.startswith("onnxruntime")


def provider_named(name: str) -> str:
    """An execution provider by its full or short name: `cuda` is `CUDAExecutionProvider`.

    Raises:
        InputError: there is none of this name here.
    """
    # Azure's only forwards to a service of Microsoft's; it runs no graph.
    offered: list[str] = onnxruntime.get_available_providers()
    available = [provider for provider in offered if "Azure" not in provider]
    for provider in available:
        if name.lower() in (provider.lower(), provider.removesuffix(_PROVIDER).lower()):
            return provider
    short = ", ".join(provider.removesuffix(_PROVIDER).lower() for provider in available)
    raise InputError(f"the backend {name!r} is not available here", f"choose one of {short}")


def _open(
    content: bytes, origin: str, options: onnxruntime.SessionOptions, provider: str
) -> onnxruntime.InferenceSession:
    if provider != CPU:
        options.add_session_config_entry(_TELL_PLACES, "1")
    try:
        session = onnxruntime.InferenceSession(content, options, providers=[provider])
    except Exception as error:
        if not _is_of_onnx_runtime(error):
            raise
        raise ModelError(
            f"{origin} is no usable ONNX graph ({_reason(error)})", "export it again"
        ) from error
    # Where a provider's libraries do not load, ONNX Runtime goes on with the CPU.
    if session.get_providers()[0] != provider:
        raise ModelError(
            f"ONNX Runtime could not start {provider}",
            "run with --debug to see what its libraries lack, or choose another provider",
        )
    return session


def left_to_cpu(session: onnxruntime.InferenceSession, provider: str, origin: str) -> str:
    """Says which share of a graph the CPU computes, since ONNX Runtime gives it what others lack.

    A few nodes may well be there, such as those that compute sizes, but no convolution.

    Returns:
        Words to add to the backend's name; none where all of the graph is where it should be.

    Raises:
        ModelError: the CPU computes convolutions.
    """
    if not hasattr(session, "get_provider_graph_assignment_info"):
        return " (share of the CPU unknown to this version)"
    placed = [
        (part.ep_name == CPU, node.op_type)
        for part in session.get_provider_graph_assignment_info()
        for node in part.get_nodes()
    ]
    heavy = [on_cpu for on_cpu, operator in placed if any(name in operator for name in _HEAVY)]
    if any(heavy):
        raise ModelError(
            f"{provider} leaves {sum(heavy)} of {len(heavy)} convolutions of {origin} to the CPU",
            "choose --backend cpu, or export the model in another precision",
        )
    aside = sum(on_cpu for on_cpu, _ in placed)
    return f" ({aside} of {len(placed)} nodes on the CPU)" if aside else ""


def _require_tensors(session: onnxruntime.InferenceSession, spec: ModelSpec, origin: str) -> None:
    """Checks that a graph takes and returns what its description says.

    Raises:
        ModelError: it has other inputs or outputs.
    """
    wanted = {spec.image_input: ("tensor(uint8)", 4), spec.image_output: ("tensor(uint8)", 4)}
    if spec.probe:
        wanted |= {spec.rates_output: ("tensor(float)", 2)}
        wanted |= {spec.silent_output: ("tensor(float)", 1)}
    found = [*session.get_inputs(), *session.get_outputs()]
    if {each.name: (each.type, len(each.shape)) for each in found} != wanted:
        raise ModelError(
            f"{origin} has other inputs or outputs than its description says", "export it again"
        )


def _reason(error: Exception) -> str:
    """What ONNX Runtime says, whose errors share no base class, in one line.

    It repeats names from the file, which may hold anything.
    """
    text = " ".join(str(error).split())[:200]
    return "".join(character if character.isprintable() else "?" for character in text)
