"""Old recordings make room for new ones, and nothing else is touched."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from spikerain_edge.commands.limits import parse_limits
from spikerain_edge.errors import InputError, StreamError
from spikerain_edge.images import Image
from spikerain_edge.stream import retention
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.names import dated, is_dated
from spikerain_edge.stream.recording import RecordingSink
from spikerain_edge.stream.retention import Limits, Shelf

Files = Callable[[Path], list[str]]
ReadVideo = Callable[[Path], list[Image]]
TEMPLATE = "gate_%Y%m%d-%H%M%S.mp4"


def older(folder: Path, name: str, hours: float, size: int = 1000) -> None:
    """A file that was last written some hours ago."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(bytes(size))
    ended = time.time() - 3600 * hours
    os.utime(folder / name, (ended, ended))


FOREIGN = ["gate.mp4", "gate_old.mp4", "gate_20260101-000000.mkv", "street_20260101-000000.mp4"]


def test_what_is_too_old_is_deleted_and_nothing_of_others(tmp_path: Path, files: Files) -> None:
    for name in FOREIGN:
        older(tmp_path, name, 1000)
    older(tmp_path, "gate_20260101-000000.mp4", 25)
    older(tmp_path, "gate_20260101-000000_1.mp4", 25)
    older(tmp_path, "gate_20260102-000000.mp4", 23)
    Shelf(tmp_path / TEMPLATE, Limits(keep_seconds=24 * 3600)).make_room()
    assert files(tmp_path) == sorted([*FOREIGN, "gate_20260102-000000.mp4"])


def test_old_recordings_are_found_in_any_folder(tmp_path: Path, files: Files) -> None:
    for folder in ("[front]", "what?", "any*"):
        older(tmp_path / folder, "gate_20260101-000000.mp4", 25)
        Shelf(tmp_path / folder / TEMPLATE, Limits(keep_seconds=24 * 3600)).make_room()
        assert files(tmp_path / folder) == []


