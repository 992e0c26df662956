"""Options that take several values, such as `--imgsz 256 512 720`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from typer.core import TyperCommand


class VariadicCommand(TyperCommand):
    """A command whose repeatable options also take several values at once.

    It is only for commands without arguments, because a value could be an argument otherwise.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeats the option before each of its values, then parses as usual."""
        repeatable = {name for option in self.params if _repeats(option) for name in option.opts}
        return super().parse_args(ctx, repeat_options(args, repeatable))


def repeat_options(arguments: Sequence[str], repeatable: Collection[str]) -> list[str]:
    """Turns `--imgsz 256 512` into `--imgsz 256 --imgsz 512`.

    Args:
        arguments: words of the command line.
        repeatable: names of the options that may repeat.
    """
    repeated: list[str] = []
    option, values = "", 0
    for argument in arguments:
        name, _, value = argument.partition("=")
        if argument.startswith("-"):
            option, values = name if name in repeatable else "", len(value)
        elif option:
            if values:
                repeated.append(option)
            values += 1
        repeated.append(argument)
    return repeated


def _repeats(parameter: Any) -> bool:
    return bool(getattr(parameter, "multiple", False))
