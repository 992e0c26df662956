"""How a camera of a run is doing at a moment."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from spikerain_edge.profiling.live import FrameCost


@dataclass(frozen=True)
class CameraNow:
    """How a camera is doing. The times go on while they are read: copy them first.

    Attributes:
        away: whether it is being connected to again.
        ended: whether it has failed for good.
        inference: seconds that the network took for each of the latest frames.
        ages: seconds from the camera to the last output for each of them; none of files.
        cost: mean cost of a frame; none before the first.
        firing_rates: share of neurons that fire, by layer, in the latest frame looked at.
    """

    away: bool
    ended: bool
    inference: deque[float]
    ages: deque[float]
    cost: FrameCost | None
    firing_rates: Mapping[str, float]
