"""The ONNX Runtime engine: runs exported ONNX graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt
import onnxruntime

from spikerain_edge.cores import usable_cores
from spikerain_edge.errors import InputError, ModelError, TooLargeError
from spikerain_edge.inference.arena import save_memory
from spikerain_edge.inference.engine import Images
from spikerain_edge.inference.graph_engine import GraphEngine, reason_of
from spikerain_edge.inference.providers import CPU, RECORD_ASSIGNMENT, left_to_cpu
from spikerain_edge.sealed_graph import read_description
from spikerain_edge.spec import ModelSpec

# Messages of ONNX Runtime and its providers when memory runs out: there is no error class for it.
_NO_MEMORY = ("allocate memory", "bad_alloc", "out of memory", "out_of_memory")


class OnnxRuntimeEngine(GraphEngine):
    """Runs a SpikeRain graph with ONNX Runtime.

    Args:
        content: the ONNX file.
        origin: name of the file in messages.
        provider: execution provider, such as `CUDAExecutionProvider`.
        threads: CPU threads; all cores if None.
        spin: whether threads that wait keep their core. That is faster, unless other work, such as
            an encoder, needs the cores.

    Raises:
        InputError: the provider is not available.
        ModelError: the file is not an ONNX graph or not a SpikeRain graph, has an unsupported
            version, or was changed after export; or the provider leaves convolutions to the CPU.
    """

    def __init__(
        self,
        content: bytes,
        origin: str,
        provider: str = CPU,
        threads: int | None = None,
        *,
        spin: bool = True,
    ) -> None:
        available = onnxruntime.get_available_providers()
        if provider not in available:
            raise InputError(
                f"the execution provider {provider} is not available on this machine",
                f"choose one of: {', '.join(available)}",
            )
        # The file is checked before ONNX Runtime parses it.
        self.spec = read_description(content, origin)
        options = session_options(self.spec, provider, threads, spin=spin)
        session = _open(content, origin, options, provider)
        _require_tensors(session, self.spec, origin)
        self._run_options = onnxruntime.RunOptions()
        self._session: onnxruntime.InferenceSession | None = session
        note = "" if provider == CPU else left_to_cpu(session, provider, origin)
        if self.spec.target == "openvino":
            note += " (in float32: the graph was made for OpenVINO)"
        self.backend = f"onnxruntime {onnxruntime.__version__} {provider}{note}"

    def close(self) -> None:
        """Releases the session; the engine cannot be used afterwards."""
        self._session = None

    def interrupt(self) -> None:
        """Ends a computation after its current operation; all that follow fail."""
        self._run_options.terminate = True

    def _compute(
        self, inputs: Mapping[str, Images], outputs: Sequence[str]
    ) -> list[npt.NDArray[Any]]:
        if self._session is None:
            raise ModelError(f"the model {self.spec.name} has been closed", "load it again")
        images = inputs[self.spec.image_input]
        try:
            results: list[npt.NDArray[Any]] = self._session.run(
                list(outputs), dict(inputs), self._run_options
            )
        except Exception as error:
            if not _is_of_onnx_runtime(error):
                raise
            if any(words in str(error).lower() for words in _NO_MEMORY):
                raise TooLargeError.of(*images.shape[1:3]) from error
            raise ModelError(
                f"ONNX Runtime failed on an image of {images.shape[2]}x{images.shape[1]} "
                f"({reason_of(error)})",
                "try smaller images, or export the model again: spikerain-edge export MODEL",
            ) from error
        return results


def session_options(
    spec: ModelSpec, provider: str = CPU, threads: int | None = None, *, spin: bool = True
) -> onnxruntime.SessionOptions:
    """Returns the options with which a graph is opened; the arguments are those of the engine."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or usable_cores()
    options.log_severity_level = 3
    if not spin:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if provider == CPU:
        save_memory(options, probe=spec.probe)
    if spec.target == "onnxruntime":
        # The graph has its integer operators already. ONNX Runtime would look for more, and first
        # convert bytes to float32 once for each operator that reads them.
        options.add_session_config_entry("session.disable_quant_qdq", "1")
    return options


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
            f"{origin} is not a usable ONNX graph ({reason_of(error)})",
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
    wanted = dict.fromkeys((*spec.image_inputs, spec.image_output), ("tensor(uint8)", 4))
    if spec.probe:
        wanted |= {spec.rates_output: ("tensor(float)", 2)}
        wanted |= {spec.silent_output: ("tensor(float)", 1)}
    found = [*session.get_inputs(), *session.get_outputs()]
    if {each.name: (each.type, len(each.shape)) for each in found} != wanted:
        raise ModelError(
            f"{origin} has other inputs or outputs than its description states",
            "export the model again: spikerain-edge export MODEL",
        )
