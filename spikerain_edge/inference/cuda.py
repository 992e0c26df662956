"""What the TensorRT engine needs of CUDA, through `cuda-python`; every return code is looked at."""

from __future__ import annotations

import ctypes
import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikerain_edge.errors import InputError, ModelError

_NAMED = "cuda.bindings.runtime"


@dataclass(frozen=True)
class Gpu:
    """A GPU that is here.

    Attributes:
        index: its number.
        name: as the driver calls it.
        capability: compute capability, such as `8.7`.
    """

    index: int
    name: str
    capability: str


@dataclass(frozen=True)
class PinnedArray:
    """Host memory that the GPU copies from and to without a detour.

    Attributes:
        address: where it lies.
        array: the same memory, uint8, one axis.
    """

    address: int
    array: npt.NDArray[np.uint8]


class Cuda:
    """The CUDA runtime on one GPU.

    Args:
        runtime: the module `cuda.bindings.runtime`.
        device: number of the GPU.

    Raises:
        InputError: there is no such GPU.
        ModelError: CUDA fails.
    """

    def __init__(self, runtime: Any, device: int = 0) -> None:
        self._runtime = runtime
        self.gpu = self._describe(device)

    def _describe(self, device: int) -> Gpu:
        error, count = self._runtime.cudaGetDeviceCount()
        if error != self._runtime.cudaError_t.cudaSuccess or not count:
            raise InputError(
                f"CUDA finds no GPU here ({self._explain(error)})",
                "run on a machine with an NVIDIA GPU and its driver",
            )
        if not 0 <= device < count:
            raise InputError(f"no GPU {device} here, there are {count}", "choose another --device")
        properties = self.call("cudaGetDeviceProperties", device)
        name = properties.name
        text = name.decode() if isinstance(name, bytes) else str(name)
        return Gpu(device, text, f"{properties.major}.{properties.minor}")

    def call(self, name: str, *arguments: Any) -> Any:
        """Calls a function of the CUDA runtime; returns what it returns behind its error code.

        Raises:
            ModelError: the code is an error.
        """
        error, *results = getattr(self._runtime, name)(*arguments)
        if error != self._runtime.cudaError_t.cudaSuccess:
            raise ModelError(
                f"{name} failed ({self._explain(error)})",
                "try again, then look at the driver: nvidia-smi, or dmesg on a Jetson",
            )
        return results[0] if results else None

    def use(self) -> None:
        """Makes the GPU the one of the calling thread: CUDA keeps that per thread."""
        self.call("cudaSetDevice", self.gpu.index)

    def free_memory(self) -> int:
        """Bytes that are free on the GPU."""
        self.use()
        error, free, _ = self._runtime.cudaMemGetInfo()
        if error != self._runtime.cudaError_t.cudaSuccess:
            raise ModelError(
                f"cudaMemGetInfo failed ({self._explain(error)})", "check the driver: nvidia-smi"
            )
        return int(free)

    def stream(self) -> Any:
        """A new stream that does not wait for the default one."""
        return self.call("cudaStreamCreateWithFlags", self._runtime.cudaStreamNonBlocking)

    def allocate(self, size: int) -> int:
        """Address of `size` bytes on the GPU."""
        return int(self.call("cudaMalloc", size))

    def pin(self, size: int) -> PinnedArray:
        """`size` bytes of host memory."""
        address = int(self.call("cudaHostAlloc", size, self._runtime.cudaHostAllocDefault))
        memory = (ctypes.c_uint8 * size).from_address(address)
        return PinnedArray(address, np.ctypeslib.as_array(memory))

    def upload(self, device: int, host: int, size: int, stream: Any) -> None:
        """Copies to the GPU, in the order of the stream."""
        kind = self._runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
        self.call("cudaMemcpyAsync", device, host, size, kind, stream)

    def download(self, host: int, device: int, size: int, stream: Any) -> None:
        """Copies from the GPU, in the order of the stream."""
        kind = self._runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self.call("cudaMemcpyAsync", host, device, size, kind, stream)

    def begin_capture(self, stream: Any) -> None:
        """From here on the stream's work is noted instead of done.

        Thread-local: what other threads do with CUDA meanwhile neither joins nor spoils it.
        """
        mode = self._runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self.call("cudaStreamBeginCapture", stream, mode)

    def end_capture(self, stream: Any) -> Any:
        """The work that was noted, ready to be launched as one."""
        graph = self.call("cudaStreamEndCapture", stream)
        try:
            return self.call("cudaGraphInstantiate", graph, 0)
        finally:
            self.call("cudaGraphDestroy", graph)

    def _explain(self, error: Any) -> str:
        _, text = self._runtime.cudaGetErrorString(error)
        return text.decode() if isinstance(text, bytes) else str(text or error)


def open_cuda(device: int = 0) -> Cuda:
    """The CUDA runtime on a GPU.

    Raises:
        InputError: `cuda-python`, the driver or the GPU is missing.
        ModelError: CUDA fails.
    """
    try:
        runtime = importlib.import_module(_NAMED)
    except (ImportError, OSError, RuntimeError) as error:
        raise InputError(
            f"TensorRT engines need the package cuda-python ({_NAMED} does not load: "
            f"{' '.join(str(error).split())[:160]})",
            "install it for your CUDA: pip install 'cuda-python>=12.8,<13' (JetPack 6) or "
            "'cuda-python>=13' (JetPack 7)",
        ) from error
    try:
        return Cuda(runtime, device)
    except RuntimeError as error:  # the bindings' own, where the driver's library is missing
        raise InputError(
            f"the CUDA driver does not load ({' '.join(str(error).split())[:160]})",
            "run on a machine with an NVIDIA GPU and its driver",
        ) from error
