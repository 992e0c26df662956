"""The OpenVINO engine: runs exported ONNX graphs on x86 processors.

A graph is compiled for each image size when the first image of that size arrives. Compiled graphs
are kept on disk, so that the next start is faster.
"""

from __future__ import annotations

import importlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from spikerain_edge.cores import usable_cores
from spikerain_edge.errors import InputError, ModelError, TooLargeError
from spikerain_edge.inference.compiled_cache import CompiledCache
from spikerain_edge.inference.engine import Images
from spikerain_edge.inference.graph_engine import GraphEngine, reason_of
from spikerain_edge.inference.openvino_graph import require_integers
from spikerain_edge.inference.openvino_probe import count_early
from spikerain_edge.sealed_graph import read_description
from spikerain_edge.spec import ModelSpec

_DEVICE = "CPU"
# Compiled sizes in memory: each holds memory for its intermediate results.
_SIZES = 2
_NO_MEMORY = ("allocate", "bad_alloc", "out of memory")
_AGAIN = "export the model again: spikerain-edge export MODEL"


def load_library() -> Any:
    """Imports OpenVINO.

    Only its runtime is used. What OpenVINO reports to Intel is reported by its converter of
    models, which is never called.

    Raises:
        InputError: OpenVINO is not installed or does not load.
    """
    try:
        return importlib.import_module("openvino")
    except (ImportError, OSError) as error:
        raise InputError(
            f"OpenVINO does not load ({reason_of(error)})",
            "install it: pip install 'spikerain-edge[openvino]'",
        ) from error


class OpenVinoEngine(GraphEngine):
    """Runs a SpikeRain graph with OpenVINO on the CPU.

    Computes in float32, or in integers where the graph says so, and never in less.

    Args:
        content: the ONNX file.
        origin: name of the file in messages.
        threads: CPU threads; all cores if None.
        cache: where compiled graphs are kept; None for the user's cache folder.

    Raises:
        InputError: OpenVINO is not installed.
        ModelError: the file is not an ONNX graph or not a SpikeRain graph, has an unsupported
            version, was changed after export, or was made for another runtime.
    """

    def __init__(
        self,
        content: bytes,
        origin: str,
        threads: int | None = None,
        cache: CompiledCache | None = None,
    ) -> None:
        # The file is checked before OpenVINO parses it.
        self.spec = read_description(content, origin)
        _require_target(self.spec, origin)
        self._library = load_library()
        self._core = self._library.Core()
        self._origin = origin
        self._settings = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": threads or usable_cores(),
            "NUM_STREAMS": 1,
            # By default every process binds its threads to the same cores, from the first one on.
            "ENABLE_CPU_PINNING": False,
            "PERFORMANCE_HINT": "LATENCY",
        }
        self._cache = cache or CompiledCache()
        self._model = _read(self._core, content, origin)
        _require_tensors(self._model, self.spec, origin)
        self._requests: OrderedDict[tuple[int, ...], Any] = OrderedDict()
        self._interrupted = False
        version = str(self._library.__version__).partition("-")[0]
        note = ", in float32" if self.spec.precision == "fp16" else ""
        self.backend = f"openvino {version} {_DEVICE}{note}"
        if self.spec.height:
            self._request((self.spec.batch, self.spec.height, self.spec.width, 3))

    def close(self) -> None:
        """Releases the compiled graphs; the engine cannot be used afterwards."""
        self._model = None
        self._requests.clear()

    def interrupt(self) -> None:
        """Ends a computation after its current operation; all that follow fail."""
        self._interrupted = True
        for request in list(self._requests.values()):
            request.cancel()

    def _compute(
        self, inputs: Mapping[str, Images], outputs: Sequence[str]
    ) -> list[npt.NDArray[Any]]:
        if self._interrupted:
            raise ModelError("the computation has been interrupted", "load the model again")
        if self._model is None:
            raise ModelError(f"the model {self.spec.name} has been closed", "load it again")
        images = inputs[self.spec.image_input]
        try:
            request = self._request(images.shape)
            return self._infer(request, inputs, outputs)
        except (RuntimeError, MemoryError) as error:
            if any(words in str(error).lower() for words in _NO_MEMORY):
                raise TooLargeError.of(*images.shape[1:3]) from error
            raise ModelError(
                f"OpenVINO failed on an image of {images.shape[2]}x{images.shape[1]} "
                f"({reason_of(error)})",
                "use --backend cpu, or export the model again: spikerain-edge export MODEL",
            ) from error

    def _infer(
        self, request: Any, inputs: Mapping[str, Images], outputs: Sequence[str]
    ) -> list[npt.NDArray[Any]]:
        """Runs a request on the memory of the images and of a new array for the result."""
        tensor = self._library.Tensor
        derained = np.empty_like(inputs[self.spec.image_input])
        for name, images in inputs.items():
            request.set_tensor(name, tensor(images, shared_memory=True))
        request.set_tensor(self.spec.image_output, tensor(derained, shared_memory=True))
        request.infer()
        return [
            derained if name == self.spec.image_output else request.get_tensor(name).data.copy()
            for name in outputs
        ]

    def _request(self, shape: tuple[int, ...]) -> Any:
        """Returns the request for images of one shape; compiles the graph on first use."""
        if shape not in self._requests:
            while len(self._requests) >= _SIZES:
                self._requests.popitem(last=False)
            self._requests[shape] = self._compiled(shape).create_infer_request()
        self._requests.move_to_end(shape)
        return self._requests[shape]

    def _compiled(self, shape: tuple[int, ...]) -> Any:
        key = self._cache.key(
            self.spec.graph_sha256,
            "counts early",
            *shape,
            self._library.__version__,
            self._core.get_property(_DEVICE, "FULL_DEVICE_NAME"),
            sorted(self._core.get_property(_DEVICE, "OPTIMIZATION_CAPABILITIES")),
            sorted(self._settings.items()),
        )
        compiled = self._cache.find(key, lambda file: self._import(file))
        if compiled is None:
            model = self._model.clone()
            model.reshape({name: list(shape) for name in self.spec.image_inputs})
            if self.spec.probe:
                model = count_early(model, self.spec)
            compiled = self._core.compile_model(model, _DEVICE, self._settings)
            if self.spec.precision == "int8":
                require_integers(compiled.get_runtime_model(), self.spec, self._origin)
            self._cache.store(key, compiled.export_model().getvalue())
        return compiled

    def _import(self, content: Any) -> Any:
        return self._core.import_model(content, _DEVICE, self._settings)


