"""Runs one TensorRT execution context: copies images to the GPU and the result back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikerain_edge.errors import ModelError
from spikerain_edge.inference.cuda import Cuda
from spikerain_edge.inference.tensorrt_library import Messages


@dataclass(frozen=True)
class Buffers:
    """Memory of an input or an output.

    Attributes:
        host: address of the pinned host memory.
        device: address of the GPU memory.
        array: the pinned host memory as uint8 (bytes,).
    """

    host: int
    device: int
    array: npt.NDArray[np.uint8]


class EngineRun:
    """Runs images of one profile.

    Args:
        cuda: CUDA runtime.
        stream: CUDA stream for all copies and kernels.
        context: TensorRT execution context with its profile set.
        messages: error messages of TensorRT.
    """

    def __init__(self, cuda: Cuda, stream: Any, context: Any, messages: Messages) -> None:
        self._cuda = cuda
        self._stream = stream
        self._context = context
        self._messages = messages
        self._shape: tuple[int, ...] = ()
        self._graph: Any = None

    def bind(self, sources: Mapping[str, Buffers], results: Mapping[str, Buffers]) -> None:
        """Binds the memory of the inputs and outputs, which all have one shape.

        Args:
            sources: memory of each input tensor by its name.
            results: memory of each output tensor by its name.

        Raises:
            ModelError: the engine has no tensor of one of these names.
        """
        for name, buffers in {**sources, **results}.items():
            bound = self._context.set_tensor_address(name, buffers.device)
            self._messages.require(bound, f"cannot bind the tensor {name}")
        self._sources, self._results = sources, results

    def capture(self, shape: tuple[int, ...]) -> bool:
        """Captures the copies and kernels for images of one shape as a CUDA graph.

        Args:
            shape: shape of the images, (batch, H, W, 3).

        Returns:
            Whether the capture succeeded. If not, `launch` queues kernel by kernel.

        Raises:
            ModelError: the engine cannot run.
        """
        self.launch(shape)  # the first run initialises TensorRT, which cannot be captured
        try:
            self._cuda.begin_capture(self._stream)
            try:
                self._enqueue()
            finally:
                self._graph = self._cuda.end_capture(self._stream)
        except ModelError:
            self._graph = None
            # A failed capture must not be reported as the reason of a later failure.
            self._messages.errors.clear()
        return self._graph is not None

    def launch(self, shape: tuple[int, ...]) -> None:
        """Runs the images in the pinned input memory and waits for the result in the output memory.

        Args:
            shape: shape of the images, (batch, H, W, 3); after a capture, the captured shape.

        Raises:
            ModelError: TensorRT or CUDA fails.
        """
        if shape != self._shape:
            for name in self._sources:
                accepted = self._context.set_input_shape(name, shape)
                self._messages.require(accepted, f"does not accept images of shape {shape}")
            self._shape = shape
        if self._graph is None:
            self._enqueue()
        else:
            self._cuda.call("cudaGraphLaunch", self._graph, self._stream)
        self._cuda.call("cudaStreamSynchronize", self._stream)

    def close(self) -> None:
        """Releases the CUDA graph and the execution context."""
        graph, self._graph = self._graph, None
        self._context = None
        if graph is not None:
            self._cuda.call("cudaGraphExecDestroy", graph)

    def _enqueue(self) -> None:
        size = math.prod(self._shape)
        for source in self._sources.values():
            self._cuda.upload(source.device, source.host, size, self._stream)
        started = self._context.execute_async_v3(int(self._stream))
        self._messages.require(started, "cannot run the engine")
        for result in self._results.values():
            self._cuda.download(result.host, result.device, size, self._stream)
