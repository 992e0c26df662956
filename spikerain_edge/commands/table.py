"""Commands that are listed without being imported, and imported when they are used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True)
class CommandEntry:
    """A command of the table.

    Attributes:
        module: full name of the module, whose `app` (a `typer.Typer`) has this one command.
        help: the first line of the command's own help.
    """

    module: str
    help: str


class LazyCommand(TyperCommand):
    """Stands for a command in the list of all and gives way to it when it is called."""

    def __init__(self, name: str, entry: CommandEntry) -> None:
        super().__init__(name, help=entry.help)
        self._module = entry.module

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **named: Any) -> Any:
        """The context of the real command, which its module defines."""
        command: Any = typer.main.get_command(import_module(self._module).app)
        return command.make_context(info_name, args, *rest, **named)


def group_of(entries: Mapping[str, CommandEntry]) -> type[TyperGroup]:
    """A group of commands that `typer.Typer(cls=...)` takes.

    Args:
        entries: the commands by name, in the order of `--help`.
    """

    class LazyGroup(TyperGroup):
        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            for name, entry in entries.items():
                self.add_command(LazyCommand(name, entry))

    return LazyGroup
