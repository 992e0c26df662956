"""Functions of CUDA for the TensorRT engine, through `cuda-python`; checks every return code."""

from __future__ import annotations

import ctypes
import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikerain_edge.errors import InputError, ModelError

_RUNTIME = "cuda.bindings.runtime"


@dataclass(frozen=True)
class Gpu:
    """A GPU of this machine.

    Attributes:
        index: device number, from 0.
        name: name that the driver reports.
        capability: compute capability, such as `8.7`.
    """

    index: int
    name: str
    capability: str


@dataclass(frozen=True)
class PinnedArray:
    """Pinned host memory, which the GPU can copy from and to directly.

    Attributes:
        address: address of the memory.
        array: the same memory as uint8 (bytes,).
    """

    address: int
    array: npt.NDArray[np.uint8]


class Cuda:
    """The CUDA runtime on one GPU.

    Args:
        runtime: the module `cuda.bindings.runtime`.
        device: number of the GPU, from 0.

    Raises:
        InputError: the machine has no GPU of this number.
        ModelError: a function of CUDA fails.
    """

    def __init__(self, runtime: Any, device: int = 0) -> None:
        self._runtime = runtime
        self.gpu = self._describe(device)

    def _describe(self, device: int) -> Gpu:
        error, count = self._runtime.cudaGetDeviceCount()
        if error != self._runtime.cudaError_t.cudaSuccess or not count:
            raise InputError(
                f"CUDA finds no GPU on this machine ({self._explain(error)})",
                "run on a machine with an NVIDIA GPU and its driver",
            )
        if not 0 <= device < count:
            raise InputError(
                f"there is no GPU {device} on this machine",
                f"choose a number from 0 to {count - 1}",
            )
        properties = self.call("cudaGetDeviceProperties", device)
        name = properties.name
        text = name.decode() if isinstance(name, bytes) else str(name)
        return Gpu(device, text, f"{properties.major}.{properties.minor}")

    def call(self, name: str, *arguments: Any) -> Any:
        """Calls a function of the CUDA runtime and checks the error code that it returns.

        Returns:
            The first value after the error code; None if there is none.

        Raises:
            ModelError: the function returns an error.
        """
        error, *results = getattr(self._runtime, name)(*arguments)
        if error != self._runtime.cudaError_t.cudaSuccess:
            raise ModelError(
                f"{name} failed ({self._explain(error)})",
                "try again; if it fails again, check the driver: nvidia-smi (dmesg on a Jetson)",
            )
        return results[0] if results else None

    def use(self) -> None:
        """Selects the GPU for the calling thread; CUDA keeps the selection per thread."""
        self.call("cudaSetDevice", self.gpu.index)

    def free_memory(self) -> int:
        """Free memory of the GPU in bytes."""
        self.use()
        error, free, _ = self._runtime.cudaMemGetInfo()
        if error != self._runtime.cudaError_t.cudaSuccess:
            raise ModelError(
                f"cudaMemGetInfo failed ({self._explain(error)})", "check the driver: nvidia-smi"
            )
        return int(free)

    def stream(self) -> Any:
        """Creates a stream that does not wait for the default stream."""
        return self.call("cudaStreamCreateWithFlags", self._runtime.cudaStreamNonBlocking)

    def allocate(self, size: int) -> int:
        """Allocates `size` bytes on the GPU and returns their address."""
        return int(self.call("cudaMalloc", size))

    def pin(self, size: int) -> PinnedArray:
        """Allocates `size` bytes of pinned host memory."""
        address = int(self.call("cudaHostAlloc", size, self._runtime.cudaHostAllocDefault))
        memory = (ctypes.c_uint8 * size).from_address(address)
        return PinnedArray(address, np.ctypeslib.as_array(memory))

    def upload(self, device: int, host: int, size: int, stream: Any) -> None:
        """Queues a copy of `size` bytes from the host to the GPU."""
        kind = self._runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
        self.call("cudaMemcpyAsync", device, host, size, kind, stream)

    def download(self, host: int, device: int, size: int, stream: Any) -> None:
        """Queues a copy of `size` bytes from the GPU to the host."""
        kind = self._runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self.call("cudaMemcpyAsync", host, device, size, kind, stream)

    def begin_capture(self, stream: Any) -> None:
        """Starts a capture: work that is queued on the stream is recorded and not run.

        The capture is thread-local, so other threads may use CUDA meanwhile.
        """
        mode = self._runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self.call("cudaStreamBeginCapture", stream, mode)

    def end_capture(self, stream: Any) -> Any:
        """Ends a capture and returns the recorded work as a graph that can be launched."""
        graph = self.call("cudaStreamEndCapture", stream)
        try:
            return self.call("cudaGraphInstantiate", graph, 0)
        finally:
            self.call("cudaGraphDestroy", graph)

    def _explain(self, error: Any) -> str:
        _, text = self._runtime.cudaGetErrorString(error)
        return text.decode() if isinstance(text, bytes) else str(text or error)


def open_cuda(device: int = 0) -> Cuda:
    """Opens the CUDA runtime on a GPU.

    Args:
        device: number of the GPU, from 0.

    Raises:
        InputError: `cuda-python`, the driver or the GPU is missing.
        ModelError: a function of CUDA fails.
    """
    try:
        runtime = importlib.import_module(_RUNTIME)
    except (ImportError, OSError, RuntimeError) as error:
        raise InputError(
            f"TensorRT engines need the package cuda-python ({_RUNTIME} does not load: "
            f"{' '.join(str(error).split())[:160]})",
            "install it: pip install 'cuda-python>=12.8,<13' (JetPack 6, CUDA 12) or "
            "pip install 'cuda-python>=13' (JetPack 7, CUDA 13)",
        ) from error
    try:
        return Cuda(runtime, device)
    except RuntimeError as error:  # raised by the bindings if the driver's library is missing
        raise InputError(
            f"the CUDA driver does not load ({' '.join(str(error).split())[:160]})",
            "run on a machine with an NVIDIA GPU and its driver",
        ) from error
