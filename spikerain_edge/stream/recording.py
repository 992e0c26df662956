"""Recordings that survive a crash: files that play wherever they break off, one after another."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from pathlib import Path

from spikerain_edge.errors import StreamError
from spikerain_edge.images import Image
from spikerain_edge.stream.encoder import Encoder, frames_in
from spikerain_edge.stream.formats import FORMATS
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.image_sinks import FolderSink, unwritable
from spikerain_edge.stream.names import create, dated, is_dated, stamped
from spikerain_edge.stream.retention import Limits, Shelf

_log = logging.getLogger(__name__)
# Bytes that must be free to begin a file.
_ROOM = 1 << 20
# Seconds between two looks at the disk.
_LOOK_EVERY = 2.0
# A file up to this size is searched for frames to tell whether anything of it plays.
_SMALL = 1 << 20


class RecordingSink:
    """A recording under its own name from the start, which no file has had before.

    A crash loses the last second. A new file begins after the length of a segment, when the size of
    the frames changes, after a failure, on request, and after a gap that the container cannot hold.

    Args:
        template: file to write, with time stamps for `names.dated`; the suffix chooses container
            and codec.
        rate: frames per second, nominal.
        limits: how the recording is cut, and which older files are deleted.

    Raises:
        StreamError: its folder cannot be made or written.
    """

    separate = False

    def __init__(self, template: Path, rate: float, limits: Limits) -> None:
        self.label = str(template)
        cut = limits.segment is not None or limits.deletes
        self._template = stamped(template) if cut else template
        self._video = FORMATS[template.suffix.lower()]
        self._rate = rate
        self._limits = limits
        self._shelf = Shelf(self._template, limits)
        self._encoder: Encoder | None = None
        self._path = template
        self._created: Path | None = None
        self._started = self._latest = 0.0
        self._looked = 0.0
        self._cut = False
        self._said = False
        self._folder = None if is_dated(str(template.parent)) else FolderSink(template.parent)

    def cut(self) -> None:
        """Begins a new file with the next frame; safe in a signal handler."""
        self._cut = True

    def write(self, frame: Frame, image: Image) -> None:
        """Appends a frame, to a new file where one is due.

        Raises:
            StreamError: it cannot be written; the next frame begins a new file.
        """
        moment = frame.sequence / self._rate if frame.time is None else frame.time
        size = (image.shape[1], image.shape[0])
        try:
            self._end_if_due(moment, size)
            if self._encoder is None:
                self._begin(frame, moment, size)
            self._look()
            if self._encoder is not None:
                self._encoder.write(frame, image)
        except OSError as error:
            self._give_up()
            raise unwritable(self._path, error) from error
        except StreamError:
            self._give_up()
            raise
        self._latest = moment

    def close(self) -> None:
        """Completes the file.

        Raises:
            StreamError: its end could not be written; what plays of it is kept.
        """
        try:
            self._finish()
        finally:
            if self._folder is not None:
                self._folder.close()

    def _end_if_due(self, moment: float, size: tuple[int, int]) -> None:
        if self._encoder is None:
            return
        segment = self._limits.segment
        before = self._encoder.size
        if size != before:
            _log.warning(
                "frames are %dx%d now and were %dx%d; %s goes on in a new file",
                *(*size, *before, self.label),
            )
        elif not (
            self._cut
            or (segment is not None and moment - self._started >= segment)
            or moment - self._latest > self._video.longest_gap
            or moment - self._started > self._video.longest_file
        ):
            return
        self._finish()

    def _begin(self, frame: Frame, moment: float, size: tuple[int, int]) -> None:
        self._cut = False
        self._shelf.make_room()
        wanted = Path(dated(str(self._template)))
        self._path = wanted
        if self._limits.lacks_room(wanted.parent, _ROOM):
            raise StreamError(f"cannot write {wanted}: the disk is full", "make room there")
        self._path = self._created = create(wanted)
        self._shelf.begin(self._path)
        if self._path != wanted and not self._said and not is_dated(str(self._template)):
            self._said = True
            _log.warning("%s exists and is kept; recording into %s", wanted, self._path)
        else:
            _log.debug("recording into %s", self._path)
        self._started = self._latest = moment
        self._looked = time.monotonic()
        self._encoder = Encoder(
            f"file:{self._path.absolute()}",
            self._video,
            self._rate,
            size=size,
            pixel_shape=frame.pixel_shape,
            label=str(self._path),
            live=True,
        )

    def _look(self) -> None:
        """Looks from time to time whether there is still room on the disk."""
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY:
            return
        self._looked = now
        self._shelf.make_room()
        if self._limits.min_free and self._limits.lacks_room(self._path.parent):
            raise StreamError(
                f"cannot write {self._path}: less is free than --min-free asks for",
                "make room there",
            )

    def _finish(self) -> None:
        encoder, self._encoder = self._encoder, None
        if encoder is None:
            return
        whole = encoder.finish()
        self._shelf.end()
        if whole:
            self._created = None
        else:
            self._discard_empty()
            raise StreamError(
                f"the end of {self._path} could not be written", "check whether the disk is full"
            )

    def _give_up(self) -> None:
        """Ends a file that cannot be written any more; what plays of it is kept."""
        encoder, self._encoder = self._encoder, None
        if encoder is not None:
            encoder.finish()
        self._shelf.end()
        self._discard_empty()

    def _discard_empty(self) -> None:
        path, self._created = self._created, None
        with suppress(OSError):
            if path and path.stat().st_size < _SMALL and not frames_in(str(path.absolute())):
                path.unlink()
