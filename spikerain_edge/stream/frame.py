"""What travels from a source to the sinks."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

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
        label: what messages call it: the path of an image, the number of a frame in its video; its
            name where that is empty.
        previous: the frame captured before it, of the same shape, for models that read it; None
            where there is none.
        time: when it is shown, in seconds after the first frame of its source; none where frames
            follow each other at the rate of the source.
        duration: for how long it is shown, in seconds, unless the next frame comes earlier or
            later; none where it is one tick of the rate.
        pixel_shape: width of a pixel divided by its height.
        alpha: opacity, uint8 (H, W), which the sinks keep where their format can; None if opaque.
        profile: ICC profile of its colours, which PNG keeps; None where there is none.
    """

    image: Image
    sequence: int
    captured: float
    name: str
    time: float | None = None
    duration: float | None = None
    pixel_shape: Fraction = Fraction(1)
    alpha: Image | None = None
    profile: bytes | None = None
    label: str = ""
    previous: Image | None = None

    @property
    def called(self) -> str:
        """What messages call it."""
        return self.label or self.name


class Arrivals:
    """Times of a live camera's frames: when they come, since its rate is nominal.

    Many cameras send fewer frames in the dark. A frame is taken to last as long as the one before,
    but at most twice as long as the one before that: the first one after an outage does not last
    as long as the outage.

    Args:
        rate: nominal frames per second.
    """

    def __init__(self, rate: float) -> None:
        self._step = 1 / rate
        self._first: float | None = None
        self._latest = 0.0

    def add(self, captured: float) -> tuple[float, float]:
        """The time and the duration of a frame, in seconds, for when it was captured."""
        if self._first is None:
            self._first = self._latest = captured
            return 0.0, self._step
        between, before = captured - self._latest, self._step
        self._latest, self._step = captured, between
        return captured - self._first, min(between, 2 * before)
