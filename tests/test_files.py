from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from spikerain_edge.errors import InputError
from spikerain_edge.files import (
    read_bounded,
    require_distinct,
    require_targets,
    require_writable,
    write_together,
    write_whole,
)
from spikerain_edge.images.pairs import find_pairs
from spikerain_edge.models import find_model


def test_a_link_is_kept_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "report.json", tmp_path / "latest.json"
    target.write_text("old")
    link.symlink_to(target)

    write_whole(link, b"new")

    assert link.is_symlink()
    assert target.read_text() == "new"
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        "folder",
        "latest.json",
        "report.json",
    ]


@pytest.mark.parametrize("number", [1, 2])
def test_an_open_file_is_written_through_its_descriptor(tmp_path: Path, number: int) -> None:
    """Covers `--json /dev/stdout > report.json`, which must not replace the link in /dev."""
    link = tmp_path / "stdout"
    link.symlink_to(f"/proc/self/fd/{number}")
    program = (
        "import sys; from pathlib import Path; from spikerain_edge.files import write_whole; "
        "write_whole(Path(sys.argv[1]), b'report')"
    )

    with (tmp_path / "report.json").open("wb") as report:
        subprocess.run(
            [sys.executable, "-c", program, link], stdout=report, stderr=report, check=True
        )

    assert link.is_symlink()
    assert (tmp_path / "report.json").read_bytes() == b"report"


def test_a_pipe_is_written_directly(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    require_writable(pipe)

    write_whole(pipe, b"report")

    assert os.read(reader, 100) == b"report"
    os.close(reader)
    assert pipe.is_fifo()


def test_several_files_are_written_together_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "graph").write_text("old")

    with pytest.raises(OSError, match="No such file"):
        write_together({tmp_path / "graph": b"new", tmp_path / "nowhere" / "probe": b"new"})

    assert [path.name for path in tmp_path.iterdir()] == ["graph"]
    assert (tmp_path / "graph").read_text() == "old"


@pytest.mark.parametrize(
    ("place", "cause"),
    [
        (".", "it is a folder"),
        (
            "nowhere/report.json",
            "the folder .*nowhere does not exist; create it: mkdir -p .*nowhere",
        ),
        ("broken", "the folder .*gone does not exist"),
    ],
)
def test_a_path_that_cannot_be_written_is_refused_before_any_work(
    tmp_path: Path, place: str, cause: str
) -> None:
    (tmp_path / "broken").symlink_to(tmp_path / "gone" / "report.json")

    with pytest.raises(InputError, match=f"cannot write .*: {cause}"):
        require_writable(tmp_path / place)


def test_a_link_to_an_input_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "model.onnx")

    with pytest.raises(InputError, match="is read"):
        require_distinct([str(tmp_path / "link")], [tmp_path / "model.onnx"])


def _target(folder: Path) -> None:
    require_targets(folder / "report.json")


def _model(folder: Path) -> None:
    read_bounded(folder / "mine.onnx", 1 << 20, "model file")


def _checkpoint(folder: Path) -> None:
    folder.mkdir()
    (folder / "weights.safetensors").touch()
    find_model(str(folder))


def _data(folder: Path) -> None:
    find_pairs(folder / "rainy")


@pytest.mark.parametrize(
    ("use", "command"),
    [
        (_target, ["mkdir", "-p"]),
        (_model, ["ls"]),
        (_checkpoint, ["spikerain-edge", "export"]),
        (_data, ["ls"]),
    ],
)
def test_the_command_of_a_message_can_be_typed_though_the_path_has_spaces(
    tmp_path: Path, use: Callable[[Path], None], command: list[str]
) -> None:
    folder = tmp_path / "my own folder's"
    with pytest.raises(InputError) as refusal:
        use(folder)
    words = shlex.split(refusal.value.remedy.partition(": ")[2])
    assert words[: len(command) + 1] == [*command, str(folder)]
