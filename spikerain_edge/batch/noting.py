"""Notes the files, frames and warnings of a worker's task."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from spikerain_edge.batch.manifest import Written
from spikerain_edge.errors import SpikeRainError
from spikerain_edge.images import Image
from spikerain_edge.inference import Derainer
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.sinks import Sink


class Noted:
    """A sink that notes which frames it has written, and whether it is complete.

    Args:
        sink: what writes them.

    Attributes:
        names: names of the frames that were written.
        completed: whether the sink was closed without an error and has frames.
        refused: whether it could not write a frame.
    """

    def __init__(self, sink: Sink) -> None:
        self.label, self.separate = sink.label, sink.separate
        self.names: list[str] = []
        self.completed = self.refused = False
        self._sink = sink

    def write(self, frame: Frame, image: Image) -> None:
        """Writes a frame and notes it."""
        try:
            self._sink.write(frame, image)
        except SpikeRainError:
            self.refused = True
            raise
        self.names.append(frame.name)

    def close(self) -> None:
        """Completes the sink."""
        self._sink.close()
        self.completed = bool(self.names)


class NotedDerainer:
    """Derains images, and notes whether that has failed.

    Args:
        derainer: does the work.

    Attributes:
        failed: whether an image could not be derained.
        spec: description of the model.
    """

    def __init__(self, derainer: Derainer) -> None:
        self.failed, self.spec = False, derainer.spec
        self._derainer = derainer

    def __call__(self, image: Image, previous: Image | None = None) -> Image:
        """Derains an image."""
        try:
            return self._derainer(image, previous)
        except (SpikeRainError, MemoryError):
            self.failed = True
            raise


class Heard(logging.Handler):
    """Keeps the texts of warnings."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.warnings: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps the text of a record."""
        self.warnings.append(record.getMessage())


def described(path: Path, root: Path) -> Written:
    """Size and SHA-256 of an output.

    Args:
        path: the file.
        root: the output folder.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
        size = file.tell()
    return Written(path.relative_to(root).as_posix(), size, digest.hexdigest())
