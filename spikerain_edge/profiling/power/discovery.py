"""Finds the power rails that a machine can measure."""

from __future__ import annotations

from pathlib import Path

from spikerain_edge.profiling.power import jetson, nvml, rapl
from spikerain_edge.profiling.power.meter import PowerMeter, Sampling


def open_meters(
    root: Path = Path("/"), *, gpu: bool = False, sampling: Sampling | None = None
) -> tuple[list[PowerMeter], str]:
    """Opens every rail that can be read; the first stands for the machine, the rest is detail.

    A Jetson's rails cover processor, GPU and memory, so there is nothing else to look for.
    Elsewhere the first is the processor, or the GPU where that does the work.

    Args:
        root: where the file system starts.
        gpu: whether the network runs on a discrete GPU.
        sampling: where the meters take their time from.

    Returns:
        The meters, and why there are none (else empty).
    """
    sampling = sampling or Sampling()
    board, no_board = jetson.find(root, sampling)
    if board:
        return list(board), ""
    processor, no_processor = rapl.find(root, sampling)
    graphics, no_graphics = nvml.find(root, sampling)
    if processor or graphics:
        return [*graphics, *processor] if gpu else [*processor, *graphics], ""
    return [], "; ".join((no_board, no_processor, no_graphics))
