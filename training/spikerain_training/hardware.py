"""Hardware of a run: accelerator, processes and machines, lack of memory, signals."""

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
    """Hardware to train on.

    Attributes:
        accelerator: `auto`, `cpu`, `cuda` or `mps`.
        devices: number of processes on this machine, one per device; ignored under `torchrun`.
        nodes: number of machines; ignored under `torchrun`.
        workers: processes that prepare samples, for each device; None for one beside a CPU and
            eight beside another device.
    """

    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    workers: int | None = None


def launch(hardware: Hardware, precision: str) -> Fabric:
    """Starts the processes of a run, or joins those that `torchrun` started.

    Raises:
        InputError: the accelerator is not available, has too few devices, or does not support the
            precision.
    """
    # torchrun has started the processes already; the environment holds their numbers.
    devices = int(os.environ.get("LOCAL_WORLD_SIZE", hardware.devices))
    nodes = int(os.environ.get("GROUP_WORLD_SIZE", hardware.nodes))
    accelerator = _accelerator(hardware.accelerator)
    if accelerator == "cpu" and precision == "16-mixed":
        raise InputError(
            "the precision 16-mixed needs a GPU",
            "use another precision: --set precision=bf16-mixed, or --set precision=32-true",
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
            "use devices that this machine has: --devices 1, or --accelerator cpu",
        ) from error
    return fabric


def _accelerator(wanted: str) -> str:
    available = {"cpu": True, "cuda": torch.cuda.is_available()}
    available["mps"] = torch.backends.mps.is_available()
    if wanted == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if available[name])
    if not available.get(wanted):
        usable = " or ".join(name for name, present in available.items() if present)
        raise InputError(
            f"the accelerator {wanted!r} is not available on this machine",
            f"use --accelerator {usable}",
        )
    return wanted


@contextmanager
def lack_of_memory(remedy: str) -> Iterator[None]:
    """Raises the same error whenever memory runs out, on any device or in a data loader's worker.

    Args:
        remedy: remedy of the error.

    Raises:
        ComputeError: memory ran out inside the context.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        cause = _memory_cause(error)
        if cause is None:
            raise
        raise ComputeError(cause, remedy) from error


def _memory_cause(error: Exception) -> str | None:
    """Returns the cause in words if an error means that memory ran out, otherwise None.

    Only CUDA has a class for it. The CPU allocator and the data loader raise RuntimeError.
    """
    text = " ".join(str(error).split())
    if text.startswith("DataLoader worker") and ("killed by signal" in text or "exited" in text):
        return f"a data loader process was killed, probably because memory ran out ({text[:200]})"
    known = isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError))
    lacking = "out of memory" in text or "can't allocate memory" in text
    return "out of memory" if known or lacking else None


def ignore_interrupts(over: Event, worker: int) -> None:
    """Makes a data loader's worker ignore Ctrl-C and, until `over` is set, SIGTERM.

    Both signals reach all processes of a group. The training loop saves the run before it stops,
    and it cannot do so if a worker has died. Python stops workers by SIGTERM too, and waits for
    them, so they obey it after the loop.

    Args:
        over: event that is set when the loop needs no more batches.
        worker: number of the worker; the data loader passes it.
    """

    def obey(number: int, frame: FrameType | None) -> None:
        if over.is_set():
            os._exit(0)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, obey)


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Yields a function that returns True after Ctrl-C or SIGTERM; a second Ctrl-C kills.

    SIGTERM may arrive twice: once from the program that stops the whole job, once from torchrun.
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
