"""Batches on real Ray: killed and resumed, stopped, with a node that dies."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import cv2
import pytest
from batch_parts import film, scene, write_clip
from processes import (
    PATIENCE,
    Process,
    alive,
    descendants,
    is_loopback,
    listening,
    wait_until,
)
from terminal import default_signals
from typer.testing import CliRunner

from spikerain_edge.batch.manifest import NAME
from spikerain_edge.cli import app
from spikerain_edge.images.reading import read_image

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc").exists(), reason="needs /proc of Linux"),
]
STILLS, FRAMES = 16, 23
EVERYTHING = {"clip.mp4", *(f"sub/im_{number:02}.png" for number in range(STILLS))}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    (folder / "sub").mkdir(parents=True)
    write_clip(folder / "clip.mp4", range(FRAMES))
    for number in range(STILLS):
        cv2.imwrite(str(folder / "sub" / f"im_{number:02}.png"), scene(number, 240, 320))
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An environment with an empty home and a folder for temporary files of its own."""
    (tmp_path / "home").mkdir()
    # Sockets have short names.
    temporary = tempfile.mkdtemp(prefix="b", dir="/tmp")
    yield {**os.environ, "HOME": str(tmp_path / "home"), "TMPDIR": temporary}
    shutil.rmtree(temporary)


Launch = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def launch(tree: Path, environment: dict[str, str]) -> Iterator[Launch]:
    """Starts batches over the tree; those that still run in the end are killed."""
    program = [sys.executable, "-c", "from spikerain_edge.cli import main; main()"]
    with ExitStack() as ended:

        def start(output: Path, *options: str) -> subprocess.Popen[str]:
            arguments = [str(tree), "--output", str(output), "--segment-frames", "5", *options]
            batch = subprocess.Popen(
                [*program, "batch", *arguments],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
                preexec_fn=default_signals,
            )
            ended.enter_context(batch)
            ended.callback(batch.kill)
            return batch

        yield start


def records(output: Path) -> list[dict[str, Any]]:
    """The whole lines of the manifest."""
    path = output / NAME
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def wait_for_a_record(output: Path, batch: subprocess.Popen[str]) -> set[Process]:
    """Waits until the first input is recorded; returns the processes that the batch has started."""
    wait_until(lambda: bool(records(output)) or batch.poll() is not None, "nothing was recorded")
    if batch.poll() is not None and not records(output):
        pytest.fail(f"the batch has ended: {batch.communicate(timeout=PATIENCE)[0]}")
    return descendants(batch.pid)


def assert_whole(output: Path, tree: Path) -> None:
    """Asserts that each output is there once and is what its record says."""
    done = [record for record in records(output) if record["status"] == "done"]
    assert sorted(record["input"] for record in done) == sorted(EVERYTHING)
    written = [each["path"] for record in done for each in record["outputs"]]
    files = [path for path in output.rglob("*") if path.is_file() and path.name != NAME]
    assert sorted(written) == sorted(str(path.relative_to(output)) for path in files)
    for number in range(STILLS):
        assert read_image(output / "sub" / f"im_{number:02}.png").shape == (240, 320, 3)
    clip, source = film(output / "clip.mp4"), film(tree / "clip.mp4")
    assert len(clip.images) == len(clip.times) == FRAMES
    assert [moment for moment, _ in clip.times] == pytest.approx([i / 25 for i in range(FRAMES)])
    assert clip.sound
    assert {content for _, content in clip.sound} <= {content for _, content in source.sound}


@contextmanager
def killed_late(process: subprocess.Popen[str]) -> Iterator[None]:
    """Kills a process that is still waited for after a long time."""
    late = threading.Timer(PATIENCE, process.kill)
    late.start()
    try:
        yield
    finally:
        late.cancel()


def assert_ended(processes: set[Process]) -> None:
    """Asserts that processes have ended, but for the moment that a kill takes."""
    wait_until(lambda: not alive(processes), "processes of Ray outlive the batch", patience=30)


