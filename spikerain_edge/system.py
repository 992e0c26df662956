"""Reads figures of this machine from the system's files, memory above all."""

from __future__ import annotations

import re
import resource
from collections.abc import Iterator
from pathlib import Path

# Version 2 and version 1: folder, limit and use.
_CGROUPS = (
    ("", "memory.max", "memory.current"),
    ("memory/", "memory.limit_in_bytes", "memory.usage_in_bytes"),
)


def total_memory(root: Path = Path("/")) -> int | None:
    """Returns the bytes that processes can have: the machine's, or a container's limit.

    Args:
        root: where the file system starts.
    """
    limits = [_kilobytes(root, "meminfo", "MemTotal"), *(limit for limit, _ in _containers(root))]
    return min((limit for limit in limits if limit is not None), default=None)


def available_memory(root: Path = Path("/")) -> int | None:
    """Returns the bytes that this process can still have.

    It is the smallest of what the machine, the container and the limit of the process
    (`ulimit -v`) leave.

    Args:
        root: where the file system starts.
    """
    free = [
        _kilobytes(root, "meminfo", "MemAvailable"),
        _address_space(root),
        *(limit - used for limit, used in _containers(root)),
    ]
    return min((max(0, value) for value in free if value is not None), default=None)


def read_numbers(root: Path, pattern: str) -> Iterator[int]:
    """Whole numbers in the files that match; a sensor that is off, or says `max`, has none."""
    for path in sorted(root.glob(pattern)):
        try:
            yield int(path.read_text())
        except (OSError, ValueError):
            continue


def read_text(root: Path, path: str) -> str:
    """Text of a file of the system; empty if it cannot be read."""
    try:
        return (root / path).read_text(errors="replace").rstrip("\0\n")
    except OSError:
        return ""


def _address_space(root: Path) -> int | None:
    """Half of what `ulimit -v` leaves to this process, in bytes; None without a limit.

    Pools of memory reserve up to twice the address space that they use.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    used = _kilobytes(root, "self/status", "VmSize")
    return None if limit == resource.RLIM_INFINITY or used is None else (limit - used) // 2


def _containers(root: Path) -> Iterator[tuple[int, int]]:
    """Limit and use of the container's memory, in bytes, where it has a limit.

    The use includes files that the system keeps in memory. Those it can drop are left out.
    """
    for folder, limit, used in _CGROUPS:
        statistics = read_text(root, f"sys/fs/cgroup/{folder}memory.stat")
        dropped = re.search(r"^(?:total_)?inactive_file (\d+)$", statistics, re.MULTILINE)
        for most, now in zip(
            read_numbers(root, f"sys/fs/cgroup/{folder}{limit}"),
            read_numbers(root, f"sys/fs/cgroup/{folder}{used}"),
            strict=False,
        ):
            yield most, now - (int(dropped[1]) if dropped else 0)


def _kilobytes(root: Path, file: str, key: str) -> int | None:
    """A field of a file in `/proc` that counts in kB, in bytes."""
    found = re.search(rf"^{key}:\s*(\d+) kB$", read_text(root, f"proc/{file}"), re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def program_of(module: str) -> str:
    """Returns what `python -c` runs to call `main` of a module of this project.

    Unlike `python -m`, it imports nothing from the working directory.
    """
    return f"import sys; sys.path[:] = filter(None, sys.path); from {module} import main; main()"
