"""Counts and times of frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from spikerain_edge.stream.outlet import SinkTraffic

_TIMES_KEPT = 1 << 16


def _times() -> deque[float]:
    return deque(maxlen=_TIMES_KEPT)


@dataclass
class Traffic:
    """What went through a pipeline. Times are in seconds, one per frame, of the latest 65536.

    Attributes:
        frames: frames written.
        dropped: frames of a live source that were too old to be worth it, or that no sink took.
        refused: frames that the function could not take.
        waiting: time from capture until the function had the frame.
        inference: time in the function.
        writing: time in the slowest sink.
        whole_way: time from capture until the last sink had the frame. A file's frames are read
            ahead, so theirs includes waiting in the hand-overs.
        sinks: what became of the frames in each sink.
        elapsed: from start to end.
    """

    frames: int = 0
    dropped: int = 0
    refused: int = 0
    waiting: deque[float] = field(default_factory=_times)
    inference: deque[float] = field(default_factory=_times)
    writing: deque[float] = field(default_factory=_times)
    whole_way: deque[float] = field(default_factory=_times)
    sinks: Sequence[SinkTraffic] = ()
    elapsed: float = 0.0


def total(parts: Sequence[Traffic], latest: int = _TIMES_KEPT) -> Traffic:
    """Adds up what went through several pipelines that ran at the same time.

    Args:
        parts: counts and times of each.
        latest: how many times of each pipeline to take.
    """
    added = Traffic(elapsed=max((part.elapsed for part in parts), default=0.0))
    added.sinks = [sink for part in parts for sink in part.sinks]
    for part in parts:
        added.frames += part.frames
        added.dropped += part.dropped
        added.refused += part.refused
        for name in ("waiting", "inference", "writing", "whole_way"):
            # Copied in one step, because another thread appends.
            times: deque[float] = getattr(added, name)
            times.extend(tuple(getattr(part, name))[-latest:])
    return added
