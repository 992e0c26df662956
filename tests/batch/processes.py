"""What a program has started, and on which addresses it listens, from Linux's /proc."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

# A process: its number and when it was started, since numbers are used again.
Process = tuple[int, str]
# Seconds in which things happen on the busiest machine.
PATIENCE = 300
_LISTENING = "0A"


def descendants(pid: int) -> set[Process]:
    """All processes below one."""
    parents = {process: parent for process, parent, _ in _processes()}
    found, level = set[Process](), {pid}
    while level:
        below = {process for process, parent in parents.items() if parent in level}
        found |= below
        level = {process[0] for process in below}
    return found


def alive(processes: set[Process]) -> set[Process]:
    """Those of some processes that still run; zombies do not."""
    return processes & {process for process, _, state in _processes() if state != "Z"}


def listening(pids: set[int]) -> set[str]:
    """Addresses on which some processes accept TCP connections."""
    held = {inode for pid in pids for inode in _sockets(pid)}
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == _LISTENING and rest[5] in held:
                found.add(_address(local.split(":")[0]))
    return found


def is_loopback(address: str) -> bool:
    """Whether an address is reached from this machine alone."""
    parsed = ipaddress.ip_address(address)
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


def wait_until(condition: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Waits for a condition; fails if it stays false for so many seconds."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.2)


def _processes() -> Iterator[tuple[Process, int, str]]:
    """Each process with its parent and state."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                # The name in brackets may hold spaces and brackets.
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            yield (int(folder.name), fields[19]), int(fields[1]), fields[0]


def _sockets(pid: int) -> Iterator[str]:
    try:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = str(link.readlink())
            except OSError:
                continue
            if target.startswith("socket:["):
                yield target[8:-1]
    except OSError:
        return


def _address(text: str) -> str:
    """An address of /proc/net/tcp, which holds words of 32 bits in the machine's order."""
    packed = bytes.fromhex(text)
    words = [packed[at : at + 4][::-1] for at in range(0, len(packed), 4)]
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, b"".join(words))
