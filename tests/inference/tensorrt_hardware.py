"""Simulates the hardware only: GPU memory, streams, and an engine that inverts images.

It records every call, so that tests can compare calls with the signatures of the real bindings.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from spikerain_edge.inference.cuda import Cuda

GPU, CAPABILITY = "Orin", "8.7"
SUCCESS, FAILURE = 0, 2


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


def cuda(hardware: Hardware, gpus: int = 1, device: int = 0) -> Cuda:
    """Returns CUDA for the simulated GPU."""
    return Cuda(Runtime(hardware, gpus), device)
