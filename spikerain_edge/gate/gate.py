"""Derains frames only while it rains."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from spikerain_edge.errors import InputError
from spikerain_edge.gate.crops import Box, CropPlan, crop_size
from spikerain_edge.gate.decision import RainDecision, RainState, Thresholds
from spikerain_edge.gate.evidence import Evidence, View, weigh
from spikerain_edge.gate.movement import Scene, movement
from spikerain_edge.gate.report import RainReport
from spikerain_edge.images import Image
from spikerain_edge.images.cuts import are_copies
from spikerain_edge.sizes import Size

# Seconds between tests.
_INTERVAL = 1.0
# Seconds between the two frames of a test, at most.
_APART = 0.5
# Weight of the latest test in the intensity.
_SMOOTHING = 0.3
_WORDS = {
    RainState.UNKNOWN: "it is not known whether it rains; frames are derained",
    RainState.DRY: "it is dry; frames pass unchanged",
    RainState.RAIN: "it rains; frames are derained",
}
_log = logging.getLogger(__name__)


class Derain(Protocol):
    """Derains a frame or a part of one."""

    def __call__(self, image: Image, previous: Image | None = None, /) -> Image:
        """Returns it derained, uint8 (H, W, 3) BGR; video models also read the frame before."""
        ...


@dataclass(frozen=True)
class _Pending:
    """The first frame of a test: the frame, and its tested parts before and after the network."""

    image: Image
    time: float
    boxes: Sequence[Box]
    derained: Sequence[Image]


@dataclass(frozen=True)
class _Tested:
    """A frame, and the same derained or as it is."""

    image: Image
    derained: Image


class Gate:
    """Derains frames while it rains or may rain, and returns them unchanged while it is dry.

    About once a second it compares two frames in a row: see `evidence` and `decision`. While it
    rains, this costs nothing, since the frames are derained anyway. When it is dry, the network
    derains two small parts of both frames.

    A video model cannot make this test. From two frames it also removes noise, and noise changes
    as rain does. So another network, for single images, derains parts of both frames, in rain too.

    Args:
        derain: derains whole frames; called for every frame that does not pass unchanged.
        derain_part: derains parts of frames. If it raises InputError for parts of their size, as
            an engine of a fixed size does, tests use whole frames.
        apart: whether `derain_part` is another network than `derain`.
        camera: name of the camera in events.
        interval: seconds between tests.
        thresholds: numbers that decide.
    """

    def __init__(
        self,
        derain: Derain,
        derain_part: Derain,
        *,
        apart: bool = False,
        camera: str = "",
        interval: float = _INTERVAL,
        thresholds: Thresholds | None = None,
    ) -> None:
        self._derain, self._derain_part = derain, derain_part
        self._apart = apart
        self._camera = camera
        self._interval = interval
        self._decision = RainDecision(thresholds)
        self._announced = self._decision.state
        self._scene = Scene()
        self._plan: CropPlan | None = None
        self._pending: _Pending | None = None
        self._due = 0.0
        self._bypassed = 0
        self._light: float | None = None

    @property
    def report(self) -> RainReport:
        """The state so far; may be read by another thread."""
        state = self._decision.state
        light = {RainState.DRY: 0.0, RainState.UNKNOWN: None}.get(state, self._light)
        return RainReport(state, light, self._bypassed)

    def __call__(
        self, image: Image, time: float, outages: int = 0, previous: Image | None = None
    ) -> Image:
        """Returns a frame derained, or the frame itself when it is dry.

        Args:
            image: uint8 (H, W, 3) BGR.
            time: when it was taken, in seconds; never goes back.
            outages: how often the camera has been lost so far.
            previous: the frame before, for video models.

        Raises:
            SpikeRainError: as `derain` does.
        """
        plan = self._plan_for(image, outages)
        dry = self._decision.state is RainState.DRY
        derained = image if dry else self._derain(image, previous)
        tested = _Tested(image, derained)
        if self._pending is not None:
            self._go_on(self._pending, tested, time)
            if dry and self._decision.state is not RainState.DRY:
                dry, derained = False, self._derain(image, previous)
        elif time >= self._due:
            self._due = time + self._interval
            boxes = plan.next(image)
            self._pending = _Pending(image, time, boxes, self._parts(tested, boxes))
        self._bypassed += dry
        return derained

    def _go_on(self, first: _Pending, second: _Tested, time: float) -> None:
        """Ends a test with a frame, unless the camera has sent the same one again."""
        late, same = time - first.time > _APART, are_copies(first.image, second.image)
        if same and not late:
            return
        self._pending = None
        if same:
            self._count(Evidence(0.0, 0.0), time)
        elif not late:
            self._count(self._weigh(first, second), time)

    def _plan_for(self, image: Image, outages: int) -> CropPlan:
        """The plan of tests; begins anew with a camera that shows something else."""
        if self._scene.continues(image, outages) and self._plan is not None:
            return self._plan
        self._pending, self._light = None, None
        self._decision.reset()
        self._announce()
        size = (image.shape[0], image.shape[1])
        self._plan = CropPlan(size, whole=not self._takes_parts(size))
        return self._plan

    def _takes_parts(self, size: Size) -> bool:
        try:
            self._derain_part(np.zeros((*crop_size(size), 3), np.uint8))
        except InputError:
            return False
        return True

    def _weigh(self, first: _Pending, second: _Tested) -> Evidence:
        image, after = second.image, self._parts(second, first.boxes)
        parts = zip(first.boxes, first.derained, after, strict=True)
        views = [View(first.image[box], image[box], one, two) for box, one, two in parts]
        return weigh(views, movement(first.image, image))

    def _count(self, evidence: Evidence, time: float) -> None:
        """Counts a test."""
        before = evidence.light if self._light is None else self._light
        self._light = before + _SMOOTHING * (evidence.light - before)
        self._decision.add(evidence.share, time)
        text = "rain test: %.3f of the change removed, baseline %.3f"
        _log.debug(text, evidence.share, self._decision.baseline)
        self._announce()

    def _parts(self, tested: _Tested, boxes: Sequence[Box]) -> list[Image]:
        """Derained parts of a frame; cut from the derained frame, if the same network made it."""
        if tested.derained is not tested.image and not self._apart:
            return [tested.derained[box] for box in boxes]
        return [self._derain_part(np.ascontiguousarray(tested.image[box])) for box in boxes]

    def _announce(self) -> None:
        """Says that the state has changed."""
        report = self.report
        if report.state is self._announced:
            return
        self._announced = report.state
        event = {"event": "rain_state", "camera": self._camera, **report.document()}
        _log.info("%s: %s", self._camera, _WORDS[report.state], extra=event)
