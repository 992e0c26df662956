"""A batch records what became of each input, and leaves out what is done."""

from __future__ import annotations

import fcntl
import json
import math
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import pytest
from batch_parts import Here, scene, settings_for, write_clip
from typer.testing import CliRunner

from spikerain_edge.batch import scratch
from spikerain_edge.batch.batch import Batch
from spikerain_edge.batch.manifest import NAME, Manifest, Origin, Record, origin_of
from spikerain_edge.batch.room import require_room
from spikerain_edge.batch.task import Finished, Task
from spikerain_edge.batch.tree import find_inputs
from spikerain_edge.batch.work import (
    locked,
    make_folders,
    remove_partial_outputs,
    remove_work,
    work_folder,
)
from spikerain_edge.batch.worker import Worker
from spikerain_edge.cli import app
from spikerain_edge.errors import InputError
from spikerain_edge.images.reading import read_image


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree" / "sub"
    folder.mkdir(parents=True)
    for number in range(10):
        cv2.imwrite(str(folder / f"im_{number}.png"), scene(number))
    return tmp_path / "tree"


def workers(output: Path, **options: Any) -> Here:
    here = Here(Worker(settings_for(output)), **options)
    assert here.worker.load() is None
    return here


def derain(tree: Path, output: Path, here: Here, tasks: int | None = None) -> Batch:
    """Runs a batch, up to a number of tasks."""
    settings = settings_for(output)
    inputs = find_inputs(tree, output).inputs
    with locked(output), Manifest(output) as manifest:
        digest = settings.digest()
        pending = [
            item
            for item in inputs
            if manifest.settled(item.key, digest, origin_of(item.path)) is None
        ]
        make_folders(pending)

        def count(done: int, added: int) -> None:
            if tasks is not None and len(here.tasks) >= tasks:
                batch.stop()

        batch = Batch(pending, settings, digest, manifest, count)
        batch.run(here)
    return batch


@dataclass
class Dying:
    """Two workers that die of every segment of a video, at the same time."""

    video: Any
    tasks: list[Task] = field(default_factory=list)

    @property
    def has_idle(self) -> bool:
        return len(self.tasks) < 2

    @property
    def is_busy(self) -> bool:
        return bool(self.tasks)

    def submit(self, task: Task) -> None:
        self.tasks.append(task)

    def wait(self, seconds: float) -> list[Finished]:
        tasks, self.tasks = self.tasks, []
        return [
            Finished(task, self.video) if task.method == "video" else Finished(task, died=True)
            for task in tasks
        ]


def records(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (output / NAME).read_text().splitlines()]


def test_an_interrupted_batch_goes_on_where_it_was(tree: Path, tmp_path: Path) -> None:
    write_clip(tree / "clip.mp4", range(17))
    output = tmp_path / "out"
    here = workers(output)
    # The video is cut, and two of its four segments are derained.
    derain(tree, output, here, tasks=3)
    assert not (output / NAME).read_text()
    segments = sorted(output.rglob("*.nut"))
    assert len(segments) == 2
    before = [path.stat().st_mtime_ns for path in segments]
    here.tasks.clear()
    derain(tree, output, here, tasks=3)
    assert [task.method for task in here.tasks] == ["video", "segment", "segment"]
    assert [path.stat().st_mtime_ns for path in segments] == before
    here.tasks.clear()
    derain(tree, output, here, tasks=2)
    assert [task.method for task in here.tasks] == ["video", "join"]
    assert [record["input"] for record in records(output)] == ["clip.mp4"]
    assert records(output)[0]["segments"] == 4
    here.tasks.clear()
    derain(tree, output, here)
    assert [task.method for task in here.tasks] == ["stills", "stills"]
    keys = [record["input"] for record in records(output)]
    assert sorted(keys) == ["clip.mp4", *(f"sub/im_{number}.png" for number in range(10))]
    for record in records(output):
        for written in record["outputs"]:
            assert (output / written["path"]).stat().st_size == written["bytes"]
    here.tasks.clear()
    derain(tree, output, here)
    assert not here.tasks


