"""One execution context: copies images to the GPU, runs the engine and copies the result back."""

from __future__ import annotations

import math
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
        host: address of pinned memory on the host.
        device: address of memory on the GPU.
        array: the pinned memory, uint8, one axis.
    """

    host: int
    device: int
    array: npt.NDArray[np.uint8]


class EngineRun:
    """Runs images of one profile, all on one stream.

    Args:
        cuda: the GPU.
        stream: where everything is queued.
        context: TensorRT's execution context; its profile is set.
        messages: what TensorRT says.
    """

    def __init__(self, cuda: Cuda, stream: Any, context: Any, messages: Messages) -> None:
        self._cuda = cuda
        self._stream = stream
        self._context = context
        self._messages = messages
        self._shape: tuple[int, ...] = ()
        self._graph: Any = None

    def bind(self, image: str, source: Buffers, derained: str, result: Buffers) -> None:
        """Names input and output and says where they lie.

        Raises:
            ModelError: the engine has no such tensors.
        """
        for name, buffers in ((image, source), (derained, result)):
            bound = self._context.set_tensor_address(name, buffers.device)
            self._messages.require(bound, f"does not bind {name}")
        self._image, self._source, self._result = image, source, result

    def capture(self, shape: tuple[int, ...]) -> bool:
        """Captures copies and kernels for images of this shape; whether that succeeded.

        An engine that cannot be captured runs all the same, kernel by kernel.

        Raises:
            ModelError: the engine does not run.
        """
        self.launch(shape)  # TensorRT prepares itself on the first run, which cannot be captured
        try:
            self._cuda.begin_capture(self._stream)
            try:
                self._enqueue()
            finally:
                self._graph = self._cuda.end_capture(self._stream)
        except ModelError:
            self._graph = None
            # That it cannot be captured is no reason of anything that fails later.
            self._messages.errors.clear()
        return self._graph is not None

    def launch(self, shape: tuple[int, ...]) -> None:
        """Runs what lies in the pinned input, and waits until the result lies in the output.

        Args:
            shape: of the images, (batch, H, W, 3); a captured run takes the captured shape only.

        Raises:
            ModelError: TensorRT or CUDA fails.
        """
        if shape != self._shape:
            taken = self._context.set_input_shape(self._image, shape)
            self._messages.require(taken, f"does not take images of {shape}")
            self._shape = shape
        if self._graph is None:
            self._enqueue()
        else:
            self._cuda.call("cudaGraphLaunch", self._graph, self._stream)
        self._cuda.call("cudaStreamSynchronize", self._stream)

    def close(self) -> None:
        """Releases graph and context."""
        graph, self._graph = self._graph, None
        self._context = None
        if graph is not None:
            self._cuda.call("cudaGraphExecDestroy", graph)

    def _enqueue(self) -> None:
        size = math.prod(self._shape)
        self._cuda.upload(self._source.device, self._source.host, size, self._stream)
        started = self._context.execute_async_v3(int(self._stream))
        self._messages.require(started, "does not run the engine")
        self._cuda.download(self._result.host, self._result.device, size, self._stream)
