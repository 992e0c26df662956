"""A camera is tried by what it sends, not by what it claims."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from cameras import Web, free_port, jpeg

from spikerain_edge.diagnosis.camera import try_camera
from spikerain_edge.errors import StreamError
from spikerain_edge.stream.capture_options import CaptureOptions


@pytest.fixture
def web() -> Iterator[Web]:
    served = Web()
    yield served
    served.close()


@pytest.mark.slow
def test_size_count_and_age_are_those_of_the_frames(web: Web) -> None:
    web.parts = [jpeg(np.full((48, 64, 3), level, np.uint8)) for level in (40, 80, 120)]
    web.after, web.pause = "repeat", 0.1
    trial = try_camera(f"{web.base}/live", CaptureOptions(), 5.0)
    assert (trial.live, trial.width, trial.height) == (True, 64, 48)
    assert trial.frames >= 2
    assert trial.fps > 0
    assert trial.camera == f"{web.base}/live"
    assert set(trial.age_ms) >= {"p50", "p99"}
    assert (trial.corrupt, trial.outages) == (0, 0)


@pytest.mark.slow
def test_a_camera_that_falls_silent_has_an_outage(web: Web) -> None:
    web.parts, web.after = [jpeg(np.zeros((48, 64, 3), np.uint8))] * 3, "hang"
    trial = try_camera(f"{web.base}/live", CaptureOptions(stall_timeout=20.0), 3.0)
    assert (trial.frames, trial.outages) == (3, 1)


def test_a_camera_that_is_not_there_is_an_error() -> None:
    with pytest.raises(StreamError):
        try_camera(f"http://127.0.0.1:{free_port()}/live", CaptureOptions(), 1.0)
