"""A program ends with its exit status whatever its threads wait for."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import atexit, sys, threading, time
from spikerain_edge.ending import abandoning_threads

atexit.register(print, "shut down")
if {thread}:
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
with abandoning_threads():
    print("done", end="")
    {end}
"""


@pytest.mark.parametrize(
    ("end", "status"), [("sys.exit(130)", 130), ("sys.exit()", 0), ("sys.exit('failed')", 1)]
)
@pytest.mark.parametrize("thread", [False, True])
def test_a_daemon_thread_is_left_without_python_s_shutdown(
    end: str, status: int, thread: bool
) -> None:
    program = PROGRAM.format(end=end, thread=thread)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == status
    assert done.stdout == ("done" if thread else "doneshut down\n")


def test_a_bug_is_a_traceback_with_and_without_threads() -> None:
    program = PROGRAM.format(end="raise RuntimeError('a bug')", thread=True)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 1
    assert "RuntimeError: a bug" in done.stderr
