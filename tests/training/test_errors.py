"""How `spikerain-train` reports invalid input, failures of the system, and bugs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from networks import SMALL
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from typer.testing import CliRunner

from spikerain_edge.errors import ComputeError
from spikerain_training import fit as loop
from spikerain_training.checkpoint import save_network
from spikerain_training.cli import app
from spikerain_training.hardware import lack_of_memory
from spikerain_training.network import SpikeRain

BUG = """
import sys
from spikerain_training import fit
from spikerain_training.commands import fit as command

def buggy(*arguments, **settings):
    raise ValueError("a bug")

command.training.fit = buggy
from spikerain_training.entry import main
sys.argv = ["spikerain-train", "fit", "--data", ".", "--output", "run"]
main()
"""


def fit_arguments(photographs: Path, output: Path, *options: str) -> list[str]:
    small = ["--set", "batch=1", "--set", "crop=32", "--steps", "3"]
    return ["fit", "--data", str(photographs), "--output", str(output), *small, *options]


def test_a_bug_is_not_reported_as_an_error_of_the_user(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bug = ValueError("a bug")

    def buggy(*arguments: object) -> None:
        raise bug

    monkeypatch.setattr(loop, "objective", buggy)
    done = CliRunner().invoke(app, fit_arguments(photographs, tmp_path / "run"))
    assert done.exception is bug
    assert "a bug" not in done.stderr


@pytest.mark.slow
def test_a_bug_prints_its_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BUG],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ValueError: a bug" in done.stderr


def test_a_damaged_checkpoint_is_reported_in_one_line_with_exit_code_4(tmp_path: Path) -> None:
    save_network(tmp_path, SMALL, SpikeRain(SMALL).state_dict())
    (tmp_path / "config.json").write_text("{oops")
    done = CliRunner().invoke(app, ["evaluate", "--model", str(tmp_path), "--data", "."])
    assert done.exit_code == 4
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"spikerain-train: {tmp_path}/config.json is not valid JSON")
    assert "copy the folder again" in line


def test_a_run_that_diverges_is_reported_in_one_line_with_exit_code_5(
    photographs: Path, tmp_path: Path
) -> None:
    diverging = ["--set", "learning_rate=1e30", "--set", "warmup=0"]
    done = CliRunner().invoke(app, fit_arguments(photographs, tmp_path / "run", *diverging))
    assert done.exit_code == 5
    line = done.stderr.splitlines()[-1]
    assert "is not finite at step" in line
    assert "start again with a lower learning rate: --set learning_rate=2.5e+29" in line
    assert (tmp_path / "run" / "bad_batch.safetensors").is_file()


def test_out_of_memory_is_reported_in_one_line_with_exit_code_5(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def greedy(network: SpikeRain, images: Tensor) -> Tensor:
        return torch.empty(1 << 55)

    monkeypatch.setattr(SpikeRain, "forward", greedy)
    done = CliRunner().invoke(app, fit_arguments(photographs, tmp_path / "run"))
    assert done.exit_code == 5
    assert done.stderr.splitlines()[-1] == (
        "spikerain-train: out of memory; use smaller batches or crops, for example --set batch=4 "
        "--set crop=64"
    )


class Killed(Dataset[int]):
    """A data set whose worker process is killed."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return index


def test_a_killed_data_loader_process_is_reported_as_out_of_memory() -> None:
    loader = DataLoader(Killed(), num_workers=1)
    with (
        pytest.raises(ComputeError, match="killed, probably because memory ran out"),
        lack_of_memory("buy more"),
    ):
        list(loader)


@pytest.mark.parametrize("error", [RuntimeError("a bug"), ValueError("a bug")])
def test_errors_that_are_not_about_memory_stay_unchanged(error: Exception) -> None:
    with pytest.raises(type(error)) as raised, lack_of_memory("buy more"):
        raise error
    assert raised.value is error


@pytest.mark.slow
def test_debug_prints_the_traceback(tmp_path: Path) -> None:
    arguments = ["evaluate", "--model", "missing", "--data", str(tmp_path)]
    plain, debug = (
        CliRunner().invoke(app, [*arguments, *options]) for options in ([], ["--debug"])
    )
    assert plain.exit_code == debug.exit_code == 2
    assert "Traceback" not in plain.stderr
    assert "Traceback" in debug.stderr


@pytest.mark.slow
def test_fit_can_log_lines_of_json(photographs: Path, tmp_path: Path) -> None:
    options = ["--set", "save_every=1", "--log-format", "json"]
    done = CliRunner().invoke(app, fit_arguments(photographs, tmp_path / "run", *options))
    assert done.exit_code == 0, done.output
    records = [json.loads(line) for line in done.stderr.splitlines()]
    assert [record["step"] for record in records if "step" in record] == [1, 2, 3]
    assert all(record["loss"] > 0 for record in records if "step" in record)
    assert records[0]["message"].startswith(f"data {photographs}: 3 clean images")
    assert f"weights written to {tmp_path / 'run'}" in records[-1]["message"]


@pytest.mark.slow
def test_fit_logs_only_json_on_a_terminal_too(photographs: Path, tmp_path: Path) -> None:
    options = ["--set", "save_every=1", "--log-format", "json"]
    done = CliRunner().invoke(
        app,
        fit_arguments(photographs, tmp_path / "run", *options),
        env={"FORCE_COLOR": "1", "TTY_COMPATIBLE": "1"},
    )
    records = [json.loads(line) for line in done.stderr.splitlines()]
    assert [record["step"] for record in records if "step" in record] == [1, 2, 3]


@pytest.mark.parametrize("command", ["fit", "evaluate", "prepare", "average", "import"])
def test_every_command_has_the_logging_options(command: str) -> None:
    text = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).stdout
    for option in ("--verbose", "-v", "--log-format", "--debug"):
        assert option in text
