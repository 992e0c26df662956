"""The command itself: its first seconds, its help, its version."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

from typer.testing import CliRunner

from spikerain_training.cli import app

INTERRUPTED_WHILE_IMPORTING = """
import os, signal, sys

# A shell has what it starts in the background ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "spikerain_training.commands.fit":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
from spikerain_training.entry import main
sys.argv = ["spikerain-train", "fit", "--help"]
main()
"""


def test_ctrl_c_in_the_first_seconds_is_silent() -> None:
    command = [sys.executable, "-c", INTERRUPTED_WHILE_IMPORTING]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_the_help_lists_exit_codes_and_the_version_is_shown() -> None:
    said = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"})
    assert (
        "Exit codes: 0 done, 2 bad input or usage, 3 file not readable or writable" in said.stdout
    )
    assert "130 stopped by Ctrl-C" in said.stdout
    shown = CliRunner().invoke(app, ["--version"])
    assert (shown.exit_code, shown.stdout) == (0, f"spikerain-train {version('spikerain-edge')}\n")
