"""Derains the inputs of a tree: queues their tasks and records the results."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from spikerain_edge.batch.manifest import Failure, Manifest, Record, Status, origin_of
from spikerain_edge.batch.outcome import CutVideo, Outcome, Settings
from spikerain_edge.batch.task import Finished, Task
from spikerain_edge.batch.tree import Input, Still, Video
from spikerain_edge.batch.work import remove_segments
from spikerain_edge.errors import ComputeError, ModelError, SpikeRainError, StreamError

_log = logging.getLogger(__name__)

# Images of one task.
_CHUNK = 8
# Workers that may die of one task.
_MOST_DEATHS = 3
# Outputs in a row that cannot be written until the batch ends: the disk is full, for example.
_MOST_UNWRITABLE = 3
# Seconds between two looks at whether the batch shall stop.
_POLL = 0.2


class Workers(Protocol):
    """Runs tasks on workers; implemented by `pool.Pool`."""

    @property
    def has_idle(self) -> bool:
        """Tells whether a worker has no task."""
        ...

    @property
    def is_busy(self) -> bool:
        """Tells whether a task is running."""
        ...

    def submit(self, task: Task) -> None:
        """Gives a task to an idle worker."""
        ...

    def wait(self, seconds: float) -> list[Finished]:
        """Waits for tasks to end."""
        ...


@dataclass
class _Open:
    """A video that is derained in segments.

    Attributes:
        video: how it is cut.
        left: numbers of the segments that are not done.
        seconds: time that workers have spent on it.
        warnings: what was said about it.
    """

    video: CutVideo
    left: set[int]
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)


class Batch:
    """Derains inputs and records the result of each.

    Args:
        inputs: what to derain.
        settings: what workers derain with.
        digest: digest of the settings.
        manifest: where each input is recorded.
        advance: called with the number of parts that were finished and of parts that were added.

    Attributes:
        records: records of the inputs that this batch has finished.
        stopped: whether an early end was asked for.
    """

    def __init__(
        self,
        inputs: Sequence[Input],
        settings: Settings,
        digest: str,
        manifest: Manifest,
        advance: Callable[[int, int], None] = lambda done, added: None,
    ) -> None:
        self.records: list[Record] = []
        self.stopped = False
        self._settings = settings
        self._digest = digest
        self._manifest = manifest
        self._advance = advance
        self._open: dict[str, _Open] = {}
        self._unwritable = 0
        self._origins = {item.key: origin_of(item.path) for item in inputs}
        stills = [item for item in inputs if isinstance(item, Still)]
        self._waiting = deque(
            [
                *(Task("video", (item,)) for item in inputs if isinstance(item, Video)),
                *(Task("stills", (chunk,)) for chunk in _chunks(stills)),
            ]
        )

    def stop(self) -> None:
        """Requests an early end; safe in a signal handler."""
        self.stopped = True

    def run(self, workers: Workers) -> None:
        """Works until all inputs are recorded, or `stop` is called.

        Raises:
            ModelError: the model cannot derain.
            StreamError: outputs or the manifest cannot be written, or the cluster fails.
        """
        while not self.stopped and (self._waiting or workers.is_busy):
            while self._waiting and workers.has_idle:
                workers.submit(self._waiting.popleft())
            for finished in workers.wait(_POLL):
                self._take(finished)

    def _take(self, finished: Finished) -> None:
        task, result = finished.task, finished.result
        if finished.died:
            self._try_again(task)
        elif isinstance(result, CutVideo):
            self._begin(result)
        elif task.method == "segment":
            video, number = task.arguments
            _tell_derained(result)
            self._end_segment(video, number, result)
        else:
            for outcome in result if isinstance(result, list) else [result]:
                if task.method != "join":
                    _tell_derained(outcome)
                self._record(outcome)

    def _begin(self, video: CutVideo) -> None:
        opened = _Open(video, set(video.missing), video.seconds, list(video.warnings))
        self._open[video.item.key] = opened
        tasks = [Task("segment", (video, number)) for number in sorted(video.missing)]
        self._advance(0, len(tasks))
        self._waiting.extendleft(reversed(tasks or [Task("join", (video,))]))

    def _end_segment(self, video: CutVideo, number: int, outcome: Outcome) -> None:
        self._advance(1, 0)
        opened = self._open.get(video.item.key)
        if opened is None:
            return
        if outcome.error is not None:
            self._record(outcome)
            return
        opened.left.discard(number)
        opened.seconds += outcome.seconds
        opened.warnings += outcome.warnings
        if not opened.left:
            self._waiting.appendleft(Task("join", (video,)))

    def _try_again(self, task: Task) -> None:
        """Queues the task of a dead worker again; a chunk of images is split into single images."""
        if task.method in ("segment", "join") and task.arguments[0].item.key not in self._open:
            # The video is recorded already: another of its segments failed.
            if task.method == "segment":
                self._advance(1, 0)
            return
        if task.method == "stills" and len(task.arguments[0]) > 1:
            singles = [Task("stills", ([item],), task.tries + 1) for item in task.arguments[0]]
            self._waiting.extendleft(reversed(singles))
            return
        task = replace(task, tries=task.tries + 1)
        if task.tries < _MOST_DEATHS:
            self._waiting.appendleft(task)
            return
        subject = task.arguments[0]
        item = subject.item if isinstance(subject, CutVideo) else subject
        item = item[0] if isinstance(item, list) else item
        error = ComputeError(
            f"{item.path}: {_MOST_DEATHS} workers died of it",
            "free memory, use fewer --workers, or --tile auto",
        )
        if task.method == "segment":
            self._advance(1, 0)
        self._record(Outcome(item, error=error, usable=False))

    def _record(self, outcome: Outcome) -> None:
        key, error = outcome.item.key, outcome.error
        opened = self._open.pop(key, None)
        if opened is not None:
            self._drop(opened)
        status: Status = "done"
        if error is not None:
            status = "incomplete" if outcome.usable else "failed"
            _log.warning("%s", error)
        record = Record(
            key,
            status,
            self._digest,
            self._origins[key],
            list(outcome.outputs),
            outcome.frames,
            1 if opened is None else len(opened.video.plan.lengths),
            round(outcome.seconds + (opened.seconds if opened else 0.0), 3),
            list(dict.fromkeys([*(opened.warnings if opened else ()), *outcome.warnings])),
            None if error is None else Failure(error.cause, error.remedy, error.exit_code),
        )
        for warning in record.warnings:
            _log.warning("%s: %s", key, warning)
        self._manifest.add(record)
        self.records.append(record)
        self._advance(1, 0)
        if status != "failed":
            remove_segments(self._settings.output, key)
        self._give_up_if_useless(error)

    def _drop(self, opened: _Open) -> None:
        """Drops the queued segments of a video whose result is recorded."""
        kept = [
            task
            for task in self._waiting
            if task.method != "segment" or task.arguments[0].item != opened.video.item
        ]
        self._advance(len(self._waiting) - len(kept), 0)
        self._waiting = deque(kept)

    def _give_up_if_useless(self, error: SpikeRainError | None) -> None:
        """Raises an error with which all further inputs would fail too."""
        if isinstance(error, ModelError):
            raise error
        self._unwritable = self._unwritable + 1 if isinstance(error, StreamError) else 0
        if error is not None and self._unwritable == _MOST_UNWRITABLE:
            raise error


def _tell_derained(outcome: Outcome) -> None:
    frames = outcome.frames
    _log.debug("%d frames of %s derained", frames, outcome.item.key, extra={"frames": frames})


def _chunks(stills: Sequence[Still]) -> list[list[Still]]:
    return [list(stills[at : at + _CHUNK]) for at in range(0, len(stills), _CHUNK)]
