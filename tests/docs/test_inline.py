"""Commands inside paragraphs name commands and options that exist."""

from __future__ import annotations

import shlex

import pytest
import typer
from documents import inline_commands
from typer.core import TyperGroup
from typer.main import get_command

from spikerain_edge.cli import app as edge
from spikerain_training.cli import app as train

PROGRAMS = {"spikerain-edge": get_command(edge), "spikerain-train": get_command(train)}
INLINE = inline_commands()


def test_documents_mention_commands_in_paragraphs() -> None:
    assert len(INLINE) > 5


@pytest.mark.parametrize(("document", "command"), INLINE)
def test_a_command_in_a_paragraph_exists(document: str, command: str) -> None:
    words = [word for word in shlex.split(command) if word != "..."]
    program = PROGRAMS[words[0]]
    if len(words) == 1:
        return
    assert isinstance(program, TyperGroup)
    named = program.get_command(typer.Context(program), words[1])
    assert named is not None, f"{document}: there is no command {words[1]}"
    options = named.make_context(words[1], [], resilient_parsing=True).command.params
    known = {name for option in options for name in (*option.opts, *option.secondary_opts)}
    given = {word.split("=")[0] for word in words[2:] if word.startswith("-") and word != "-"}
    assert given <= known | {"--help"}, f"{document}: {command}"
