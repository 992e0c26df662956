"""How commands show messages and errors."""

from __future__ import annotations

import errno
import json
import logging
import pickle
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from importlib import import_module
from pathlib import Path

import pytest
import typer
from rich.console import Console
from rich.progress import Progress
from rich.spinner import Spinner
from typer.testing import CliRunner

from spikerain_edge.cli import COMMANDS, app
from spikerain_edge.console import command_scope, live_status
from spikerain_edge.errors import InputError, ModelError, StreamError
from spikerain_edge.images import Image
from spikerain_edge.logs import PACKAGES, LogFormat, log_to_stderr
from spikerain_edge.stream.image_sinks import write_image

Run = Callable[..., subprocess.CompletedProcess[str]]
Captured = pytest.CaptureFixture[str]
LOG = logging.getLogger("spikerain_edge.somewhere")


def fail(error: BaseException, **options: object) -> int:
    """Runs a command that raises an error and returns its exit code."""
    with pytest.raises(typer.Exit) as ended, command_scope(**options):  # type: ignore[arg-type]
        raise error
    return ended.value.exit_code


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("no file a.png", "check the path"), 2, "no file a.png; check the path"),
        (StreamError("camera 0 sends nothing", ""), 3, "camera 0 sends nothing"),
        (ModelError("a.onnx is damaged", ""), 4, "a.onnx is damaged"),
        (OSError(errno.ENOSPC, "No space left on device"), 3, "No space left on device"),
        (MemoryError(), 5, "out of memory"),
        (PermissionError(errno.EACCES, "Permission denied", "out"), 3, "out: Permission denied"),
    ],
)
def test_errors_of_users_and_of_the_system_are_one_line_and_an_exit_code(
    error: Exception, code: int, line: str, capsys: Captured
) -> None:
    assert fail(error) == code
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("spikerain-edge: ")
    assert line in said


def test_an_error_reaches_another_process_with_its_parts() -> None:
    error = pickle.loads(pickle.dumps(InputError("no file a.png", "check the path")))  # noqa: S301
    assert type(error) is InputError
    assert (error.cause, error.remedy) == ("no file a.png", "check the path")


def test_an_error_begins_with_the_name_of_the_program(capsys: Captured) -> None:
    fail(InputError("no file\na.png", ""), program="spikerain-train")
    assert capsys.readouterr().err == "spikerain-train: no file a.png\n"


@pytest.mark.parametrize("bug", [ValueError("a bug"), KeyError("a bug"), RuntimeError("a bug")])
def test_a_bug_is_raised_with_its_traceback(bug: Exception, capsys: Captured) -> None:
    with pytest.raises(type(bug), match="a bug") as raised, command_scope():
        raise bug
    assert raised.value is bug
    assert capsys.readouterr().err == ""


