"""Simulates the hardware only: GPU memory, streams, and an engine that inverts images.

It records every call, so that tests can compare calls with the signatures of the real bindings.
"""

from __future__ import annotations

import ctypes
import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from spikerain_edge.engine_file import EngineFile
from spikerain_edge.engine_header import EngineHeader, Profile
from spikerain_edge.inference.cuda import Cuda
from spikerain_edge.inference.tensorrt_library import TENSORRT, Library
from spikerain_edge.spec import ModelSpec

VERSION = "10.3.0"
GPU, CAPABILITY = "Orin", "8.7"
PLAN = b"a plan"
SUCCESS, FAILURE = 0, 2
INPUTS = ("image", "previous")


@dataclass(frozen=True)
class Call:
    """A recorded call of a function or method."""

    owner: str
    name: str
    arguments: int


@dataclass
class Hardware:
    """A simulated GPU.

    Attributes:
        calls: every call, oldest first.
        failing: names of CUDA and TensorRT functions that fail.
        memory: allocated memory by address.
        done: names of the copies and runs that the streams executed.
        held: CUDA objects that are not yet destroyed.
        captured: work that the current capture has recorded; None without a capture.
    """

    calls: list[Call] = field(default_factory=list)
    failing: set[str] = field(default_factory=set)
    memory: dict[int, Any] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    held: set[int] = field(default_factory=set)
    captured: list[tuple[str, Callable[[], object]]] | None = None

    def enqueue(self, name: str, work: Callable[[], object]) -> None:
        if self.captured is not None:
            self.captured.append((name, work))
        else:
            self.done.append(name)
            work()

    def names(self) -> list[str]:
        return [call.name for call in self.calls]

    def create(self) -> Handle:
        handle = Handle(len(self.calls))
        self.held.add(int(handle))
        return handle

    @property
    def idle(self) -> bool:
        """Whether all memory and objects have been released."""
        return not self.memory and not self.held


@dataclass(frozen=True)
class Handle:
    number: int

    def __int__(self) -> int:
        return self.number


class Runtime:
    """Simulates the module `cuda.bindings.runtime`."""

    cudaError_t = SimpleNamespace(cudaSuccess=SUCCESS)  # noqa: N815  NVIDIA's name
    cudaMemcpyKind = SimpleNamespace(  # noqa: N815
        cudaMemcpyHostToDevice="up", cudaMemcpyDeviceToHost="down"
    )
    cudaStreamCaptureMode = SimpleNamespace(cudaStreamCaptureModeThreadLocal="local")  # noqa: N815
    cudaStreamNonBlocking = 1  # noqa: N815
    cudaHostAllocDefault = 0  # noqa: N815

    def __init__(self, hardware: Hardware, gpus: int = 1) -> None:
        self._hardware = hardware
        self._gpus = gpus
        self._graph: list[tuple[str, Callable[[], object]]] = []
        self._launched: dict[int, list[tuple[str, Callable[[], object]]]] = {}

    def __getattr__(self, name: str) -> Callable[..., tuple[Any, ...]]:
        if name.startswith("_"):
            raise AttributeError(name)
        work = getattr(self, re.sub("(?=[A-Z])", "_", name.removeprefix("cuda")).lower())
        results = 2 if name == "cudaMemGetInfo" else 1

        def function(*arguments: Any) -> tuple[Any, ...]:
            self._hardware.calls.append(Call("cuda", name, len(arguments)))
            if name in self._hardware.failing:
                return (FAILURE, *[None] * results)
            return (SUCCESS, *work(*arguments))

        return function

    def _get_device_count(self) -> tuple[int]:
        return (self._gpus,)

    def _get_device_properties(self, device: int) -> tuple[Any]:
        major, minor = CAPABILITY.split(".")
        return (SimpleNamespace(name=GPU.encode(), major=int(major), minor=int(minor)),)

    def _get_error_string(self, error: int) -> tuple[bytes]:
        return (b"out of memory",)

    def _set_device(self, device: int) -> tuple[()]:
        return ()

    def _mem_get_info(self) -> tuple[int, int]:
        return 6 << 30, 8 << 30

    def _stream_create_with_flags(self, flags: int) -> tuple[Handle]:
        return (self._hardware.create(),)

    def _stream_destroy(self, stream: Handle) -> tuple[()]:
        self._hardware.held.remove(int(stream))
        return ()

    def _stream_synchronize(self, stream: Handle) -> tuple[()]:
        return ()

    def _malloc(self, size: int) -> tuple[int]:
        memory = (ctypes.c_uint8 * size)()
        self._hardware.memory[ctypes.addressof(memory)] = memory
        return (ctypes.addressof(memory),)

    def _host_alloc(self, size: int, flags: int) -> tuple[int]:
        return self._malloc(size)

    def _free(self, address: int) -> tuple[()]:
        del self._hardware.memory[address]
        return ()

    def _free_host(self, address: int) -> tuple[()]:
        return self._free(address)

    def _memcpy_async(
        self, target: int, source: int, size: int, kind: str, stream: Handle
    ) -> tuple[()]:
        for address in (target, source):
            assert size <= len(self._hardware.memory[address]), "copies past the end"
        self._hardware.enqueue(kind, lambda: ctypes.memmove(target, source, size))
        return ()

    def _stream_begin_capture(self, stream: Handle, mode: str) -> tuple[()]:
        self._hardware.captured = []
        return ()

    def _stream_end_capture(self, stream: Handle) -> tuple[Any]:
        graph = self._hardware.create()
        self._graph, self._hardware.captured = self._hardware.captured or [], None
        return (graph,)

    def _graph_instantiate(self, graph: Handle, flags: int) -> tuple[Any]:
        launch = self._hardware.create()
        self._launched[int(launch)] = self._graph
        return (launch,)

    def _graph_destroy(self, graph: Handle) -> tuple[()]:
        self._hardware.held.remove(int(graph))
        return ()

    def _graph_exec_destroy(self, launch: Handle) -> tuple[()]:
        return self._graph_destroy(launch)

    def _graph_launch(self, launch: Handle, stream: Handle) -> tuple[()]:
        for name, work in self._launched[int(launch)]:
            self._hardware.done.append(f"captured {name}")
            work()
        return ()