def test_two_processes_may_delete_the_same_files(
    tmp_path: Path, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    older(tmp_path, "gate_20260101-000000.mp4", 25)
    older(tmp_path, "gate_20260102-000000.mp4", 25)
    is_file = Path.is_file

    def deleted_meanwhile(path: Path) -> bool:
        there = is_file(path)
        if path.name == "gate_20260101-000000.mp4":
            path.unlink()
        return there

    monkeypatch.setattr(Path, "is_file", deleted_meanwhile)
    Shelf(tmp_path / TEMPLATE, Limits(keep_seconds=24 * 3600)).make_room()
    assert files(tmp_path) == []


def test_what_is_too_much_is_deleted_the_oldest_first(tmp_path: Path, files: Files) -> None:
    for hours in range(1, 6):
        older(tmp_path, f"gate_20260101-00000{hours}.mp4", hours)
    current = tmp_path / "gate_20260101-000005.mp4"
    shelf = Shelf(tmp_path / TEMPLATE, Limits(keep_bytes=3500))
    shelf.begin(current)
    shelf.make_room()
    # What is being written stays, though it began before all others.
    assert files(tmp_path) == [f"gate_20260101-00000{hours}.mp4" for hours in (1, 2, 5)]


def test_what_another_program_is_recording_into_stays(tmp_path: Path, files: Files) -> None:
    for number in range(3):
        older(tmp_path, f"gate_20260101-00000{number}.mp4", 30)
    other = Shelf(tmp_path / TEMPLATE, Limits())
    other.begin(tmp_path / "gate_20260101-000001.mp4")
    mine = Shelf(tmp_path / TEMPLATE, Limits(keep_seconds=24 * 3600))
    mine.make_room()
    assert files(tmp_path) == ["gate_20260101-000001.mp4"]
    other.end()
    mine.make_room()
    assert files(tmp_path) == []


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Callable[[float, float], None]:
    """Sets the clock of the wall, and the seconds since the system was started."""

    def put(wall: float, running: float) -> None:
        monkeypatch.setattr(retention, "_now", lambda: running)
        monkeypatch.setattr("time.time", lambda: wall)

    return put


def ended_at(path: Path, wall: float) -> None:
    path.write_bytes(bytes(1000))
    os.utime(path, (wall, wall))


def test_a_clock_that_is_set_late_deletes_nothing(
    tmp_path: Path, files: Files, clocks: Callable[[float, float], None]
) -> None:
    """A board starts in 1970, records, and is told the time."""
    today = 1_800_000_000.0
    ended_at(tmp_path / "gate_20270114-000000.mp4", today - 30 * 3600)
    ended_at(tmp_path / "gate_20270115-000000.mp4", today - 3600)
    ended_at(tmp_path / "gate_19700101-000000.mp4", 50.0)
    shelf = Shelf(tmp_path / TEMPLATE, Limits(keep_seconds=24 * 3600))
    mine = tmp_path / "gate_19700101-000060.mp4"
    clocks(60.0, 60.0)
    ended_at(mine, 60.0)
    shelf.begin(mine)
    shelf.make_room()
    clocks(120.0, 120.0)
    shelf.end()
    shelf.make_room()
    assert len(files(tmp_path)) == 4

    clocks(today, 180.0)
    shelf.make_room()
    assert "gate_20270114-000000.mp4" not in files(tmp_path)
    assert len(files(tmp_path)) == 3
    # A day later its own file is old, the clock of 1970 notwithstanding.
    clocks(today + 25 * 3600, 180.0 + 25 * 3600)
    shelf.make_room()
    assert files(tmp_path) == ["gate_19700101-000000.mp4"]


def test_of_its_own_files_of_1970_the_newest_stay(
    tmp_path: Path, files: Files, clocks: Callable[[float, float], None]
) -> None:
    ended_at(tmp_path / "gate_20270114-000000.mp4", 1_799_000_000.0)
    shelf = Shelf(tmp_path / TEMPLATE, Limits(keep_bytes=1500))
    for number in range(2):
        clocks(60.0, 60.0 + number)
        mine = tmp_path / f"gate_19700101-00006{number}.mp4"
        ended_at(mine, 60.0 - number)
        shelf.begin(mine)
        shelf.end()
    clocks(1_800_000_000.0, 180.0)
    shelf.make_room()
    assert files(tmp_path) == ["gate_19700101-000061.mp4"]


def test_nothing_is_deleted_unless_a_limit_says_what_is_kept(tmp_path: Path, files: Files) -> None:
    older(tmp_path, "gate_20260101-000000.mp4", 10_000)
    Shelf(tmp_path / TEMPLATE, Limits(segment=60, min_free=1 << 60)).make_room()
    assert files(tmp_path) == ["gate_20260101-000000.mp4"]


def test_folders_of_days_are_removed_when_they_are_empty(tmp_path: Path, files: Files) -> None:
    older(tmp_path, "rec/2026-01-01/12.mp4", 40)
    older(tmp_path, "rec/2026-01-02/12.mp4", 16)
    Shelf(tmp_path / "rec" / "%Y-%m-%d" / "%H.mp4", Limits(keep_seconds=24 * 3600)).make_room()
    assert files(tmp_path) == ["rec", "rec/2026-01-02", "rec/2026-01-02/12.mp4"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    command = [mount or "", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place]
    if mount is None or umount is None or subprocess.run(command, check=False).returncode:
        pytest.skip("mounting a small disk needs the rights of root")
    yield place
    subprocess.run([umount, "--lazy", place], check=True)


def noise(number: int) -> Image:
    return np.random.default_rng(number).integers(0, 256, (96, 128, 3), np.uint8)


def record_seconds(sink: RecordingSink, first: int, count: int) -> list[str]:
    """Sends frames at 25/s; the messages of those that failed."""
    failures = []
    for number in range(first, first + count):
        try:
            sink.write(Frame(noise(number), number, 0.0, "shot", number / 25), noise(number))
        except StreamError as error:
            failures.append(error.cause)
    return failures


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gate.mp4", "gate.mkv", "gate.avi", "gate.ts"])
def test_a_full_disk_is_noticed_and_recording_goes_on_when_there_is_room(
    small_disk: Path, read_video: ReadVideo, files: Files, name: str
) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(1 << 20))
    sink = RecordingSink(small_disk / name, 25, Limits())
    sent = 0
    while not (failures := record_seconds(sink, sent, 5)):
        sent += 5
    assert "cannot write" in failures[0]
    # It had room for far more than a second, and said so before two more had passed.
    (full,) = [path for path in files(small_disk) if path != "ballast"]
    held = len(read_video(small_disk / full))
    assert sent - held <= 50

    assert record_seconds(sink, sent + 5, 5)
    assert len(files(small_disk)) == 2
    ballast.unlink()
    shutil.move(small_disk / full, small_disk.parent)
    assert record_seconds(sink, sent + 10, 25) == []
    sink.close()
    (resumed,) = files(small_disk)
    assert len(read_video(small_disk / resumed)) == 25


def test_old_recordings_make_room_on_a_full_disk(small_disk: Path, files: Files) -> None:
    older(small_disk, "gate_20260101-000000.mp4", 2, 2 << 20)
    older(small_disk, "gate_20260102-000000.mp4", 1, 1 << 20)
    limits = Limits(keep_seconds=1e6, min_free=3 << 19)
    sink = RecordingSink(small_disk / TEMPLATE, 25, limits)
    assert record_seconds(sink, 0, 5) == []
    sink.close()
    assert "gate_20260101-000000.mp4" not in files(small_disk)
    assert "gate_20260102-000000.mp4" in files(small_disk)


def test_a_recording_begins_only_where_enough_is_free(small_disk: Path, files: Files) -> None:
    sink = RecordingSink(small_disk / "gate.mp4", 25, Limits(min_free=1 << 30))
    with pytest.raises(StreamError, match=r"gate.*mp4.*"):
        sink.write(Frame(noise(0), 0, 0.0, "shot"), noise(0))
    sink.close()
    assert files(small_disk) == []


def test_limits_are_read_as_people_write_them() -> None:
    limits = parse_limits("10m", ["24h", "20GiB"], "500MB")
    assert limits == Limits(600, 86_400, 20 << 30, 500_000_000)
    assert parse_limits(None, [], None) == Limits()
    # The one file that is being written would never be deleted.
    assert parse_limits(None, ["20GiB"], None) == Limits(600, None, 20 << 30)
    assert parse_limits("90", ["1.5d"], "1 kB") == Limits(90, 129_600, None, 1000)


@pytest.mark.parametrize(
    ("segment", "keep", "free", "said"),
    [
        ("10 parsecs", [], None, "--segment 10 parsecs is not valid; give .*10m"),
        ("0s", [], None, "--segment 0s"),
        (None, ["20XiB"], None, "--keep 20XiB .*20GiB"),
        (None, ["forever"], None, "--keep forever is not valid; give an age .* or a size"),
        (None, ["1h", "2h"], None, "--keep has two times or two sizes"),
        (None, [], "12h", "--min-free 12h is not valid"),
        (None, [], "-1GB", "--min-free -1GB is not valid"),
    ],
)
def test_other_limits_are_refused(
    segment: str | None, keep: list[str], free: str | None, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        parse_limits(segment, keep, free)


def test_only_names_with_dates_have_time_stamps() -> None:
    moment = time.mktime((2026, 11, 5, 7, 8, 9, 0, 0, -1))
    assert dated("a/%Y-%m-%d/%H%M%S.mp4", moment) == "a/2026-11-05/070809.mp4"
    assert dated("%Y_%d_%06d.png", moment) == "2026_05_%06d.png"
    assert dated("day %d/img_%04d.png", moment) == "day %d/img_%04d.png"
    assert not is_dated("100%_%02d.png")
