"""Recordings are coded in hardware where there is an encoder, and play where there is none."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from spikerain_edge.images import Image
from spikerain_edge.stream import hardware
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.recording import RecordingSink
from spikerain_edge.stream.retention import Limits

Draw = Callable[..., Image]
ReadVideo = Callable[[Path], list[Image]]
# Smaller than any NVENC takes, so that it does not open on a machine that has one.
TINY = (16, 16)


@pytest.mark.parametrize(
    ("device", "said"), [(None, "there is no NVIDIA device"), ("nvidia0", "NVENC does not open")]
)
def test_without_an_encoder_in_hardware_a_recording_plays(
    tmp_path: Path,
    picture: Draw,
    read_video: ReadVideo,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    device: str | None,
    said: str,
) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "nvidiactl").touch()
    if device is not None:
        (tmp_path / "dev" / device).touch()
    monkeypatch.setattr(hardware, "_DEVICES", tmp_path / "dev")
    with caplog.at_level(logging.DEBUG):
        sink = RecordingSink(tmp_path / "gate.mp4", 25, Limits())
        for number in range(5):
            sink.write(Frame(picture(0, *TINY), number, 0.0, "shot"), picture(0, *TINY))
        sink.close()
    assert len(read_video(tmp_path / "gate.mp4")) == 5
    assert f"gate.mp4 is coded by libx264: {said}" in caplog.text


def test_an_encoder_in_hardware_is_used_where_it_is(
    tmp_path: Path, picture: Draw, read_video: ReadVideo
) -> None:
    if not hardware.nvenc_opens((640, 480), "a trial"):
        pytest.skip("needs a GPU with NVENC")
    sink = RecordingSink(tmp_path / "gate.mp4", 25, Limits())
    image = picture(0, 480, 640)
    for number in range(100):
        sink.write(Frame(image, number, 0.0, "shot"), image)
    sink.close()
    assert len(read_video(tmp_path / "gate.mp4")) == 100