class Recording:
    """Records calls of the public methods of a TensorRT class."""

    def __init__(self, hardware: Hardware, owner: str) -> None:
        self.hardware = hardware
        self.owner = owner

    def __getattribute__(self, name: str) -> Any:
        found = object.__getattribute__(self, name)
        if name.startswith("_") or not inspect.ismethod(found):
            return found
        hardware, owner = self.hardware, self.owner

        def method(*arguments: Any) -> Any:
            hardware.calls.append(Call(owner, name, len(arguments)))
            if name in hardware.failing:
                return None if name.startswith(("create", "deserialize")) else False
            return found(*arguments)

        return method


class Context(Recording):
    """An execution context that inverts images, or of two the darker one."""

    def __init__(self, hardware: Hardware) -> None:
        super().__init__(hardware, "IExecutionContext")
        self.addresses: dict[str, int] = {}
        self.size = 0

    def set_optimization_profile_async(self, profile_index: int, stream_handle: int) -> bool:
        assert isinstance(stream_handle, int)
        return True

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self.addresses[name] = memory
        return True

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self.size = shape[0] * shape[1] * shape[2] * shape[3]
        return name in self.addresses

    def execute_async_v3(self, stream_handle: int) -> bool:
        assert isinstance(stream_handle, int)
        sources = [self.addresses[name] for name in INPUTS if name in self.addresses]
        target = self.addresses["derained"]
        memory, size = self.hardware.memory, self.size

        def invert() -> None:
            for index in range(size):
                darker = min(memory[source][index] for source in sources)
                memory[target][index] = 255 - darker

        self.hardware.enqueue("run", invert)
        return True


class CudaEngine(Recording):
    """A deserialised engine.

    Args:
        hardware: the GPU.
        profiles: image sizes of the engine.
        output: name of the output tensor.
        kind: data type of the tensors.
        inputs: names of the input tensors.
    """

    def __init__(
        self,
        hardware: Hardware,
        profiles: tuple[Profile, ...],
        output: str,
        kind: str,
        inputs: Sequence[str],
    ) -> None:
        super().__init__(hardware, "ICudaEngine")
        self._profiles = profiles
        self._inputs = inputs
        self._names = [*inputs, output]
        self._kind = kind
        self.num_io_tensors = len(self._names)
        self.num_optimization_profiles = len(profiles)

    def create_execution_context(self) -> Context:
        return Context(self.hardware)

    def get_tensor_name(self, index: int) -> str:
        return self._names[index]

    def get_tensor_mode(self, name: str) -> str:
        return "in" if name in self._inputs else "out"

    def get_tensor_dtype(self, name: str) -> str:
        return self._kind

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        only = self._profiles[0]
        fixed = len(self._profiles) == 1 and only.fixed
        return (1, *(only.optimum if fixed else (-1, -1)), 3)

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> list[tuple[int, ...]]:
        profile = self._profiles[profile_index]
        return [(1, *size, 3) for size in (profile.minimum, profile.optimum, profile.maximum)]


class TensorRT:
    """Simulates the module `tensorrt`, whose engines have the given profiles and tensors."""

    TensorIOMode = SimpleNamespace(INPUT="in", OUTPUT="out")
    DataType = SimpleNamespace(UINT8="uint8")
    __version__ = VERSION

    def __init__(
        self,
        hardware: Hardware,
        profiles: tuple[Profile, ...],
        output: str = "derained",
        kind: str = "uint8",
        inputs: Sequence[str] = INPUTS[:1],
    ) -> None:
        class Logger:
            INTERNAL_ERROR, ERROR, WARNING = range(3)

            def log(self, severity: int, msg: str) -> None:
                raise AssertionError("not overridden")

        class Runtime(Recording):
            def __init__(self, logger: Any) -> None:
                super().__init__(hardware, "Runtime")
                hardware.calls.append(Call("Runtime", "__init__", 1))
                self._logger = logger

            def deserialize_cuda_engine(self, serialized_engine: bytes) -> CudaEngine | None:
                if serialized_engine != PLAN:
                    self._logger.log(Logger.WARNING, "this is only a warning")
                    self._logger.log(Logger.ERROR, "magic tag does not match (in load at /x.cpp:9)")
                    return None
                return CudaEngine(hardware, profiles, output, kind, inputs)

        self.ILogger = Logger
        self.Runtime = Runtime


def engine_file(spec: ModelSpec, *profiles: Profile, plan: bytes = PLAN) -> EngineFile:
    """Returns an engine file for the simulated GPU."""
    header = EngineHeader(spec, TENSORRT, VERSION, GPU, CAPABILITY, profiles, "0" * 64)
    return EngineFile.seal(header, plan)


def library(hardware: Hardware, *profiles: Profile, **tensors: Any) -> Library:
    """Returns TensorRT for the simulated GPU."""
    return Library(TensorRT(hardware, profiles, **tensors), TENSORRT, VERSION)


def cuda(hardware: Hardware, gpus: int = 1, device: int = 0) -> Cuda:
    """Returns CUDA for the simulated GPU."""
    return Cuda(Runtime(hardware, gpus), device)
