"""Derains the frames of one camera and counts what they cost."""

from __future__ import annotations

from dataclasses import dataclass

from spikerain_edge.images import Image
from spikerain_edge.inference import Derainer
from spikerain_edge.profiling.live import CostMeter
from spikerain_edge.stream.turns import Turns

# A short run needs a few firing rates, and a long one must not become slower by them.
_FIRST_PROBES = (8, 16, 32)
_PROBE_EVERY = 64


@dataclass(frozen=True)
class SharedEngine:
    """What the cameras of a run share.

    Attributes:
        derainer: removes rain from the images of all.
        tester: derains parts of frames for the rain gate.
        turns: taken by the camera whose image is derained.
    """

    derainer: Derainer
    tester: Derainer
    turns: Turns


class MeteredDerainer:
    """Derains images, and counts their operations and the spikes of some.

    Args:
        derainer: may serve other cameras too.

    Attributes:
        costs: what the images have cost so far.
    """

    def __init__(self, derainer: Derainer) -> None:
        self.costs = CostMeter(derainer.spec)
        self._derainer = derainer
        self._seen = 0

    def __call__(self, image: Image, previous: Image | None = None) -> Image:
        """Derains an image; for some, the probe graph also reports firing rates.

        These are the first image, those numbered 8, 16 and 32, and every 64th.

        Args:
            image: uint8 (H, W, 3) BGR.
            previous: the frame before it, for video models.

        Raises:
            InputError: the size of the image is not supported.
            ModelError: the engine fails.
        """
        height, width = self._derainer.padded_size(image)
        due = self._seen in _FIRST_PROBES or self._seen % _PROBE_EVERY == 0
        sampled = self._derainer.can_probe and due
        self._seen += 1
        if sampled:
            derained, rates = self._derainer.derain_and_probe(image, previous)
            self.costs.add(height, width, rates)
            return derained
        derained = self._derainer(image, previous)
        self.costs.add(height, width)
        return derained
