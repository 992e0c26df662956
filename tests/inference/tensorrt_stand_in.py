"""Simulates TensorRT for the simulated hardware: an engine that inverts images."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from tensorrt_hardware import CAPABILITY, GPU, Call, Hardware, cuda

from spikerain_edge.engine_file import EngineFile
from spikerain_edge.engine_header import EngineHeader, Profile
from spikerain_edge.inference.tensorrt import TensorRTEngine
from spikerain_edge.inference.tensorrt_library import TENSORRT, Library
from spikerain_edge.spec import ModelSpec

VERSION = "10.3.0"
PLAN = b"a plan"
INPUTS = ("image", "previous")
FIXED = Profile.fixed_at((48, 64))
OTHER = Profile.fixed_at((64, 96))
FREE = Profile((16, 16), (64, 64), (96, 128))


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


def load(hardware: Hardware, spec: ModelSpec, *profiles: Profile) -> TensorRTEngine:
    """Returns an engine of these profiles on the simulated GPU."""
    return TensorRTEngine(
        engine_file(spec, *profiles),
        library=library(hardware, *profiles),
        cuda=cuda(hardware),
    )
