from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from harness import profile
from hypothesis import settings
from networks import SMALL, randomised

from spikerain_edge.images import Image
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.video_sink import VideoSink
from spikerain_export.artefact import seal
from spikerain_export.exporter import unrolled

settings.register_profile("fuzz", profile())


@pytest.fixture(autouse=True, scope="package")
def _profile() -> None:
    settings.load_profile("fuzz")


@pytest.fixture(scope="session")
def graph() -> bytes:
    """An ONNX file of a small network."""
    (model, spec), _ = unrolled(randomised(SMALL))
    return seal(model, spec)[0]


@pytest.fixture(scope="session")
def video(
    tmp_path_factory: pytest.TempPathFactory, picture: Callable[..., Image]
) -> Callable[[str], bytes]:
    """A video of eight frames, by its suffix."""

    def make(suffix: str) -> bytes:
        path: Path = tmp_path_factory.mktemp("clip") / f"clip{suffix}"
        sink = VideoSink(path, 10)
        for number in range(8):
            sink.write(Frame(picture(number), number, 0.0, "shot"), picture(number))
        sink.close()
        return path.read_bytes()

    return make
