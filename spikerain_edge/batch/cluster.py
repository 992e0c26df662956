"""Starts a Ray cluster on this machine, or connects to a running one."""

from __future__ import annotations

import io
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import ray

from spikerain_edge.batch.descendants import descendants, end
from spikerain_edge.batch.scratch import scratch_folder
from spikerain_edge.errors import InputError, StreamError

_log = logging.getLogger(__name__)

# Bytes of shared memory for results; Ray takes no less.
_RESULTS = 80 << 20
# Ray gives itself 30 seconds to start, which is short on a machine that is busy.
_STARTS = 4
# Seconds that the head of a cluster has to answer.
_ANSWER = 10.0
_LAST_PORT = 65_535


@contextmanager
def local_ray(cpus: int) -> Iterator[None]:
    """Starts Ray on this machine alone and ends it again.

    All of its processes listen on the loopback address, and every request needs a token that is
    made for this run, if `isolate` was called before. Its files are in a temporary folder.

    Args:
        cpus: number of processor cores that workers may use.

    Raises:
        StreamError: Ray cannot be started.
    """
    with scratch_folder() as folder, redirect_stdout(_ToLog()):
        try:
            _start_here(folder, cpus)
            if not _on_loopback():
                _log.warning("Ray listens on all network addresses of this machine")
            yield
        finally:
            _end_here()


class _ToLog(io.TextIOBase):
    """Captures what Ray prints about its processes, and logs it."""

    def write(self, text: str) -> int:
        for line in filter(None, text.splitlines()):
            _log.debug("Ray: %s", line)
        return len(text)


def _start_here(folder: Path, cpus: int) -> None:
    """Starts Ray on this machine, with its files in a folder."""
    for tries_left in reversed(range(_STARTS)):
        try:
            _initialise(
                "free memory and processor time, and look at the limits: ulimit -a",
                address="local",
                num_cpus=cpus,
                object_store_memory=_RESULTS,
                include_dashboard=False,
                _temp_dir=str(folder),
            )
        except StreamError as error:
            if not tries_left:
                raise
            _log.debug("starting Ray again: %s", error)
            _end_here()
        else:
            return


def _end_here() -> None:
    """Stops Ray on this machine, and kills processes that it leaves running."""
    started = descendants()
    ray.shutdown()
    end(started)


def _on_loopback() -> bool:
    return str(ray.util.get_node_ip_address()).startswith("127.")


@contextmanager
def joined_ray(address: str) -> Iterator[None]:
    """Connects to a running Ray cluster, and disconnects at the end.

    Args:
        address: HOST:PORT of its head, or `auto` for the one that this machine is a part of.

    Raises:
        InputError: this is not an address.
        StreamError: it cannot be reached.
    """
    if address != "auto":
        _require_answer(address)
    with redirect_stdout(_ToLog()):
        try:
            _initialise(f"check it: ray status --address {address}", address=address)
            yield
        finally:
            ray.shutdown()


def _require_answer(address: str) -> None:
    """Checks that an address answers, because Ray would wait for minutes."""
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal() or int(port) > _LAST_PORT:
        raise InputError(
            f"{address!r} is not the address of a Ray cluster",
            "give HOST:PORT as ray start --head prints it, or auto",
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER).close()
    # Some names of hosts are not valid text for the resolver.
    except (OSError, UnicodeError) as error:
        raise StreamError(
            f"no Ray cluster answers at {address}: {getattr(error, 'strerror', None) or error}",
            "start one there: ray start --head",
        ) from error


def _initialise(remedy: str, **options: Any) -> None:
    """Calls `ray.init`, and restores the handler of SIGTERM that it replaces.

    Raises:
        StreamError: Ray cannot be started or reached.
    """
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(log_to_driver=False, logging_level=logging.CRITICAL, **options)
    # Ray raises exceptions of no class of its own.
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise StreamError(f"Ray does not work: {reason}", remedy) from error
    finally:
        signal.signal(signal.SIGTERM, before)


def cluster_workers(threads: int) -> int:
    """Returns how many workers with `threads` cores each fit on the nodes; at least one."""
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return max(1, sum(int(resources.get("CPU", 0) // threads) for resources in alive))
