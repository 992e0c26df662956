"""Commands that are listed without being imported, and imported when they are used."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import FrameType
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
        with _quiet_interrupts():
            module = import_module(self._module)
        command: Any = typer.main.get_command(module.app)
        return command.make_context(info_name, args, *rest, **named)


@contextmanager
def _quiet_interrupts() -> Iterator[None]:
    """Ends the process at Ctrl-C, without a traceback through whatever is being imported."""

    def leave(number: int, frame: FrameType | None) -> None:
        os._exit(128 + number)

    before = signal.getsignal(signal.SIGINT)
    # Where the one who started the process has it ignore Ctrl-C, it goes on doing so. Handlers
    # belong to the main thread.
    if (
        before is not signal.default_int_handler
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return
    signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


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