def test_a_batch_that_is_killed_is_resumed_and_listens_on_the_loopback_address_alone(
    tree: Path, tmp_path: Path, launch: Launch
) -> None:
    output = tmp_path / "out"
    (tree / "bad.png").write_bytes((tree / "sub" / "im_00.png").read_bytes()[:900])
    batch = launch(output, "--workers", "1")
    orphans = wait_for_a_record(output, batch)
    batch.kill()
    batch.communicate(timeout=PATIENCE)
    before = {
        written["path"]: (output / written["path"]).stat().st_mtime_ns
        for record in records(output)
        for written in record["outputs"]
    }
    assert orphans

    batch = launch(output, "--workers", "1")
    addresses, processes = set[str](), set[Process]()

    def watched_to_its_end() -> bool:
        nonlocal processes
        processes |= descendants(batch.pid)
        addresses.update(listening({batch.pid, *(pid for pid, _ in processes)}))
        return batch.poll() is not None

    wait_until(watched_to_its_end, "the batch does not end")
    told, _ = batch.communicate(timeout=PATIENCE)
    assert batch.returncode == 2, told
    assert "1 of 18 inputs failed or are incomplete: bad.png; see why: grep" in told
    assert addresses
    assert [address for address in addresses if not is_loopback(address)] == []
    assert_ended(processes)
    assert_whole(output, tree)
    after = {path: (output / path).stat().st_mtime_ns for path in before}
    assert after == before
    failed = [record for record in records(output) if record["input"] == "bad.png"]
    assert {record["status"] for record in failed} == {"failed"}
    assert "damaged" in failed[-1]["error"]["cause"]
    assert not any((tmp_path / "home").iterdir())
    wait_until(lambda: not alive(orphans), "processes of Ray outlive a batch that was killed")


def test_ctrl_c_leaves_neither_processes_nor_partial_files(
    tmp_path: Path, launch: Launch, environment: dict[str, str]
) -> None:
    output = tmp_path / "out"
    batch = launch(output, "--workers", "1")
    processes = wait_for_a_record(output, batch)
    # As a terminal does: all processes of the group get it.
    os.killpg(batch.pid, signal.SIGINT)
    told, _ = batch.communicate(timeout=PATIENCE)
    assert batch.returncode == 130, told
    assert processes
    assert_ended(processes)
    assert list(output.rglob("*.partial*")) == []
    assert list(Path(environment["TMPDIR"]).glob("spikerain-ray-*")) == []


def test_workers_are_not_held_back_behind_other_programs(tmp_path: Path, launch: Launch) -> None:
    output = tmp_path / "out"
    batch = launch(output, "--workers", "1")
    processes = wait_for_a_record(output, batch)
    levels = set[int]()
    for number, _ in processes:
        # A process may have ended meanwhile.
        with suppress(ProcessLookupError):
            levels.add(os.getpriority(os.PRIO_PROCESS, number))
    assert levels == {os.getpriority(os.PRIO_PROCESS, batch.pid)}
    os.killpg(batch.pid, signal.SIGINT)
    batch.communicate(timeout=PATIENCE)


@pytest.mark.parametrize(
    ("address", "code", "told"),
    [
        ("ray://127.0.0.1:10001", 2, "'ray://127.0.0.1:10001' is not the address of a Ray cluster"),
        ("127.0.0.1:1", 3, "no Ray cluster answers at 127.0.0.1:1: Connection refused"),
        ("a..b:6379", 3, "no Ray cluster answers at a..b:6379"),
    ],
)
def test_an_address_without_a_cluster_is_an_error_at_once(
    address: str, code: int, told: str, tree: Path, tmp_path: Path
) -> None:
    options = ["--output", str(tmp_path / "out"), "--address", address]
    done = CliRunner().invoke(app, ["batch", str(tree), *options])
    assert done.exit_code == code, done.output
    assert told in " ".join(done.output.split())


def test_a_node_that_dies_half_way_costs_no_output(
    tree: Path, tmp_path: Path, launch: Launch, environment: dict[str, str]
) -> None:
    output = tmp_path / "out"
    environment |= {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    with (
        subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("two_nodes.py")), environment["TMPDIR"]],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as cluster,
        killed_late(cluster),
    ):
        assert cluster.stdin is not None
        assert cluster.stdout is not None
        address = cluster.stdout.readline().strip()
        assert address, "the cluster does not start"
        batch = launch(output, "--address", address)
        wait_for_a_record(output, batch)
        cluster.stdin.write("\n")
        cluster.stdin.flush()
        assert cluster.stdout.readline() == "killed\n"
        told, _ = batch.communicate(timeout=PATIENCE)
        assert batch.returncode == 0, told
        cluster.communicate("\n", timeout=PATIENCE)
    assert_whole(output, tree)
