from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from file_tree import tree

from spikerain_edge.system import available_memory, total_memory

MACHINE = {"proc/meminfo": "MemTotal:        7802000 kB\nMemAvailable:    5000000 kB\n"}


@pytest.mark.parametrize(
    ("limit", "used"),
    [
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ],
)
def test_the_memory_limit_of_a_container_is_respected(
    tmp_path: Path, limit: str, used: str
) -> None:
    groups = {f"sys/fs/cgroup/{limit}": "3000000000\n", f"sys/fs/cgroup/{used}": "1000000000\n"}
    root = tree(tmp_path, {**MACHINE, **groups})
    assert total_memory(root) == 3_000_000_000
    assert available_memory(root) == 2_000_000_000


def test_without_a_limit_the_memory_of_the_machine_is_used(tmp_path: Path) -> None:
    groups = {
        "sys/fs/cgroup/memory.max": "max\n",
        "sys/fs/cgroup/memory.current": "1000000000\n",
    }
    root = tree(tmp_path, {**MACHINE, **groups})
    assert total_memory(root) == 7802000 * 1024
    assert available_memory(root) == 5000000 * 1024


def test_files_that_the_system_can_drop_do_not_count_as_used(tmp_path: Path) -> None:
    groups = {
        "sys/fs/cgroup/memory.max": "3000000000\n",
        "sys/fs/cgroup/memory.current": "2500000000\n",
        "sys/fs/cgroup/memory.stat": "anon 400000000\ninactive_file 1500000000\n",
    }
    assert available_memory(tree(tmp_path, {**MACHINE, **groups})) == 2_000_000_000


def test_the_limit_of_the_process_is_respected() -> None:
    program = """
import resource
from spikerain_edge.system import available_memory
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
assert 0 < available_memory() < 1 << 30, available_memory()
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
