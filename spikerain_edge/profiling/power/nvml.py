"""Energy of discrete NVIDIA GPUs, from NVML by way of `nvidia-ml-py` where that is installed."""

from __future__ import annotations

import importlib
import weakref
from functools import partial
from pathlib import Path
from typing import Any

from spikerain_edge.profiling.power.meter import (
    COUNTER_INTERVAL_S,
    POWER_INTERVAL_S,
    RailMeter,
    Sampling,
)
from spikerain_edge.profiling.power.sysfs import RailError, readable
from spikerain_edge.profiling.power.tally import CounterTally, PowerTally

_MILLI = 1e-3


class _Library:
    """NVML, started for as long as this object lives.

    Raises:
        RailError: the driver does not answer.
    """

    def __init__(self, nvml: Any) -> None:
        self.nvml = nvml
        self.ask("nvmlInit")
        weakref.finalize(self, nvml.nvmlShutdown)

    def ask(self, question: str, *of: Any) -> Any:
        """Calls a function of the library.

        Raises:
            RailError: it fails.
        """
        try:
            return getattr(self.nvml, question)(*of)
        except self.nvml.NVMLError as error:
            raise RailError(f"the NVIDIA driver does not answer {question}: {error}") from error

    def milli(self, question: str, device: Any) -> float:
        """Returns a device's answer, given in thousandths, in whole units."""
        return float(self.ask(question, device)) * _MILLI


def find(root: Path, sampling: Sampling) -> tuple[list[RailMeter], str]:
    """Returns a meter for each GPU.

    Args:
        root: where the file system starts.
        sampling: where the meters take their time from.

    Returns:
        The meters, and why there are none.
    """
    if not (root / "proc/driver/nvidia").exists():
        return [], "no NVIDIA GPU"
    try:
        nvml = importlib.import_module("pynvml")
    except ImportError:
        return [], "an NVIDIA GPU, but no nvidia-ml-py to read it; run: pip install nvidia-ml-py"
    try:
        library = _Library(nvml)
        count = int(library.ask("nvmlDeviceGetCount"))
    except RailError as error:
        return [], str(error)
    meters, failures = readable(partial(_meter, library, index, sampling) for index in range(count))
    return meters, "" if meters else "; ".join(map(str, failures)) or "no NVIDIA GPU"


def _meter(library: _Library, index: int, sampling: Sampling) -> RailMeter:
    """Reads the energy counter, or power on GPUs older than Volta, which have no counter."""
    device = library.ask("nvmlDeviceGetHandleByIndex", index)
    name = f"GPU {index} ({_text(library.ask('nvmlDeviceGetName', device))})"
    energy = partial(library.milli, "nvmlDeviceGetTotalEnergyConsumption", device)
    power = partial(library.milli, "nvmlDeviceGetPowerUsage", device)
    try:
        energy()
    except RailError:
        power()
        return RailMeter(name, [partial(PowerTally, power)], POWER_INTERVAL_S, sampling)
    return RailMeter(name, [partial(CounterTally, energy, None)], COUNTER_INTERVAL_S, sampling)


def _text(name: str | bytes) -> str:
    """Older releases of the library return bytes."""
    return name.decode() if isinstance(name, bytes) else name
