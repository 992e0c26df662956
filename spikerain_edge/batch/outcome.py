"""Settings of workers, and the results that they return."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from spikerain_edge.batch.cutting import Plan
from spikerain_edge.batch.manifest import Written
from spikerain_edge.batch.tree import Input, Video
from spikerain_edge.errors import SpikeRainError
from spikerain_edge.models import find_model
from spikerain_edge.sizes import Tile


@dataclass(frozen=True)
class Settings:
    """Settings with which workers derain.

    Attributes:
        models: names of shipped models or paths of model files, for images and for videos.
        backend: provider of ONNX Runtime, `openvino` or `auto`.
        threads: CPU threads of each worker.
        size: width and height to scale frames to first.
        tile: height and width of tiles, or `auto`.
        segment: least number of frames of a segment of a video.
        output: the output folder.
    """

    models: tuple[str, str]
    backend: str
    threads: int
    size: tuple[int, int] | None
    tile: Tile | None
    segment: int
    output: Path

    def digest(self) -> str:
        """A digest of the models and the options that determine the output.

        Raises:
            InputError: a model does not exist.
            ModelError: it cannot be read.
        """
        graphs = [find_model(model).graph.read() for model in self.models]
        digests = " ".join(hashlib.sha256(graph).hexdigest() for graph in graphs)
        described = f"1 {digests} {self.size} {self.tile}"
        return hashlib.sha256(described.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Outcome:
    """Result of an input, or of a segment of it.

    Attributes:
        item: the input.
        outputs: files that were written.
        frames: number of frames in them.
        seconds: time that it took.
        warnings: what was said.
        error: why it failed, or which of its frames are missing.
        usable: whether the outputs hold all frames that could be used.
    """

    item: Input
    outputs: tuple[Written, ...] = ()
    frames: int = 0
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    error: SpikeRainError | None = None
    usable: bool = True


@dataclass(frozen=True)
class CutVideo:
    """A video that was cut into segments.

    Attributes:
        item: the video.
        folder: where its plan and its segments are.
        plan: how it is cut.
        missing: numbers of the segments that must still be derained.
        seconds: time that cutting took.
        warnings: what was said.
    """

    item: Video
    folder: Path
    plan: Plan
    missing: tuple[int, ...]
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
