from __future__ import annotations

import logging
import math
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from spikerain_edge.errors import InputError
from spikerain_edge.models import find_model
from spikerain_edge.profiling.child import Child, DoesNotFitError
from spikerain_edge.profiling.measurement import Workload, peak_memory, time_frames


def test_functions_run_in_another_process() -> None:
    with Child() as child:
        assert child.call(math.hypot, 3.0, 4.0) == 5.0
        assert child.call(os.getpid) != os.getpid()
        assert child.call(os.getpid) == child.call(os.getpid)


@pytest.mark.slow
def test_the_child_process_has_its_own_memory() -> None:
    here = bytearray(200_000_000)
    here[::4096] = b"\1" * len(here[::4096])
    with Child() as child:
        assert child.call(peak_memory) < 150_000_000 < peak_memory()


def test_errors_of_this_project_keep_cause_and_remedy() -> None:
    with Child() as child:
        with pytest.raises(InputError, match="no model 'absent'") as caught:
            child.call(find_model, "absent")
        assert "name a shipped one" in caught.value.remedy
        assert child.call(math.sqrt, 4.0) == 2.0


def test_other_errors_arrive_with_their_traceback() -> None:
    with Child() as child, pytest.raises(RuntimeError, match="math domain error"):
        child.call(math.sqrt, -1.0)


def test_log_messages_of_the_child_reach_the_parent(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "spikerain_edge"), Child() as child:
        child.call(time_frames, Workload("nano", (np.zeros((16, 16, 3), np.uint8),), power=False))
    assert [(one.name, one.levelname) for one in caplog.records] == [
        ("spikerain_edge.inference.opening", "DEBUG")
    ]
    assert "nano.onnx" in caplog.text


def test_a_child_that_is_killed_for_lack_of_memory_gives_an_error() -> None:
    with Child() as child, pytest.raises(DoesNotFitError, match="memory runs out"):
        child.call(signal.raise_signal, signal.SIGKILL)


@pytest.mark.parametrize(
    ("end", "argument", "words"),
    [(signal.raise_signal, signal.SIGABRT, "ended by SIGABRT"), (os._exit, 3, "with status 3")],
)
def test_an_error_says_how_a_child_ended(
    end: Callable[[int], None], argument: int, words: str
) -> None:
    with Child() as child, pytest.raises(DoesNotFitError, match=words):
        child.call(end, argument)


def test_a_failed_allocation_gives_an_error() -> None:
    with Child() as child:
        limit = 3 << 30
        child.call(resource.setrlimit, resource.RLIMIT_AS, (limit, limit))
        with pytest.raises(DoesNotFitError, match="does not fit"):
            child.call(np.zeros, limit, np.uint8)


def test_the_process_ends_with_the_context() -> None:
    with Child() as child:
        pid = child.call(os.getpid)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_the_process_ends_with_its_parent_in_the_middle_of_a_call(end: signal.Signals) -> None:
    call = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    program = (
        "from spikerain_edge.profiling.child import Child\n"
        f"with Child() as child: child.call(exec, {call!r})"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        measuring = Path(f"/proc/{int(parent.stdout.readline())}/cmdline")
        assert measuring.exists()
        parent.send_signal(end)
    latest = time.monotonic() + 10
    while measuring.exists() and measuring.read_bytes() and time.monotonic() < latest:
        time.sleep(0.02)
    assert not measuring.exists() or not measuring.read_bytes()  # gone, or a zombie


def test_modules_of_the_working_directory_are_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("numpy.py").write_text("raise SystemExit(9)")
    with Child() as child:
        assert child.call(math.sqrt, 4.0) == 2.0
