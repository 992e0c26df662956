"""The ONNX Runtime engine: runs exported ONNX graphs."""

from __future__ import annotations

import os
from typing import Any

import numpy.typing as npt
import onnxruntime

from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.inference.engine import Activity, Closing, Images, Rates, require_images
from spikerain_edge.inference.providers import CPU, RECORD_ASSIGNMENT, left_to_cpu
from spikerain_edge.sealed_graph import read_description
from spikerain_edge.spec import ModelSpec

# Messages of ONNX Runtime and its providers when memory runs out: there is no error class for it.
_NO_MEMORY = ("allocate memory", "bad_alloc", "out of memory", "out_of_memory")


class OnnxRuntimeEngine(Closing):
    """Runs a SpikeRain graph with ONNX Runtime.

    Args:
        content: the ONNX file.
        origin: name of the file in messages.
        provider: execution provider, such as `CUDAExecutionProvider`.
        threads: CPU threads; all cores if None.

    Raises:
        InputError: the provider is not available.
        ModelError: the file is not an ONNX graph or not a SpikeRain graph, has an unsupported
            version, or was changed after export; or the provider leaves convolutions to the CPU.
    """

    def __init__(
        self, content: bytes, origin: str, provider: str = CPU, threads: int | None = None
    ) -> None:
        available = onnxruntime.get_available_providers()
        if provider not in available:
            raise InputError(
                f"the execution provider {provider} is not available on this machine",
                f"choose one of: {', '.join(available)}",
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or len(os.sched_getaffinity(0))
        options.log_severity_level = 3
        # The file is checked before ONNX Runtime parses it.
        self.spec = read_description(content, origin)
        session = _open(content, origin, options, provider)
        _require_tensors(session, self.spec, origin)
        self._session: onnxruntime.InferenceSession | None = session
        note = "" if provider == CPU else left_to_cpu(session, provider, origin)
        self.backend = f"onnxruntime {onnxruntime.__version__} {provider}{note}"

    def infer(self, images: Images) -> Images:
        """Derains images; see `Engine.infer`.

        Raises:
            InputError: the type, shape or size of the images is not supported, or memory is short.
            ModelError: ONNX Runtime fails, or the engine has been closed.
        """
        (derained,) = self._run(images, [self.spec.image_output])
        return derained

    def probe(self, images: Images) -> tuple[Images, Rates]:
        """Derains images and measures the firing rates of the neuron layers.

        Args:
            images: as for `infer`.

        Returns:
            The derained images, and the firing rates, float32 (layers, T).

        Raises:
            InputError: the type, shape or size of the images is not supported.
            ModelError: the graph is not a probe graph, ONNX Runtime fails, or the engine has been
                closed.
        """
        self._require_probe()
        derained, rates = self._run(images, [self.spec.image_output, self.spec.rates_output])
        return derained, rates

    def activity(self, images: Images) -> Activity:
        """Measures the activity of the neurons on images.

        Args:
            images: as for `infer`.

        Raises:
            InputError: the type, shape or size of the images is not supported.
            ModelError: the graph is not a probe graph, ONNX Runtime fails, or the engine has been
                closed.
        """
        self._require_probe()
        rates, silent = self._run(images, [self.spec.rates_output, self.spec.silent_output])
        return Activity(rates, silent)

    def close(self) -> None:
        """Releases the session; the engine cannot be used afterwards."""
        self._session = None

    def _require_probe(self) -> None:
        if not self.spec.probe:
            raise ModelError(
                f"{self.spec.name} is not a probe graph", "load its .probe.onnx file instead"
            )

    def _run(self, images: Images, outputs: list[str]) -> list[npt.NDArray[Any]]:
        require_images(images, self.spec)
        _require_size(images, self.spec)
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
                    "scale it down: spikerain-edge run --imgsz WxH, or close other programs",
                ) from error
            raise ModelError(
                f"ONNX Runtime failed on an image of {images.shape[2]}x{images.shape[1]} "
                f"({_reason(error)})",
                "try smaller images, or export the model again: spikerain-edge export MODEL",
            ) from error
        return results


def _require_size(images: Images, spec: ModelSpec) -> None:
    """Checks that a graph of a fixed size gets images of that size.

    Raises:
        InputError: the images have another size.
    """
    height, width = images.shape[1:3]
    if spec.height and (height, width) != (spec.height, spec.width):
        raise InputError(
            f"{spec.name} takes images of {spec.width}x{spec.height} only, not {width}x{height}",
            f"scale them: spikerain-edge run --imgsz {spec.width}x{spec.height}, or export the "
            "model without --imgsz",
        )


def _is_of_onnx_runtime(error: Exception) -> bool:
    """Whether ONNX Runtime raised an error; its error classes share no base class.

    If the message is not valid text, Python raises a UnicodeDecodeError instead.
    """
    return isinstance(error, (RuntimeError, UnicodeDecodeError)) or type(
        error
    ).__module__.startswith("onnxruntime")


def _open(
    content: bytes, origin: str, options: onnxruntime.SessionOptions, provider: str
) -> onnxruntime.InferenceSession:
    if provider != CPU:
        options.add_session_config_entry(RECORD_ASSIGNMENT, "1")
    try:
        session = onnxruntime.InferenceSession(content, options, providers=[provider])
    except Exception as error:
        if not _is_of_onnx_runtime(error):
            raise
        raise ModelError(
            f"{origin} is not a usable ONNX graph ({_reason(error)})",
            "export it again: spikerain-edge export MODEL",
        ) from error
    # If the libraries of a provider do not load, ONNX Runtime falls back to the CPU.
    if session.get_providers()[0] != provider:
        raise ModelError(
            f"ONNX Runtime could not start {provider}",
            "run again with --debug to see which library is missing, or use --backend cpu",
        )
    return session


def _require_tensors(session: onnxruntime.InferenceSession, spec: ModelSpec, origin: str) -> None:
    """Checks that a graph has the inputs and outputs that its description states.

    Raises:
        ModelError: a name, type or rank of an input or output differs from the description.
    """
    wanted = {spec.image_input: ("tensor(uint8)", 4), spec.image_output: ("tensor(uint8)", 4)}
    if spec.probe:
        wanted |= {spec.rates_output: ("tensor(float)", 2)}
        wanted |= {spec.silent_output: ("tensor(float)", 1)}
    found = [*session.get_inputs(), *session.get_outputs()]
    if {each.name: (each.type, len(each.shape)) for each in found} != wanted:
        raise ModelError(
            f"{origin} has other inputs or outputs than its description states",
            "export the model again: spikerain-edge export MODEL",
        )


def _reason(error: Exception) -> str:
    """Returns the message of ONNX Runtime in one line of printable characters.

    Messages repeat names from the file, which may contain control characters.
    """
    text = " ".join(str(error).split())[:200]
    return "".join(character if character.isprintable() else "?" for character in text)