def test_ctrl_c_is_silent(capsys: Captured) -> None:
    assert fail(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == ""


def test_debug_shows_the_traceback_of_an_error(capsys: Captured) -> None:
    assert fail(InputError("no file a.png", ""), debug=True) == 2
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert said.splitlines()[-1].endswith("InputError: no file a.png")


def test_an_error_in_json_keeps_its_parts(capsys: Captured) -> None:
    before = datetime.now(timezone.utc) - timedelta(seconds=1)
    fail(InputError("no file a.png", "check the path"), log_format=LogFormat.JSON)
    (line,) = capsys.readouterr().err.splitlines()
    record = json.loads(line)
    assert before < datetime.fromisoformat(record.pop("time"))
    assert record == {
        "level": "ERROR",
        "logger": "spikerain_edge.console",
        "message": "no file a.png; check the path",
        "cause": "no file a.png",
        "remedy": "check the path",
        "exit_code": 2,
    }


@pytest.mark.parametrize("verbose", [False, True])
def test_debug_messages_are_shown_only_if_verbose(verbose: bool, capsys: Captured) -> None:
    with command_scope(verbose=verbose):
        LOG.debug("opening %s", "a.png")
        LOG.info("wrote %s", "b.png")
        LOG.warning("c.png has no partner")
    details = ["opening a.png"] if verbose else []
    assert capsys.readouterr().err.splitlines() == [
        *details,
        "wrote b.png",
        "spikerain-edge: warning: c.png has no partner",
    ]


def test_lines_of_json_have_extra_fields_and_nothing_else_is_printed(capsys: Captured) -> None:
    with command_scope(log_format=LogFormat.JSON) as console:
        console.print("a table")
        LOG.info("wrote", extra={"path": Path("b.png"), "frames": 2})
    record = json.loads(capsys.readouterr().err)
    assert (record["path"], record["frames"]) == ("b.png", 2)
    assert record["level"] == "INFO"
    assert record["logger"] == "spikerain_edge.somewhere"


def test_a_message_appears_above_a_progress_bar(capsys: Captured) -> None:
    console = Console(stderr=True, force_terminal=True, width=60)
    with command_scope(), Progress(console=console) as bar:
        bar.add_task("deraining", total=2)
        LOG.info("[bold]b.png")
    lines = capsys.readouterr().err.splitlines()
    assert sum("[bold]b.png" in line and "deraining" not in line for line in lines) == 1


def test_a_status_shows_the_latest_message(capsys: Captured) -> None:
    console = Console(stderr=True, force_terminal=True, width=60)
    with command_scope(), live_status(console, "starting") as status:
        LOG.debug("timing [bold]")
        assert isinstance(status.renderable, Spinner)
        assert str(status.renderable.text) == "timing [bold]"
    assert "DEBUG" not in capsys.readouterr().err


def test_a_program_without_a_standard_error_continues(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert fail(InputError("no file a.png", "")) == 2


def test_logging_is_restored_when_a_command_ends(capsys: Captured) -> None:
    loggers = [logging.getLogger(package) for package in PACKAGES]
    before = [(logger.level, list(logger.handlers)) for logger in loggers]
    with log_to_stderr("spikerain-edge", LogFormat.TEXT, verbose=True):
        pass
    LOG.warning("nobody asked")
    assert [(logger.level, list(logger.handlers)) for logger in loggers] == before
    assert capsys.readouterr().err == ""


def test_the_library_shows_no_messages_by_itself() -> None:
    code = (
        "import logging, spikerain_edge;"
        "logging.getLogger('spikerain_edge.stream').warning('nobody asked')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stderr == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_the_options_for_messages(command: str) -> None:
    found = typer.main.get_command(import_module(COMMANDS[command].module).app)
    # A group of commands has these options with each of its commands.
    for words in [[each] for each in getattr(found, "commands", ())] or [[]]:
        called = [command, *words, "--help"]
        said = CliRunner().invoke(app, called, env={"COLUMNS": "200"}).stdout
        for option in ("--verbose", "-v", "--log-format", "--debug"):
            assert option in said


@pytest.mark.slow
def test_a_run_in_json_prints_only_lines_of_json(
    spikerain: Run, tmp_path: Path, picture: Callable[..., Image]
) -> None:
    write_image(tmp_path / "a.png", picture())
    done = spikerain("--camera", "a.png", "--output", "b.png", "--log-format", "json")
    assert done.returncode == 0
    (record,) = [json.loads(line) for line in done.stderr.splitlines()]
    assert record["message"] == "frames written: 1"
    assert record["summary"]["options"]["outputs"] == ["b.png"]


@pytest.mark.slow
def test_a_verbose_run_names_what_it_opens_without_a_password(spikerain: Run) -> None:
    done = spikerain("--camera", "rtsp://me:s3cret@127.0.0.1:9/x", "--verbose")
    assert done.returncode == 3
    assert "loading " in done.stderr
    assert "nano-video.onnx" in done.stderr
    assert "s3cret" not in done.stderr


def test_a_name_that_is_no_text_is_printed_with_escapes() -> None:
    code = r"from spikerain_edge.console import print_line; print_line('mod\udce9le.onnx')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "mod\\udce9le.onnx\n"
