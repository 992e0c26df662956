"""Every command and every Python block of the documents is run.

`standins.py` holds the one table of what stands in for cameras, pictures, trainings and boards.
A block's commands run one after another in a folder of its own, as a reader would type them.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import sys

import pytest
from documents import ROOT, Block, blocks
from standins import PYTHON, RULES, Rule, named_outputs, rule_for
from workshop import Session, Workshop, execute

BLOCKS = blocks()
COMMANDS = [
    (block, index, command)
    for block in BLOCKS
    if block.language == "sh"
    for index, command in enumerate(block.commands)
]
RULED = [(*item, rule) for item in COMMANDS if (rule := rule_for(item[2]))]
PROGRAMS = [block for block in BLOCKS if block.language == "python"]
OTHER_LANGUAGES = {"ini", "json", "mermaid", "text", "toml", "yaml"}


def test_every_block_says_its_language() -> None:
    known = {"sh", "python", *OTHER_LANGUAGES}
    assert [block.name for block in BLOCKS if block.language not in known] == []


def test_commands_stand_in_blocks_that_are_run() -> None:
    command = re.compile(r"^\s*\$?\s*(spikerain-|pip |python3? |make )", re.MULTILINE)
    texts = [block for block in BLOCKS if block.language in OTHER_LANGUAGES]
    assert [block.name for block in texts if command.search(block.text)] == []


def test_every_command_has_a_rule_that_checks_something() -> None:
    missing = [
        f"{block.name}: {command}"
        for block, _, command in COMMANDS
        if not checks_something(command, rule_for(command))
    ]
    assert missing == [], "add a rule to tests/docs/standins.py"


def checks_something(command: str, rule: Rule | None) -> bool:
    """Tells whether an output, a word or a reason not to run the command is known."""
    expected = rule and (rule.not_run or rule.output or rule.says or rule.leaves)
    return bool(rule and (expected or named_outputs(command)))


def test_every_python_block_has_an_entry() -> None:
    counted = {name: len(outputs) for name, outputs in PYTHON.items()}
    documents = [block.document for block in PROGRAMS]
    assert {name: documents.count(name) for name in documents} == counted


def test_every_rule_is_used() -> None:
    used = [rule for *_, rule in RULED]
    assert [rule.start for rule in RULES if rule not in used] == []


def test_ci_runs_the_commands_that_are_left_to_it() -> None:
    steps = (ROOT / ".ci" / "run").read_text().splitlines()
    left = [command for _, _, command, rule in RULED if "step of .ci" in rule.not_run]
    assert left
    # A step may have variables after the command.
    run = {re.sub(r" [A-Z_]+=.*", "", step) for step in steps}
    assert set(left) <= run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("block", "index", "command", "rule"),
    [pytest.param(*item, id=f"{item[0].name}-{item[2]}") for item in RULED if not item[3].not_run],
)
def test_a_command_does_what_it_says(
    workshop: Workshop, block: Block, index: int, command: str, rule: Rule
) -> None:
    if rule.needs and importlib.util.find_spec(rule.needs) is None:
        pytest.skip(f"{rule.needs} has no wheel for this Python or processor")
    session = workshop.session(block)
    done = session.result(index)

    told = done.stdout + done.stderr
    assert "Traceback" not in told
    assert "does not provide the extra" not in told
    if rule.refusal and not shutil.which("nvidia-smi"):
        assert done.returncode != 0, told
        assert re.search(rule.refusal, told), told
        return
    assert done.returncode == 0, told
    assert re.search(rule.says, told), told
    assert_outputs(session, rule, command, done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("block", PROGRAMS, ids=lambda block: block.name)
def test_a_python_block_does_what_it_says(workshop: Workshop, block: Block) -> None:
    session = workshop.session(block)
    for name in re.findall(r'(?:imread|VideoCapture|load)\("([^"]+\.\w+)"', block.text):
        workshop.bring(name, session.folder)
    done = execute([sys.executable, "-W", "error", "-c", block.text], session.folder)
    assert done.returncode == 0, done.stderr
    blocks_of_document = [other for other in PROGRAMS if other.document == block.document]
    for name in PYTHON[block.document][blocks_of_document.index(block)]:
        assert (session.folder / name).stat().st_size > 0


def assert_outputs(session: Session, rule: Rule, command: str, printed: str) -> None:
    """Checks that everything that was to be written is there and not empty."""
    outputs = named_outputs(command) or [rule.output]
    if command.endswith("--json -"):
        assert json.loads(printed)
    first = outputs[0].rstrip("/")
    stem = first.rpartition(".")[0]
    leaves = [name.format(output=first, stem=stem) for name in rule.leaves]
    for name in [*leaves, *(name for name in outputs if name not in ("-", ""))]:
        pattern = re.sub(r"(%\d*[A-Za-z])+|\{camera\}", "*", name.rstrip("/"))
        found = list(session.folder.glob(pattern))
        present = sorted(str(path) for path in session.folder.iterdir())
        assert found, f"{name} is not among {present}"
        assert all(any(path.iterdir()) if path.is_dir() else path.stat().st_size for path in found)
