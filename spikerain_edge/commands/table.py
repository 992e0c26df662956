"""A table of commands that are listed without an import and imported on first use."""

from __future__ import annotations

import os
import re
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

_ONE_BREAK = re.compile(r"(?<!\n)\n(?!\n)")


@dataclass(frozen=True)
class CommandEntry:
    """A command of the table.

    Attributes:
        module: full name of the module; its `app`, a `typer.Typer`, has this command or group.
        help: first line of the command's help.
    """

    module: str
    help: str


class LazyCommand(TyperCommand):
    """Placeholder in the list of commands that imports the real command on use."""

    def __init__(self, name: str, entry: CommandEntry) -> None:
        super().__init__(name, help=entry.help)
        self._module = entry.module

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **named: Any) -> Any:
        """Imports the module and returns the context of the real command."""
        with _quiet_interrupts():
            module = import_module(self._module)
        command: Any = typer.main.get_command(module.app)
        # Typer would keep the line breaks of the source within a paragraph.
        command.help = _ONE_BREAK.sub(" ", command.help or "")
        return command.make_context(info_name, args, *rest, **named)


@contextmanager
def _quiet_interrupts() -> Iterator[None]:
    """Ends the process on Ctrl-C within the context, without a traceback."""

    def leave(number: int, frame: FrameType | None) -> None:
        os._exit(128 + number)

    before = signal.getsignal(signal.SIGINT)
    # A process that was started to ignore Ctrl-C keeps ignoring it. Only the main thread may set
    # handlers.
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
    """Returns the class of a command group, for `typer.Typer(cls=...)`.

    Args:
        entries: commands by name, in the order of `--help`.
    """

    class LazyGroup(TyperGroup):
        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            for name, entry in entries.items():
                self.add_command(LazyCommand(name, entry))

    return LazyGroup
