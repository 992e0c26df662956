"""Where an engine will run, and what it may take there."""

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
    """Where an engine will run.

    Attributes:
        gpu: name of the GPU, or `AHEAD_OF_TIME`.
        capability: its compute capability, such as `8.7`.
        free: bytes that are free on it; none where it is not here.
    """

    gpu: str
    capability: str
    free: int | None = None


def choose_library(capability: str | None) -> Library:
    """TensorRT; TensorRT for RTX where it has to build ahead of time for a compute capability.

    Raises:
        InputError: it is missing or too old.
    """
    return find_library(TENSORRT_RTX if capability else None)


def find_target(library: Library, capability: str | None, device: int = 0) -> Target:
    """Where the engine will run.

    Args:
        library: TensorRT.
        capability: compute capability to build for ahead of time; none for the GPU that is here.
        device: number of that GPU.

    Raises:
        InputError: there is no such GPU, or the library cannot build for it.
    """
    if capability is None:
        try:
            cuda = open_cuda(device)
        except InputError as error:
            elsewhere = ", or build ahead of time for one: --capability X.Y"
            raise InputError(error.cause, error.remedy + elsewhere) from error
        return Target(cuda.gpu.name, cuda.gpu.capability, cuda.free_memory())
    if not library.ahead_of_time:
        raise InputError(
            f"{library.name} builds on the GPU that runs the engine, not ahead of time",
            f"build it there, or with {TENSORRT_RTX}",
        )
    known = capabilities(library.module)
    if capability not in known:
        raise InputError(
            f"{library.name} {library.version} does not build for compute capability "
            f"{capability} ahead of time",
            f"choose one of {', '.join(known)}",
        )
    return Target(AHEAD_OF_TIME, capability)


def capabilities(module: Any) -> dict[str, Any]:
    """Compute capabilities that engines can be built for ahead of time: `8.6` is SM86."""
    members = module.ComputeCapability.__members__
    return {
        f"{name[2:-1]}.{name[-1]}": value for name, value in members.items() if name[:2] == "SM"
    }


def workspace_bytes(gib: float | None, free: int | None) -> int | None:
    """Limit of the workspace; none to leave it to TensorRT.

    Half of what is free: weights and images between layers need the rest.

    Args:
        gib: what the user asked for.
        free: bytes that are free on the GPU, where it is known.

    Raises:
        InputError: the user asked for nothing, or for more than there is.
    """
    if gib is None:
        return None if free is None else free // 2
    if not gib > 0 or (free is not None and gib * _GIB > free):
        there = "" if free is None else f", {free / _GIB:.1f} are free"
        raise InputError(
            f"a workspace of {gib:g} GiB cannot be had{there}",
            "give less, such as --workspace 0.5, or leave it out",
        )
    return int(gib * _GIB)
