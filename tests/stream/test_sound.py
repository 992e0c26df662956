"""The sound of a file goes where the container of the output takes it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

Ffmpeg = Callable[..., None]
Run = Callable[..., subprocess.CompletedProcess[str]]
FrameTimes = Callable[[Path], list[float]]
# A second of silence, then a second of a tone, beside two seconds of pictures.
TONE = "aevalsrc=gt(t\\,1)*sin(2000*t):s=16000:d=2"
PICTURES = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=5:d=2")


def loudness(path: Path, ffmpeg: Ffmpeg) -> list[float]:
    """How loud each tenth of a second of a file is."""
    raw = path.with_suffix(".raw")
    ffmpeg("-i", path, "-f", "f32le", "-ac", "1", "-ar", "16000", raw)
    heard = np.fromfile(raw, np.float32)
    tenths = heard[: len(heard) // 1600 * 1600].reshape(-1, 1600)
    return [float(tenth.std()) for tenth in tenths]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("coding", "name", "output"),
    [
        ("aac", "in.mp4", "out.mp4"),
        ("aac", "in.mp4", "out.mkv"),
        ("aac", "in.ts", "out.mov"),
        ("flac", "in.mkv", "out.mp4"),
        ("pcm_s16le", "in.avi", "out.avi"),
    ],
)
def test_sound_stays_beside_its_pictures(
    tmp_path: Path,
    ffmpeg: Ffmpeg,
    spikerain: Run,
    frame_times: FrameTimes,
    coding: str,
    name: str,
    output: str,
) -> None:
    ffmpeg(*PICTURES, "-f", "lavfi", "-i", TONE, "-c:a", coding, tmp_path / name)
    ended = spikerain("--camera", name, "--output", output)
    assert ended.returncode == 0, ended.stderr
    assert "sound" not in ended.stderr
    assert len(frame_times(tmp_path / output)) == 10
    before, after = (loudness(tmp_path / each, ffmpeg) for each in (name, output))
    assert len(after) == pytest.approx(20, abs=2)
    begun = [next(i for i, level in enumerate(loud) if level > 0.2) for loud in (before, after)]
    assert begun[0] == pytest.approx(10, abs=1)
    assert begun[1] == pytest.approx(begun[0], abs=1)


def test_sound_ends_with_the_pictures(tmp_path: Path, ffmpeg: Ffmpeg, spikerain: Run) -> None:
    ffmpeg(*PICTURES, "-f", "lavfi", "-i", TONE, tmp_path / "in.mp4")
    ended = spikerain("--camera", "in.mp4", "--output", "out.mp4", "--max-frames", "3")
    assert ended.returncode == 0, ended.stderr
    assert len(loudness(tmp_path / "out.mp4", ffmpeg)) == pytest.approx(6, abs=2)


@pytest.mark.slow
@pytest.mark.parametrize("order", ["ab", "ba"])
def test_sound_of_joined_recordings_does_not_stop_the_video(
    tmp_path: Path, ffmpeg: Ffmpeg, spikerain: Run, frame_times: FrameTimes, order: str
) -> None:
    ffmpeg(*PICTURES, "-f", "lavfi", "-i", TONE, "-c:a", "aac", tmp_path / "a.ts")
    ffmpeg("-i", tmp_path / "a.ts", "-c", "copy", "-output_ts_offset", "3600", tmp_path / "b.ts")
    parts = [(tmp_path / f"{name}.ts").read_bytes() for name in order]
    (tmp_path / "joined.ts").write_bytes(b"".join(parts))
    ended = spikerain("--camera", "joined.ts", "--output", "out.mp4")
    assert ended.returncode == 0, ended.stderr
    assert len(frame_times(tmp_path / "out.mp4")) == 20


@pytest.mark.slow
def test_aac_from_a_stream_is_not_put_into_avi(
    tmp_path: Path, ffmpeg: Ffmpeg, spikerain: Run, frame_times: FrameTimes
) -> None:
    ffmpeg(*PICTURES, "-f", "lavfi", "-i", TONE, "-c:a", "aac", tmp_path / "in.ts")
    ended = spikerain("--camera", "in.ts", "--output", "out.avi")
    assert ended.returncode == 0, ended.stderr
    assert "the sound of in.ts is not copied" in ended.stderr
    assert len(frame_times(tmp_path / "out.avi")) == 10
