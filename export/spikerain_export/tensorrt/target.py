"""Chooses the TensorRT library, the GPU to build for and the size of the workspace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spikerain_edge.engine_header import AHEAD_OF_TIME
from spikerain_edge.errors import InputError
from spikerain_edge.inference.cuda import open_cuda
from spikerain_edge.inference.tensorrt_library import TENSORRT_RTX, Library, find_library

_GIB = 1 << 30


@dataclass(frozen=True)
class Target:
    """The GPU that an engine will run on.

    Attributes:
        gpu: name of the GPU, or `AHEAD_OF_TIME`.
        capability: its compute capability, such as `8.7`.
        free: its free memory in bytes; None if it is not in this machine.
    """

    gpu: str
    capability: str
    free: int | None = None


def choose_library(capability: str | None) -> Library:
    """Returns TensorRT, or TensorRT for RTX if the engine is built ahead of time.

    Args:
        capability: compute capability to build for ahead of time, or None.

    Raises:
        InputError: the library is not installed or too old.
    """
    return find_library(TENSORRT_RTX if capability else None)


def find_target(library: Library, capability: str | None, device: int = 0) -> Target:
    """Finds the GPU that the engine will run on.

    Args:
        library: TensorRT.
        capability: compute capability to build for ahead of time; None for a GPU of this machine.
        device: number of the GPU in this machine.

    Raises:
        InputError: there is no such GPU, or the library cannot build for this capability.
    """
    if capability is None:
        try:
            cuda = open_cuda(device)
        except InputError as error:
            elsewhere = ", or build ahead of time for another GPU: --capability X.Y"
            raise InputError(error.cause, error.remedy + elsewhere) from error
        return Target(cuda.gpu.name, cuda.gpu.capability, cuda.free_memory())
    if not library.ahead_of_time:
        raise InputError(
            f"{library.name} cannot build engines ahead of time",
            f"build it on the machine that will run it, without --capability, or use "
            f"{TENSORRT_RTX}",
        )
    known = capabilities(library.module)
    if capability not in known:
        raise InputError(
            f"{library.name} {library.version} cannot build ahead of time for compute capability "
            f"{capability}",
            f"choose one of --capability {', '.join(known)}",
        )
    return Target(AHEAD_OF_TIME, capability)


def capabilities(module: Any) -> dict[str, Any]:
    """Returns the compute capabilities for ahead-of-time builds by name: `8.6` is SM86."""
    members = module.ComputeCapability.__members__
    return {
        f"{name[2:-1]}.{name[-1]}": value for name, value in members.items() if name[:2] == "SM"
    }


def workspace_bytes(gib: float | None, free: int | None) -> int | None:
    """Returns the limit of the workspace in bytes; None leaves it to TensorRT.

    The default is half of the free memory: weights and feature maps need the rest.

    Args:
        gib: the limit that the user chose in GiB, or None.
        free: free memory of the GPU in bytes, or None if it is not known.

    Raises:
        InputError: the limit is not positive, or exceeds the free memory.
    """
    if gib is None:
        return None if free is None else free // 2
    if not gib > 0 or (free is not None and gib * _GIB > free):
        there = "" if free is None else f": {free / _GIB:.1f} GiB of GPU memory are free"
        raise InputError(
            f"a workspace of {gib:g} GiB is not possible{there}",
            "choose a smaller positive number, for example --workspace 0.5, or leave it out",
        )
    return int(gib * _GIB)