def test_a_changed_input_and_a_lost_output_are_derained_again(tree: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    here = workers(output)
    derain(tree, output, here)
    cv2.imwrite(str(tree / "sub" / "im_3.png"), scene(30, 64, 64))
    (output / "sub" / "im_7.png").unlink()
    again = derain(tree, output, here)
    assert [record.input for record in again.records] == ["sub/im_3.png", "sub/im_7.png"]
    assert read_image(output / "sub" / "im_3.png").shape == (64, 64, 3)


def test_an_image_of_which_workers_die_fails_alone(tree: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    batch = derain(tree, output, workers(output, deadly=frozenset({"sub/im_4.png"})))
    failed = [record for record in batch.records if record.status != "done"]
    assert [record.input for record in failed] == ["sub/im_4.png"]
    assert failed[0].error is not None
    assert failed[0].error.exit_code == 5
    assert len(batch.records) == 10


def test_a_corrupt_image_fails_alone_and_is_tried_again(tree: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    bad = tree / "sub" / "im_5.png"
    bad.write_bytes(bad.read_bytes()[:300])
    here = workers(output)
    first = derain(tree, output, here)
    assert [r.input for r in first.records if r.status == "failed"] == ["sub/im_5.png"]
    cv2.imwrite(str(bad), scene(5))
    second = derain(tree, output, here)
    assert [(r.input, r.status) for r in second.records] == [("sub/im_5.png", "done")]


def test_names_are_those_of_a_run_over_each_folder(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("a.png", "a.jpg", "b.png", "b_0001.png"):
        cv2.imwrite(str(tree / name), scene())
    for name in ("c.webm", "c.mkv", "d.mov", "._d.mov"):
        (tree / name).write_bytes(b"no video")
    (tree / "notes.txt").write_text("words")
    found = find_inputs(tree, tmp_path / "out")
    assert {still.key: still.name for still in found.stills} == {
        "a.jpg": "a.jpg",
        "a.png": "a.png",
        "b.png": "b",
        "b_0001.png": "b_0001",
    }
    assert next(still.taken for still in found.stills if still.name == "b") == ("b_0001",)
    assert {video.key: video.output.name for video in found.videos} == {
        "c.mkv": "c.mkv.mkv",
        "c.webm": "c.webm.mkv",
        "d.mov": "d.mov",
    }
    assert [path.name for path in found.passed_over] == ["notes.txt"]


def test_folders_that_contain_each_other_are_refused(tree: Path, tmp_path: Path) -> None:
    for output in (tree, tree / "out", tmp_path):
        with pytest.raises(InputError, match="contain each other"):
            find_inputs(tree, output)
    with pytest.raises(InputError, match="could overwrite it"):
        find_inputs(tree / "sub" / "im_0.png", tree / "sub")


def test_a_second_batch_into_the_same_folder_is_refused(tmp_path: Path) -> None:
    with locked(tmp_path / "out"):
        second = locked(tmp_path / "out")
        with pytest.raises(InputError, match="another batch is writing"):
            second.__enter__()
    with locked(tmp_path / "out"):
        pass


def test_a_lock_whose_file_was_removed_meanwhile_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with locked(tmp_path):
        pass
    file, lock, removed = tmp_path / ".spikerain-batch" / "lock", fcntl.flock, list[int]()

    def flock(held: Any, operation: int) -> None:
        if not removed:
            removed.append(file.stat().st_ino)
            remove_work(tmp_path)
        lock(held, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    with locked(tmp_path):
        assert removed
        with pytest.raises(InputError, match="another batch is writing"):
            locked(tmp_path).__enter__()


def test_a_document_with_a_page_that_the_network_refuses_fails_as_a_whole(tmp_path: Path) -> None:
    tree, output = tmp_path / "tree", tmp_path / "out"
    tree.mkdir()
    pages = [scene(0), scene(1, 12, 12), scene(2)]
    assert cv2.imwritemulti(str(tree / "scan.tif"), pages)

    derain(tree, output, workers(output))

    (record,) = records(output)
    assert record["status"] == "failed"
    assert "12x12" in record["error"]["cause"]
    assert list(output.rglob("*.png")) == []


def test_only_segments_of_failed_videos_are_kept(tmp_path: Path) -> None:
    for key in ("done.mp4", "failed.mp4"):
        work_folder(tmp_path, key).mkdir(parents=True)
    remove_work(tmp_path, keep=["failed.mp4", "failed.png"])
    assert work_folder(tmp_path, "failed.mp4").exists()
    assert not work_folder(tmp_path, "done.mp4").exists()
    remove_work(tmp_path, keep=["failed.png"])
    assert list(tmp_path.iterdir()) == []


def test_what_no_node_has_is_refused_by_the_name_of_its_option() -> None:
    require_room({"CPU": 4.0, "GPU": 1.0}, 4, 0.5)
    with pytest.raises(InputError, match="--gpus 1 needs"):
        require_room({"CPU": 4.0}, 1, 1.0)
    with pytest.raises(InputError, match="--threads 8 needs"):
        require_room({"CPU": 4.0}, 8, 0.0)
    for gpus in (1.5, math.nan, math.inf):
        with pytest.raises(InputError, match="neither a share of a GPU nor a number of GPUs"):
            require_room({"CPU": 4.0, "GPU": 2.0}, 1, gpus)


def test_linked_folders_are_named_as_passed_over(tree: Path, tmp_path: Path) -> None:
    (tree / "link").symlink_to(tree / "sub", target_is_directory=True)
    found = find_inputs(tree, tmp_path / "out")
    assert [path.name for path in found.passed_over] == ["link"]
    assert len(found.stills) == 10


def test_a_video_two_of_whose_segments_kill_workers_is_recorded_once(
    tree: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    output.mkdir()
    [item] = find_inputs(write_clip(tree / "clip.mp4", range(17)), output).inputs
    video = workers(output).worker.video(item)
    parts = [1]
    with Manifest(output) as manifest:
        settings = settings_for(output)
        batch = Batch(
            [item],
            settings,
            settings.digest(),
            manifest,
            lambda done, added: parts.append(added - done),
        )
        batch.run(Dying(video))
    assert [(record.input, record.status) for record in batch.records] == [("clip.mp4", "failed")]
    assert sum(parts) == 0


def test_the_folder_of_a_batch_that_was_killed_is_removed_by_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The real folder for temporary files is shared with other programs.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(scratch, "_LONGEST_PARENT", 4096)
    with scratch.scratch_folder() as held:
        abandoned = tmp_path / "spikerain-ray-abandoned"
        abandoned.mkdir()
        (abandoned / "lock").touch()
        with scratch.scratch_folder() as folder:
            assert sorted(tmp_path.iterdir()) == sorted([held, folder])
    assert list(tmp_path.iterdir()) == []


def test_a_torn_line_of_the_manifest_counts_as_absent(tmp_path: Path) -> None:
    origin = Origin(5, 6)
    with Manifest(tmp_path) as manifest:
        for key in ("a.png", "b\udcff.png"):
            manifest.add(Record(key, "done", "s", origin))
    path = tmp_path / NAME
    path.write_bytes(path.read_bytes() + b'[1]\n\xff\n{"input": "c.png", "status": "do')
    with Manifest(tmp_path) as manifest:
        assert manifest.settled("a.png", "s", origin)
        assert manifest.settled("b\udcff.png", "s", origin)
        assert manifest.settled("c.png", "s", origin) is None
        assert manifest.settled("a.png", "other settings", origin) is None
        assert manifest.settled("a.png", "s", Origin(5, 7)) is None
        manifest.add(Record("c.png", "done", "s", origin))
    with Manifest(tmp_path) as manifest:
        assert manifest.settled("c.png", "s", origin)


def test_only_partial_files_of_the_batch_are_removed(tree: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    inputs = find_inputs(tree, output).inputs
    make_folders(inputs)
    own = [".im_3.0123abcd.partial.png", ".im_3_0001.0123abcd.partial.png"]
    others = [".gate.0123abcd.partial.mp4", ".im_3.png", "im_3.png", ".im_33.0123abcd.partial.png"]
    for name in (*own, *others):
        (output / "sub" / name).touch()
    remove_partial_outputs(inputs)
    assert sorted(path.name for path in (output / "sub").iterdir()) == sorted(others)


def test_without_the_extra_the_message_names_it(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spikerain_edge.commands.batch.isolate", lambda: None)
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "spikerain_edge.batch.cluster", raising=False)
    monkeypatch.delitem(sys.modules, "spikerain_edge.batch.derain_tree", raising=False)
    done = CliRunner().invoke(app, ["batch", str(tree), "--output", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert "pip install 'spikerain-edge[batch]'" in " ".join(done.output.split())
    assert not (tmp_path / "out").exists()
