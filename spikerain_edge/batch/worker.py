"""Derains images, videos and segments; each worker process has one."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2

from spikerain_edge.batch.cutting import Plan, cut, save, saved_plan, saved_segment
from spikerain_edge.batch.manifest import Written, origin_of
from spikerain_edge.batch.noting import Heard, Noted, NotedDerainer, described
from spikerain_edge.batch.outcome import CutVideo, Outcome, Settings
from spikerain_edge.batch.segments import (
    OtherFramesError,
    SegmentSink,
    SegmentSource,
    join,
    missing_segments,
    segment_path,
)
from spikerain_edge.batch.tree import Input, Still, Video
from spikerain_edge.batch.work import work_folder
from spikerain_edge.errors import (
    ComputeError,
    InputError,
    ModelError,
    SpikeRainError,
    StreamError,
)
from spikerain_edge.inference import Derainer
from spikerain_edge.inference.backends import backend_named
from spikerain_edge.logs import attached
from spikerain_edge.run_outputs import sound_of
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.image_sinks import FolderSink
from spikerain_edge.stream.memory import SourceMemory
from spikerain_edge.stream.pipeline import Pipeline
from spikerain_edge.stream.scaling import scaled
from spikerain_edge.stream.sinks import Sink
from spikerain_edge.stream.sources import Source
from spikerain_edge.stream.stills import ImageSource
from spikerain_edge.stream.video import open_video
from spikerain_edge.stream.video_sink import VideoSink

# Warnings of one input that are kept.
_MOST_WARNINGS = 20


class Worker:
    """Derains what it is given, with models that are loaded once.

    Args:
        settings: model, threads and sizes.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._digest = ""
        self._derainers: dict[str, Derainer] = {}

    def load(self, expected: str | None = None) -> SpikeRainError | None:
        """Loads the models.

        Args:
            expected: digest of the settings on the machine that began the batch.

        Returns:
            Why a model cannot be loaded, or that it is another one than on that machine.
        """
        settings = self._settings
        cv2.setNumThreads(settings.threads)
        try:
            self._digest = settings.digest()
            if expected not in (None, self._digest):
                raise ModelError(
                    f"{' or '.join(dict.fromkeys(settings.models))} on {platform.node()} is not "
                    "the model of the machine that began the batch",
                    "copy the same file to all nodes: sha256sum FILE",
                )
            for model in set(settings.models):
                self._derainers[model] = Derainer.load(
                    model,
                    provider=backend_named(settings.backend),
                    threads=settings.threads,
                    tile=settings.tile,
                    spin=False,  # encoders run beside the network
                )
        except SpikeRainError as error:
            return error
        return None

    def stills(self, items: Sequence[Still]) -> list[Outcome]:
        """Derains images, each into files of its own."""
        return [self._measured(item, self._still) for item in items]

    def video(self, item: Video) -> Outcome | CutVideo:
        """Derains a video that must be whole, or cuts it into segments."""
        began, heard = time.perf_counter(), Heard()
        with attached(heard):
            try:
                found = self._cut(item)
            except (SpikeRainError, OSError, MemoryError) as error:
                told, warnings = _told(error), tuple(heard.warnings)
                return Outcome(item, error=told, warnings=warnings, usable=False)
        if found is None:
            return self._measured(item, self._whole_video)
        seconds = time.perf_counter() - began
        return CutVideo(*found, seconds, tuple(heard.warnings))

    def segment(self, video: CutVideo, number: int) -> Outcome:
        """Derains one segment of a video into the work folder."""
        return self._measured(video.item, lambda item: self._segment(video, number))

    def join(self, video: CutVideo) -> Outcome:
        """Joins the segments of a video into its output."""
        return self._measured(video.item, lambda item: self._join(video))

    def _measured(self, item: Input, work: Callable[..., Outcome]) -> Outcome:
        """The outcome of some work on an input, with its time, warnings and error."""
        began, heard = time.perf_counter(), Heard()
        with attached(heard):
            try:
                outcome = work(item)
            except (SpikeRainError, OSError, MemoryError) as error:
                outcome = Outcome(item, error=_told(error))
        return Outcome(
            item,
            outcome.outputs,
            outcome.frames,
            time.perf_counter() - began,
            tuple(heard.warnings[:_MOST_WARNINGS]),
            outcome.error,
            bool(outcome.outputs),
        )

    def _still(self, item: Still) -> Outcome:
        source = ImageSource([item.path], [item.name], item.taken)
        sink = Noted(FolderSink(item.folder))
        derainer = NotedDerainer(self._for_stills)
        error = self._run(derainer, source, sink)
        paths = [item.folder / f"{name}.png" for name in sink.names]
        if error is not None and (derainer.failed or not isinstance(error, InputError)):
            # The pages are begun anew with the next try.
            for path in paths:
                path.unlink(missing_ok=True)
            return Outcome(item, error=error)
        return Outcome(item, self._written(paths), len(paths), error=error)

    def _whole_video(self, item: Video) -> Outcome:
        source = open_video(item.path)
        try:
            sink = Noted(VideoSink(item.output, source.rate, sound_of(source), keep=False))
        except StreamError:
            source.close()
            raise
        derainer = NotedDerainer(self._for_videos)
        error = self._run(derainer, source, sink)
        broken = sink.refused or derainer.failed or not isinstance(error, InputError)
        if error is not None and broken and sink.completed:
            # It broke off: only what lacks frames for its source's fault is an output.
            item.output.unlink(missing_ok=True)
            return Outcome(item, error=error)
        paths = [item.output] if sink.completed else []
        return Outcome(item, self._written(paths), len(sink.names), error=error)

    def _cut(self, item: Video) -> tuple[Video, Path, Plan, tuple[int, ...]] | None:
        """How a video is cut, by an earlier batch or now; None if it must be whole."""
        # Packets of MPEG-TS repeat headers that the files of segments hold only once.
        if item.output.suffix.lower() == ".ts":
            return None
        folder = work_folder(self._settings.output, item.key)
        plan = saved_plan(folder, origin_of(item.path), self._digest)
        if plan is None:
            made = cut(
                item.path,
                self._settings.segment,
                self._digest,
                lead=self._for_videos.spec.reads_video,
            )
            if made is None:
                return None
            plan, segments = made
            for stale in folder.glob("*.nut"):
                stale.unlink()
            save(folder, plan, segments)
        return item, folder, plan, tuple(missing_segments(folder, plan))

    def _segment(self, video: CutVideo, number: int) -> Outcome:
        segment = saved_segment(video.folder, number)
        for seek in (True, False):
            source = SegmentSource(video.item.path, video.plan, segment, seek=seek)
            path, suffix = segment_path(video.folder, number), video.item.output.suffix
            sink = SegmentSink(path, suffix, video.plan.rate, segment.length)
            try:
                error = self._run(NotedDerainer(self._for_videos), source, sink, source.lead)
            except OtherFramesError:
                continue
            return Outcome(video.item, frames=0 if error else segment.length, error=error)
        raise AssertionError("unreachable")

    def _join(self, video: CutVideo) -> Outcome:
        item = video.item
        if origin_of(item.path) != video.plan.origin:
            raise InputError(f"{item.path} has changed while it was derained", "start again")
        source = open_video(item.path)
        source.close()
        sink = VideoSink(item.output, video.plan.rate, sound_of(source), keep=False)
        try:
            frames = join(video.folder, video.plan, sink)
        except SpikeRainError:
            sink.discard()
            raise
        sink.close()
        return Outcome(item, self._written([item.output]), frames)

    @property
    def _for_stills(self) -> Derainer:
        return self._derainers[self._settings.models[0]]

    @property
    def _for_videos(self) -> Derainer:
        return self._derainers[self._settings.models[1]]

    def _run(
        self, derainer: NotedDerainer, source: Source, sink: Sink, lead: Sequence[Frame] = ()
    ) -> SpikeRainError | None:
        """Derains a source, after frames that are only remembered, into a sink.

        Returns:
            What failed.
        """
        size, memory = self._settings.size, SourceMemory(source)
        # The lead is read before the first frame of the source, and not before.
        unread = iter(lead)

        def remember(frame: Frame) -> Frame:
            if not derainer.spec.reads_video:
                return frame
            for earlier in unread:
                memory(scaled(earlier, size))
            return memory(frame)

        try:
            Pipeline(source, derainer, [sink], size=size, remember=remember).run()
        except SpikeRainError as error:
            return error
        return None

    def _written(self, paths: Sequence[Path]) -> tuple[Written, ...]:
        return tuple(described(path, self._settings.output) for path in paths)


def _told(error: SpikeRainError | OSError | MemoryError) -> SpikeRainError:
    """The error as one of the package's family."""
    if isinstance(error, SpikeRainError):
        return error
    if isinstance(error, MemoryError):
        return ComputeError("out of memory", "use fewer --workers, or --tile auto")
    return StreamError(f"cannot use {error.filename}: {error.strerror}", "check the path: df -h")
