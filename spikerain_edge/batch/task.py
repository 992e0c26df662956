"""Tasks for workers, and how they end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Task:
    """One call of a worker.

    Attributes:
        method: name of the method of `Worker`.
        arguments: what it is called with.
        tries: how many workers have died of it.
    """

    method: str
    arguments: tuple[Any, ...]
    tries: int = 0


@dataclass(frozen=True)
class Finished:
    """The end of a task: its result, or none if its worker died."""

    task: Task
    result: Any = None
    died: bool = False
