from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest
import typer

from spikerain_edge.cli import COMMANDS, app
from spikerain_training.cli import COMMANDS as TRAINING


def in_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize("name", [*COMMANDS, *TRAINING])
def test_a_command_has_the_name_and_help_of_its_entry(name: str) -> None:
    entry = {**COMMANDS, **TRAINING}[name]
    command = typer.main.get_command(import_module(entry.module).app)
    assert command.name == name
    assert command.help is not None
    assert command.help.splitlines()[0] == entry.help


def test_the_list_of_commands_imports_no_command() -> None:
    modules = ["cv2", "numpy", "onnxruntime", *(entry.module for entry in COMMANDS.values())]
    done = in_python(
        "import sys, atexit\n"
        f"atexit.register(lambda: print(sorted(set({modules}) & set(sys.modules))))\n"
        "from spikerain_edge.cli import app\n"
        "app(['--help'])"
    )
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in COMMANDS)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_help_of_training_does_not_need_torch() -> None:
    done = in_python(
        "import sys; sys.modules['torch'] = None\n"
        "from spikerain_training.entry import main\n"
        "sys.argv = ['spikerain-train', '--help']\n"
        "main()"
    )
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in TRAINING)


@pytest.mark.slow
def test_training_without_torch_names_the_command_that_installs_it() -> None:
    done = in_python(
        "import sys; sys.modules['torch'] = None\n"
        "from spikerain_training.entry import main\n"
        "sys.argv = ['spikerain-train', 'fit', '--output', 'run']\n"
        "main()"
    )
    assert done.returncode == 2
    assert done.stderr == (
        "spikerain-train: the package torch is not installed, but training needs it; "
        "install it: pip install 'spikerain-edge[train]'\n"
    )


def test_a_missing_extra_is_reported_with_the_command_that_installs_it() -> None:
    done = in_python(
        "import sys; sys.modules['onnx'] = None\n"
        "from spikerain_edge.cli import app\n"
        "app(['export', 'nano'])"
    )
    assert done.returncode == 2
    assert done.stderr == (
        "spikerain-edge: exporting needs the package onnx; "
        "install it: pip install 'spikerain-edge[export]'\n"
    )


@pytest.mark.slow
def test_a_module_of_ours_that_is_missing_is_a_bug() -> None:
    done = in_python(
        "import sys; sys.modules['spikerain_export.commands.work'] = None\n"
        "from spikerain_edge.cli import app\n"
        "app(['export', 'nano'])"
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "pip install" not in done.stderr


def test_a_similar_command_is_suggested_for_a_typing_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        app(["prfile"])
    assert ended.value.code == 2
    assert "Did you mean 'profile'?" in capsys.readouterr().err


def test_the_options_of_a_command_complete_in_a_shell() -> None:
    shown = in_python(
        "import os, sys\n"
        "os.environ |= {'_SPIKERAIN_EDGE_COMPLETE': 'complete_bash', 'COMP_CWORD': '2',\n"
        "    'COMP_WORDS': 'spikerain-edge export --op'}\n"
        "from spikerain_edge.cli import app\n"
        "app(prog_name='spikerain-edge')"
    )
    assert shown.stdout.split() == ["--opset"]
