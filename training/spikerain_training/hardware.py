"""Where a network is trained: accelerator, processes, machines."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from types import FrameType

import torch
from lightning_fabric import Fabric
from lightning_fabric.utilities.exceptions import MisconfigurationException

from spikerain_edge.errors import ComputeError, InputError


@dataclass(frozen=True)
class Hardware:
    """What a run may use.

    Attributes:
        accelerator: `auto`, `cpu`, `cuda` or `mps`.
        devices: processes on this machine, one per device; `torchrun` decides where it started
            them.
        nodes: machines that take part.
    """

    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1


def launch(hardware: Hardware, precision: str) -> Fabric:
    """Joins or starts the processes of a run.

    Raises:
        InputError: there is no such accelerator, there are fewer devices, or it cannot do this
            precision.
    """
    # What torchrun started is what there is: its environment says how many and where.
    devices = int(os.environ.get("LOCAL_WORLD_SIZE", hardware.devices))
    nodes = int(os.environ.get("GROUP_WORLD_SIZE", hardware.nodes))
    accelerator = _accelerator(hardware.accelerator)
    if accelerator == "cpu" and precision == "16-mixed":
        raise InputError(
            "precision 16-mixed needs a GPU", "set another: --set precision=32-true or bf16-mixed"
        )
    try:
        fabric = Fabric(
            accelerator=accelerator,
            devices=devices,
            num_nodes=nodes,
            strategy="ddp" if devices * nodes > 1 else "auto",
            precision=precision,  # type: ignore[arg-type]
        )
        fabric.launch()
    except (RuntimeError, MisconfigurationException) as error:
        raise InputError(
            f"cannot train on {devices} x {accelerator} ({error})",
            "name devices that are there: --devices 1, or --accelerator cpu",
        ) from error
    return fabric


def _accelerator(wanted: str) -> str:
    available = {"cpu": True, "cuda": torch.cuda.is_available()}
    available["mps"] = torch.backends.mps.is_available()
    if wanted == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if available[name])
    if not available.get(wanted):
        usable = ", ".join(name for name, here in available.items() if here)
        raise InputError(
            f"the accelerator {wanted!r} is not available here",
            f"set --accelerator to one of: {usable}",
        )
    return wanted


@contextmanager
def lack_of_memory(remedy: str) -> Iterator[None]:
    """Turns a lack of memory, on any device or in a data loader's worker, into one error.

    Args:
        remedy: what to do about it.

    Raises:
        ComputeError: memory ran out.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        cause = _memory_cause(error)
        if cause is None:
            raise
        raise ComputeError(cause, remedy) from error


def _memory_cause(error: Exception) -> str | None:
    """What an error says about memory; none where it is about something else.

    Only CUDA has a class for it. The CPU's allocator and the data loader raise RuntimeError.
    """
    text = " ".join(str(error).split())
    if text.startswith("DataLoader worker") and ("killed by signal" in text or "exited" in text):
        return f"a process that reads samples was ended, as when memory runs out ({text[:200]})"
    known = isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError))
    lacking = "out of memory" in text or "can't allocate memory" in text
    return "out of memory" if known or lacking else None


def ignore_interrupts(over: Event, worker: int) -> None:
    """Leaves Ctrl-C and SIGTERM to the loop, in a data loader's worker.

    Both reach whole groups of processes, and a loop whose worker died could not save. Python ends
    workers by SIGTERM too, and waits until they have: they obey it once the loop is over.

    Args:
        over: set when the loop needs no more batches.
        worker: number of the worker, which the data loader adds.
    """

    def obey(number: int, frame: FrameType | None) -> None:
        if over.is_set():
            os._exit(0)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, obey)


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Turns Ctrl-C and SIGTERM into a question to ask between steps; a second Ctrl-C kills.

    SIGTERM may come twice: a process that torchrun started gets it from whoever stops the whole
    job, and from torchrun.
    """
    received: list[int] = []
    signals = (signal.SIGINT, signal.SIGTERM)

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if number == signal.SIGINT:
            signal.signal(number, signal.SIG_DFL)

    before = [signal.signal(number, note) for number in signals]
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
