"""Videos as people have them: odd names, damage, odd times, odd pixels."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.sources import open_source

Ffmpeg = Callable[..., None]
UNEVEN = "setpts='if(lt(N,5),N/10,0.5+(N-5)/2)/TB'"


def clip(seconds: float = 1.0) -> tuple[str, ...]:
    """FFmpeg's options for a video of ten frames per second."""
    return ("-f", "lavfi", "-i", f"testsrc2=s=160x120:r=10:d={seconds}", "-bf", "0")


def frames_of(path: Path) -> list[Frame]:
    source = open_source(str(path))
    try:
        return list(source)
    finally:
        source.close()


def damaged(path: Path) -> tuple[list[Frame], int, str]:
    """The frames that come in spite of damage, how many are missing, and what is said."""
    source = open_source(str(path))
    shown: list[Frame] = []
    with pytest.raises(InputError) as raised:
        shown.extend(source)
    source.close()
    return shown, source.missing, raised.value.cause


@pytest.mark.parametrize("place", ["name", "folder", "working folder"])
def test_names_may_hold_any_byte(
    tmp_path: Path, ffmpeg: Ffmpeg, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ffmpeg(*clip(), tmp_path / "plain.mp4")
    odd = os.fsdecode(b"vid\xe9")
    path = tmp_path / (f"{odd}.mp4" if place == "name" else f"{odd}/x.mp4")
    path.parent.mkdir(exist_ok=True)
    (tmp_path / "plain.mp4").rename(path)
    monkeypatch.chdir(path.parent)
    assert len(frames_of(Path("x.mp4") if place == "working folder" else path)) == 10


def test_a_destroyed_packet_costs_its_own_frame_only(tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    ffmpeg(*clip(3), "-c:v", "mjpeg", tmp_path / "whole.avi")
    content = bytearray((tmp_path / "whole.avi").read_bytes())
    chunk = content.index(b"movi")
    for _ in range(11):
        chunk = content.index(b"00dc", chunk + 1)
    size = int.from_bytes(content[chunk + 4 : chunk + 8], "little")
    content[chunk + 8 : chunk + 8 + size] = bytes(size)
    (tmp_path / "hole.avi").write_bytes(content)

    shown, missing, said = damaged(tmp_path / "hole.avi")
    whole = frames_of(tmp_path / "whole.avi")

    assert (len(shown), missing) == (29, 1)
    assert said == f"1 of 30 frames of {tmp_path}/hole.avi are damaged or missing"
    for frame, original in zip(shown, whole[:10] + whole[11:], strict=True):
        assert frame.time == pytest.approx(original.time)
        np.testing.assert_array_equal(frame.image, original.image)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["faststart.mp4", "fragments.mp4", "x.mkv", "x.webm", "x.avi", "x.ts"]
)
def test_a_truncated_file_gives_its_frames_and_is_named(
    tmp_path: Path, ffmpeg: Ffmpeg, name: str
) -> None:
    options = {
        "faststart.mp4": ("-movflags", "faststart"),
        "fragments.mp4": ("-movflags", "frag_keyframe+empty_moov", "-g", "5"),
        "x.avi": ("-c:v", "mjpeg"),
    }
    whole, cut = tmp_path / name, tmp_path / f"cut_{name}"
    ffmpeg(*clip(3), *options.get(name, ()), whole)
    assert len(frames_of(whole)) == 30
    content = whole.read_bytes()
    cut.write_bytes(content[: int(len(content) * 0.6)])

    shown, missing, said = damaged(cut)
    assert 10 < len(shown) < 25
    assert missing >= 1
    assert str(cut) in said
    # Containers that announce the number of frames have all of them accounted for.
    if name in {"faststart.mp4", "x.mkv", "x.webm", "x.avi"}:
        assert missing + len(shown) == 30


def test_lost_packets_of_a_transport_stream_are_counted(tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    ffmpeg(*clip(3), tmp_path / "whole.ts")
    content = (tmp_path / "whole.ts").read_bytes()
    middle = len(content) // 2 // 188 * 188
    (tmp_path / "hole.ts").write_bytes(content[:middle] + content[middle + 4 * 188 :])
    shown, missing, said = damaged(tmp_path / "hole.ts")
    assert 27 <= len(shown) < 31
    assert missing >= 1
    assert "hole.ts" in said


@pytest.mark.slow
def test_nothing_is_said_of_a_whole_file(tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    ffmpeg(*clip(3), tmp_path / "long.mp4")
    ffmpeg(*clip(), "-vf", UNEVEN, "-fps_mode", "vfr", tmp_path / "uneven.mkv")
    ffmpeg("-ss", "1.5", "-i", tmp_path / "long.mp4", "-c", "copy", tmp_path / "cut.mp4")
    ffmpeg(*clip(), tmp_path / "a.ts")
    ffmpeg("-itsoffset", "3600", "-i", tmp_path / "a.ts", "-c", "copy", tmp_path / "b.ts")
    joined = (tmp_path / "a.ts").read_bytes() + (tmp_path / "b.ts").read_bytes()
    (tmp_path / "joined.ts").write_bytes(joined)

    assert len(frames_of(tmp_path / "uneven.mkv")) == 10
    assert len(frames_of(tmp_path / "cut.mp4")) == 15
    shown = frames_of(tmp_path / "joined.ts")
    # The hour between two recordings is no part of either.
    assert [frame.time for frame in shown] == pytest.approx(np.arange(20) / 10)


def test_frames_carry_their_own_times(tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    ffmpeg(*clip(), "-vf", UNEVEN, "-fps_mode", "vfr", tmp_path / "uneven.mkv")
    shown = frames_of(tmp_path / "uneven.mkv")
    assert [frame.time for frame in shown] == pytest.approx(
        [0, 0.1, 0.2, 0.3, 0.4, 0.5, 1.0, 1.5, 2.0, 2.5]
    )
    assert shown[-1].duration == pytest.approx(0.1)


@pytest.mark.slow
def test_frames_carry_the_shape_of_their_pixels(tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    ffmpeg(*clip(), "-vf", "setsar=2/1", tmp_path / "wide.mp4")
    ffmpeg(*clip(), tmp_path / "square.mp4")
    assert frames_of(tmp_path / "wide.mp4")[0].pixel_shape == 2
    assert frames_of(tmp_path / "square.mp4")[0].pixel_shape == 1


@pytest.mark.slow
@pytest.mark.parametrize("turn", [90, 180, 270])
def test_frames_are_turned_as_the_file_says(
    tmp_path: Path, ffmpeg: Ffmpeg, read_video: Callable[[Path], list[Image]], turn: int
) -> None:
    ffmpeg(*clip(), "-vf", "setsar=2/1", tmp_path / "flat.mp4")
    rotate = ("-c", "copy", "-metadata:s:v", f"rotate={turn}")
    ffmpeg("-i", tmp_path / "flat.mp4", *rotate, tmp_path / "turned.mp4")
    (flat, *_), (turned, *_) = (frames_of(tmp_path / f"{x}.mp4") for x in ("flat", "turned"))

    assert any(np.array_equal(turned.image, np.rot90(flat.image, k)) for k in (1, 2, 3))
    # OpenCV turns videos by itself.
    np.testing.assert_array_equal(turned.image, read_video(tmp_path / "turned.mp4")[0])
    assert turned.pixel_shape == (2 if turn == 180 else 1 / 2)


def test_a_file_without_video_is_said(tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine=duration=1", tmp_path / "song.mp4")
    with pytest.raises(InputError, match=r"song\.mp4 holds no video"):
        open_source(str(tmp_path / "song.mp4"))


@pytest.mark.parametrize("name", ["x.mp4", "x.mkv", "x.avi"])
def test_a_title_in_an_old_encoding_harms_nothing(
    tmp_path: Path, ffmpeg: Ffmpeg, name: str
) -> None:
    title = os.fsdecode(b"title=caf\xe9")
    ffmpeg(*clip(), "-metadata", title, "-metadata:s:v", title, tmp_path / name)
    assert len(frames_of(tmp_path / name)) == 10


@pytest.mark.slow
@pytest.mark.parametrize(
    "content",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.ts\n",
        "ffconcat version 1.0\nfile other.ts\n",
        "ffconcat version 1.0\nfile itself\n",
        "ffconcat version 1.0\nfile pipe\n",
    ],
)
@pytest.mark.parametrize("name", ["x.m3u8", "x.mp4", "itself"])
def test_a_playlist_neither_waits_nor_opens_other_files(
    tmp_path: Path, ffmpeg: Ffmpeg, name: str, content: str
) -> None:
    ffmpeg(*clip(), tmp_path / "other.ts")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match="is not a video that can be decoded"):
        open_source(str(tmp_path / name))


@pytest.mark.slow
@pytest.mark.parametrize("duration", ["00:00:inf", "00:00:nan", "x:y:z"])
def test_a_duration_that_is_no_number_is_not_believed(
    tmp_path: Path, ffmpeg: Ffmpeg, duration: str
) -> None:
    ffmpeg(*clip(), tmp_path / "x.mkv")
    content = (tmp_path / "x.mkv").read_bytes()
    written = b"00:00:01.000000000"
    assert content.count(written) == 1
    odd = duration.encode().ljust(len(written), b"\0")
    (tmp_path / "x.mkv").write_bytes(content.replace(written, odd))
    assert len(frames_of(tmp_path / "x.mkv")) == 10


@pytest.mark.slow
def test_sound_that_is_not_copied_is_told_with_the_command_that_adds_it(
    tmp_path: Path, ffmpeg: Ffmpeg, spikerain: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    sound = ("-f", "lavfi", "-i", "sine=duration=1", "-c:a", "flac", "-shortest")
    ffmpeg(*clip(0.2)[:-2], *sound, tmp_path / "too loud.mkv")
    command: list[str] = []
    for output, told in (("out.ts", True), ("out.mkv", False), ("out/", False)):
        ended = spikerain("--camera", "too loud.mkv", "--output", output)
        assert ended.returncode == 0, ended.stderr
        _, _, typed = ended.stderr.partition("add it: ffmpeg ")
        command = command or shlex.split(typed.partition("\n")[0])
        assert ("the sound of too loud.mkv is not copied" in ended.stderr) is told
    ffmpeg(*command)
    original = frames_of(tmp_path / "too loud.mkv")
    assert len(frames_of(tmp_path / "with_sound.mkv")) == len(original)


def test_a_file_that_is_no_video_is_refused_with_a_command_that_can_be_typed(
    tmp_path: Path,
) -> None:
    notes = tmp_path / "my notes.txt"
    notes.write_text("rain")
    with pytest.raises(InputError) as refusal:
        open_source(str(notes))
    _, _, command = refusal.value.remedy.partition("convert it: ")
    assert shlex.split(command) == ["ffmpeg", "-i", str(notes), "new.mp4"]
