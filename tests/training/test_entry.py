"""Entry point of `spikerain-train`: Ctrl-C at the start, help and version."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from spikerain_training.cli import app

INTERRUPTED_WHILE_IMPORTING = """
import os, signal, sys

# A shell makes programs in the background ignore Ctrl-C.
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


@pytest.mark.slow
def test_ctrl_c_while_modules_are_imported_prints_nothing() -> None:
    command = [sys.executable, "-c", INTERRUPTED_WHILE_IMPORTING]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_help_lists_the_exit_codes_and_version_prints_the_version() -> None:
    text = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).stdout
    assert "Exit codes: 0 success, 2 invalid input or usage, 3 a file cannot be read" in text
    assert "130 stopped by Ctrl-C" in text
    shown = CliRunner().invoke(app, ["--version"])
    assert (shown.exit_code, shown.stdout) == (0, f"spikerain-train {version('spikerain-edge')}\n")
