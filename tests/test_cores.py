from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from spikerain_edge.cores import limit_opencv, usable_cores

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)))


@pytest.mark.usefixtures("eight_cores")
@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, 8),
        ({"sys/fs/cgroup/cpu.max": "max 100000\n"}, 8),
        ({"sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2),
        ({"sys/fs/cgroup/cpu.max": "150000 100000\n"}, 2),
        ({"sys/fs/cgroup/cpu.max": "10000 100000\n"}, 1),
        ({"sys/fs/cgroup/cpu.max": "6400000 100000\n"}, 8),
        ({"sys/fs/cgroup/cpu.max": "100000 0\n"}, 8),
        (
            {
                "proc/self/cgroup": "0::/system.slice/spikerain.service\n",
                "sys/fs/cgroup/system.slice/spikerain.service/cpu.max": "max 100000\n",
                "sys/fs/cgroup/system.slice/cpu.max": "300000 100000\n",
            },
            3,
        ),
        (
            {
                "proc/self/cgroup": "4:memory:/other\n2:cpu,cpuacct:/box\n",
                "sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us": "400000\n",
                "sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us": "100000\n",
            },
            4,
        ),
        (
            {
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            8,
        ),
    ],
)
def test_quotas_of_control_groups_are_respected(
    tmp_path: Path, files: dict[str, str], cores: int
) -> None:
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert usable_cores(tmp_path) == cores


def test_opencv_keeps_to_the_threads_of_the_network() -> None:
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(2)
        limit_opencv(None)
        assert cv2.getNumThreads() == 2
        limit_opencv(1)
        assert cv2.getNumThreads() == 1
    finally:
        cv2.setNumThreads(before)


def test_cores_that_the_process_is_bound_to_are_counted() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["run", "profile"])
def test_more_threads_than_cores_are_said(program: Run, command: str) -> None:
    cores = usable_cores()
    short = {
        "run": ("--camera", "demo", "--max-frames", "1", "--imgsz", "32"),
        "profile": ("--imgsz", "32", "--iterations", "1", "--warmup", "0", "--no-power"),
    }
    ended = program(command, *short[command], "--threads", str(cores + 1))
    assert ended.returncode == 0, ended.stderr
    text = " ".join(ended.stderr.split())
    assert text.count(f"--threads {cores + 1} is slower than {cores}, the number of cores") == 1
