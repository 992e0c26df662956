"""Remembers the previous frame of a sequence, for models that read it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from spikerain_edge.images import Image
from spikerain_edge.images.cuts import Plane, are_copies, is_cut, thumbnail

# A gap: so many times the pause before the frame before, and at least so many seconds.
_LONGER = 4.0
_LEAST_GAP = 0.5
# Rows and columns of a frame that are enough to find a cut.
_ENOUGH = 180


class Restart(str, Enum):
    """Why a memory has started anew."""

    CUT = "cut"
    SIZE = "size"
    OUTAGE = "outage"
    GAP = "gap"


@dataclass(frozen=True)
class _Seen:
    """A frame, and what tells whether the next one goes on from it."""

    image: Image
    small: Plane
    time: float | None
    outages: int


class FrameMemory:
    """Remembers the previous frame, and starts anew where the sequence breaks.

    It breaks at a cut to another scene, at another size, after an outage of the camera, and after a
    pause that is four times as long as the one before and longer than half a second. Copies of a
    frame, which some cameras send, count as that frame.

    Attributes:
        restarts: how often it has started anew, by reason.
    """

    def __init__(self) -> None:
        self.restarts = dict.fromkeys(Restart, 0)
        self._latest: _Seen | None = None
        self._previous: Image | None = None
        self._pause = _LEAST_GAP

    def previous(self, image: Image, time: float | None = None, outages: int = 0) -> Image | None:
        """Returns the frame before this one, and remembers this one.

        The frame is kept, not copied: it must not change until the next call.

        Args:
            image: uint8 (H, W, 3) BGR.
            time: when it was taken, in seconds; None where that is unknown, so that there are no
                gaps.
            outages: how often the camera has been lost so far.

        Returns:
            The frame before, of the same shape; None for the first frame of a sequence.
        """
        latest, now = self._latest, _Seen(image, _small(image), time, outages)
        reason = None if latest is None else self._reason(latest, now)
        self._latest = now
        if reason is not None:
            self.restarts[reason] += 1
        if latest is None or reason is not None:
            self._previous = None
        elif not are_copies(latest.image, image):
            self._previous = latest.image
        return self._previous

    def forget(self) -> None:
        """Forgets the frame before: the next frame begins another sequence."""
        self._latest = None

    def _reason(self, latest: _Seen, now: _Seen) -> Restart | None:
        """Why a frame does not go on from the one before; None if it does."""
        late = self._is_late(latest, now)
        if latest.outages != now.outages:
            return Restart.OUTAGE
        if latest.image.shape != now.image.shape:
            return Restart.SIZE
        if late:
            return Restart.GAP
        return Restart.CUT if is_cut(latest.small, now.small) else None

    def _is_late(self, latest: _Seen, now: _Seen) -> bool:
        if latest.time is None or now.time is None:
            return False
        before, self._pause = self._pause, now.time - latest.time
        return self._pause > max(_LEAST_GAP, _LONGER * before)


def _small(image: Image) -> Plane:
    """A thumbnail; of a large frame, not all pixels are read."""
    step = max(1, min(image.shape[:2]) // _ENOUGH)
    return thumbnail(np.ascontiguousarray(image[::step, ::step]))
