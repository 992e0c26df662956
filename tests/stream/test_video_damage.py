"""Videos with a destroyed part: no frame is lost in silence, and nothing is said of whole ones."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.stream.sources import open_source

Ffmpeg = Callable[..., None]
CLIP = ("-f", "lavfi", "-i", "testsrc2=s=160x120:r=10:d=3")
SOUND = ("-f", "lavfi", "-i", "sine=d=3")
FRAMES = 30
H264 = ("-c:v", "libx264", "-g", "12")
VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M")
VIDEOS = {
    "h264.mp4": H264,
    "mjpeg.mp4": ("-c:v", "mjpeg"),
    "fragments.mp4": (*H264, "-movflags", "frag_keyframe+empty_moov"),
    "mpeg4.mov": ("-c:v", "mpeg4"),
    "h264.mkv": (*SOUND, *H264),
    "ffv1.mkv": ("-c:v", "ffv1"),
    "vp9.mkv": VP9,
    "vp9.webm": VP9,
    "mjpeg.avi": ("-c:v", "mjpeg"),
    "ffv1.avi": ("-c:v", "ffv1"),
    "sound.avi": (*SOUND, *H264),
    "h264.ts": H264,
    "sound.ts": (*SOUND, *H264),
    "h264.flv": (*H264, "-bf", "0"),
    "theora.ogv": ("-c:v", "libtheora"),
    "msmpeg4.wmv": ("-c:v", "msmpeg4"),
    "mpeg2.mxf": ("-c:v", "mpeg2video", "-r", "25", "-frames:v", "30"),
}


def read(path: Path) -> tuple[list[Image], int, str]:
    """The frames of a video, how many are missing, and what is said, if anything."""
    source = open_source(str(path))
    shown: list[Image] = []
    try:
        shown.extend(frame.image for frame in source)
    except InputError as error:
        return shown, source.missing, error.cause
    finally:
        source.close()
    return shown, source.missing, ""


def overwritten(content: bytes, seed: int) -> bytes:
    """A file with a part of its middle zeroed, or full of random bytes."""
    chance = np.random.default_rng(seed)
    size = min(int(chance.choice((1500, 4000, 8000, len(content) // 5))), len(content) // 3)
    at = int(chance.integers(len(content) // 4, len(content) - size))
    new = bytes(size) if seed % 2 else chance.bytes(size)
    return content[:at] + new + content[at + size :]


@pytest.mark.slow
@pytest.mark.parametrize("name", VIDEOS)
def test_no_frame_is_lost_in_silence(tmp_path: Path, ffmpeg: Ffmpeg, name: str) -> None:
    ffmpeg(*CLIP, *VIDEOS[name], tmp_path / name)
    content = (tmp_path / name).read_bytes()
    path = tmp_path / f"hole_{name}"
    losses = 0
    for seed in range(6):
        path.write_bytes(overwritten(content, seed))
        try:
            shown, _, said = read(path)
        except InputError:
            continue
        if len(shown) < FRAMES:
            losses += 1
            assert str(path) in said, f"{FRAMES - len(shown)} frames lost in silence, seed {seed}"
    assert losses


@pytest.mark.parametrize("name", ["h264.mp4", "mpeg4.mov", "ffv1.mkv", "vp9.webm", "mjpeg.avi"])
def test_lost_frames_are_counted(tmp_path: Path, ffmpeg: Ffmpeg, name: str) -> None:
    ffmpeg(*CLIP, *VIDEOS[name], tmp_path / name)
    content = (tmp_path / name).read_bytes()
    middle = len(content) // 2
    (tmp_path / name).write_bytes(content[:middle] + bytes(6000) + content[middle + 6000 :])
    shown, missing, said = read(tmp_path / name)
    assert (len(shown) + missing, missing > 0) == (FRAMES, True)
    assert f"{missing} of {FRAMES} frames of {tmp_path / name} are damaged or missing" in said


def test_checksums_of_matroska_tell_of_frames_that_decode_wrong(
    tmp_path: Path, ffmpeg: Ffmpeg
) -> None:
    path = tmp_path / "x.mkv"
    ffmpeg(*CLIP, "-c:v", "rawvideo", path)
    whole, _, _ = read(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    shown, missing, said = read(path)
    assert (len(shown), missing) == (FRAMES, 0)
    assert any((one != other).any() for one, other in zip(shown, whole, strict=True))
    assert said == f"parts of {path} are damaged and cannot be read"


def test_damaged_jpegs_of_a_video_are_left_out(tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    path = tmp_path / "x.avi"
    ffmpeg(*CLIP, "-c:v", "mjpeg", "-q:v", "2", path)
    whole, _, _ = read(path)
    content = bytearray(path.read_bytes())
    chunk = content.index(b"movi")
    for _ in range(11):
        chunk = content.index(b"00dc", chunk + 1)
    # The second half of the coded data of one picture.
    size = int.from_bytes(content[chunk + 4 : chunk + 8], "little")
    content[chunk + 8 + size // 2 : chunk + 8 + size] = bytes(size - size // 2)
    path.write_bytes(content)
    shown, missing, _ = read(path)
    assert missing == 1
    for image, original in zip(shown, whole[:10] + whole[11:], strict=True):
        np.testing.assert_array_equal(image, original)


WHOLE = {
    "open_gop.mkv": ("-bf", "3", "-x264-params", "open-gop=1"),
    "live.mkv": ("-f", "matroska", "-live", "1"),
    "dash.webm": (*VP9, "-an", "-dash", "1"),
    "checks_off.mkv": ("-write_crc32", "0"),
    "short_clusters.mkv": ("-cluster_time_limit", "300", "-reserve_index_space", "5000"),
    "each_frame.mp4": ("-movflags", "dash+frag_every_frame"),
    "index.mp4": ("-movflags", "frag_keyframe+default_base_moof+global_sidx"),
    "late.ts": ("-output_ts_offset", "5"),
    "blu_ray.m2ts": (),
    "full_colour.mov": ("-c:v", "mjpeg", "-pix_fmt", "yuvj444p"),
    "raw.avi": ("-c:v", "rawvideo"),
    "packed.avi": ("-c:v", "mpeg4", "-bf", "2"),
    "sound.flv": ("-ar", "44100"),
    "sound.ogv": ("-c:v", "libtheora"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WHOLE)
def test_nothing_is_said_of_unusual_files(tmp_path: Path, ffmpeg: Ffmpeg, name: str) -> None:
    ffmpeg(*CLIP, *SOUND, *WHOLE[name], tmp_path / name)
    shown, missing, said = read(tmp_path / name)
    assert (len(shown), missing, said) == (FRAMES, 0, "")


@pytest.mark.parametrize(("form", "codec"), [("matroska", "libx264"), ("avi", "mjpeg")])
def test_nothing_is_said_of_files_that_came_through_a_pipe(
    tmp_path: Path, form: str, codec: str
) -> None:
    command = ["ffmpeg", "-v", "error", *CLIP, "-c:v", codec, "-f", form, "-"]
    (tmp_path / "x").write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    source = open_source(str(tmp_path / "x"))
    assert source.length is None or source.length == FRAMES
    source.close()
    shown, missing, said = read(tmp_path / "x")
    assert (len(shown), missing, said) == (FRAMES, 0, "")


@pytest.mark.parametrize("name", ["x.mp4", "x.mkv"])
def test_data_after_the_end_of_a_video_are_no_damage(
    tmp_path: Path, ffmpeg: Ffmpeg, name: str
) -> None:
    ffmpeg(*CLIP, tmp_path / name)
    with (tmp_path / name).open("ab") as file:
        file.write(np.random.default_rng(0).bytes(5000))
    shown, missing, said = read(tmp_path / name)
    assert (len(shown), missing, said) == (FRAMES, 0, "")
