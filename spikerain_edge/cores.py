"""How many cores of the machine this program may use."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import cv2

from spikerain_edge.system import read_text

_log = logging.getLogger(__name__)


def usable_cores(root: Path = Path("/")) -> int:
    """Returns how many cores this process may use, at least one.

    It is the number of cores that the process is bound to (`taskset`), or less where a control
    group has a quota of processor time: that of a container, or `CPUQuota=` of systemd. A part of a
    core counts as one.

    Args:
        root: where the file system starts.
    """
    bound = len(os.sched_getaffinity(0))
    return max(1, min([bound, *(math.ceil(quota) for quota in _quotas(root))]))


def limit_opencv(threads: int | None) -> None:
    """Lets OpenCV, which scales and aligns frames, use no more threads than the network.

    Args:
        threads: how many; none where the program chooses.
    """
    if threads is not None:
        cv2.setNumThreads(threads)


def tell_surplus(threads: int | None) -> None:
    """Warns of more threads than cores: they wait for each other and are many times slower.

    Args:
        threads: how many are asked for; none where the program chooses.
    """
    cores = usable_cores()
    if threads is not None and threads > cores:
        _log.warning(
            "--threads %d is slower than %d, the number of cores that this program may use; "
            "leave it out",
            threads,
            cores,
        )


def _quotas(root: Path) -> Iterator[float]:
    """Quotas of processor time, in cores, of this process's control group and those above it."""
    groups = {PurePosixPath("/")}
    for line in read_text(root, "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "cpu", "cpu,cpuacct"):
            groups |= {PurePosixPath(path), *PurePosixPath(path).parents}
    for group in groups:
        folder = f"sys/fs/cgroup{group}"
        yield from _quota(read_text(root, f"{folder}/cpu.max"))
        for hierarchy in ("cpu", "cpu,cpuacct"):
            folder = f"sys/fs/cgroup/{hierarchy}{group}"
            quota = read_text(root, f"{folder}/cpu.cfs_quota_us")
            yield from _quota(f"{quota} {read_text(root, f'{folder}/cpu.cfs_period_us')}")


def _quota(text: str) -> Iterator[float]:
    """The cores that a quota and a period in microseconds come to, if there is a limit."""
    match text.split():
        case [quota, period] if quota.isdecimal() and period.isdecimal() and int(period) > 0:
            yield int(quota) / int(period)