def _read(core: Any, content: bytes, origin: str) -> Any:
    try:
        return core.read_model(content)
    except RuntimeError as error:
        raise ModelError(
            f"{origin} is not a usable ONNX graph ({reason_of(error)})", _AGAIN
        ) from error


def _require_target(spec: ModelSpec, origin: str) -> None:
    """Checks that a graph was not made for another runtime.

    Raises:
        ModelError: the graph is an INT8 graph for ONNX Runtime or TensorRT.
    """
    if spec.target in ("any", "openvino"):
        return
    model = spec.name.removesuffix("-int8")
    remedy = f"make one for it: spikerain-edge export {model} --int8 --target openvino"
    if spec.target == "onnxruntime":
        remedy = f"use --backend cpu, or {remedy}"
    raise ModelError(f"{origin} is an INT8 graph for {spec.target}, not for OpenVINO", remedy)


def _require_tensors(model: Any, spec: ModelSpec, origin: str) -> None:
    """Checks that a graph has the inputs and outputs that its description states.

    Raises:
        ModelError: a name, type or rank of an input or output differs from the description.
    """
    wanted = dict.fromkeys((*spec.image_inputs, spec.image_output), ("uint8", 4))
    if spec.probe:
        wanted |= {spec.rates_output: ("float32", 2), spec.silent_output: ("float32", 1)}
    found = {}
    for port in (*model.inputs, *model.outputs):
        shape = port.partial_shape
        rank = shape.rank.get_length() if shape.rank.is_static else 0
        for name in port.names:
            found[name] = (np.dtype(port.element_type.to_dtype()).name, rank)
    if found != wanted:
        raise ModelError(
            f"{origin} has other inputs or outputs than its description states", _AGAIN
        )
