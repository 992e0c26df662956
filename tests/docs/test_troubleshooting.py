"""Every message that a user meets stands on the pages of troubleshooting."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from messages import Message, find_messages
from troubleshooting import marked, pages

ERRORS = """
class SpikeRainError(Exception):
    exit_code = 2
class InputError(SpikeRainError):
    pass
class LostError(InputError):
    exit_code = 7
"""


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    return find_messages()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(["profile", "--model", "absent"], 2, marks=pytest.mark.slow),
        (["run", "--camera", "absent.mp4", "--output", "out.mp4"], 2),
        (["run", "--camera", "demo", "--output", "out.mp4", "--imgsz", "huge"], 2),
        pytest.param(["profile", "--board", "abacus", "--imgsz", "16"], 2, marks=pytest.mark.slow),
        (["info", "mkdocs.yml"], 4),
    ],
)
def test_what_the_program_says_is_found(
    messages: list[Message], arguments: list[str], code: int
) -> None:
    program = Path(sys.executable).with_name("spikerain-edge")
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == code, done.stderr
    said = " ".join(done.stderr.split())
    fitting = [each for each in messages if re.search(pattern(each), said)]
    assert [each.exit_code for each in fitting] == [code] * len(fitting)
    assert fitting, said


def pattern(message: Message) -> str:
    text = f"{message.cause}; {message.remedy}" if message.remedy else message.cause
    return ".+?".join(re.escape(part) for part in re.split("⟨.*?⟩(?:, …)?", text))


def test_texts_are_followed_to_where_they_are_written(tmp_path: Path) -> None:
    package = tmp_path / "spikerain_edge"
    package.mkdir()
    (package / "errors.py").write_text(ERRORS)
    (package / "code.py").write_text(
        """
_REMEDY = "check it"
def open(path, kinds):
    if not path:
        raise InputError("no path", _REMEDY)
    cause = f"{path.name!r} is damaged" if kinds else f"{path} is empty"
    raise LostError(cause, f"choose one of {', '.join(kinds)}, or " + _again(path))
def _again(path):
    return f"copy {quote(str(path))} again"
def helper(cause):
    raise InputError(cause, "never said alone")
"""
    )
    found = [(each.cause, each.remedy, each.exit_code) for each in find_messages(tmp_path)]
    remedy = "choose one of ⟨KINDS⟩, …, or copy ⟨PATH⟩ again"
    assert sorted(found) == [
        ("'⟨PATH⟩' is damaged", remedy, 7),
        ("no path", "check it", 2),
        ("⟨PATH⟩ is empty", remedy, 7),
    ]


def test_each_message_stands_once_on_its_page(messages: list[Message]) -> None:
    written = pages(messages)
    text = "\n".join(written.values())
    assert len(messages) > 300
    for message in messages:
        assert f"## {marked(message.cause)}\n" in text
        assert marked(message.remedy) in text
    for page in written.values():
        headings = re.findall("^## .*", page, re.MULTILINE)
        assert len(headings) == len({*headings})
    assert [page for page in written if f"]({Path(page).name})" not in written[START]] == [START]


START = "troubleshooting/index.md"


def test_markdown_in_a_message_is_shown_as_it_is() -> None:
    assert marked("write *_{camera}.mp4 <now> for ⟨THE PATH⟩") == (
        r"write \*\_\{camera\}.mp4 &lt;now&gt; for <var>THE PATH</var>"
    )
