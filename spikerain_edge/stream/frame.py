"""What travels from a source to the sinks."""

from __future__ import annotations

from dataclasses import dataclass

from spikerain_edge.images import Image

# Frames per second of what does not say.
DEFAULT_RATE = 25.0


@dataclass(frozen=True)
class Frame:
    """One picture on its way.

    Attributes:
        image: uint8 (H, W, 3) BGR.
        sequence: number of the frame in its source, from 0; gaps are frames that were dropped.
        captured: when a live camera handed it over, or when reading it from a file or drawing it
            began, before it was decoded; seconds on the clock of `time.perf_counter`.
        name: what a folder should call it, without suffix.
    """

    image: Image
    sequence: int
    captured: float
    name: str
