"""Reports of quick measurements."""

from __future__ import annotations

import json
import resource
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from rich.console import Console

from spikerain_edge.images import Image
from spikerain_edge.profiling.child import Child
from spikerain_edge.profiling.document import Report, as_json
from spikerain_edge.profiling.examination import ProfileOptions
from spikerain_edge.profiling.report import profile
from spikerain_edge.profiling.tables import report_tables

Document = dict[str, Any]
NOTE = "Measured on noise."


def frames(height: int, width: int) -> Sequence[Image]:
    rng = np.random.default_rng(height)
    return [rng.integers(0, 256, (height, width, 3), np.uint8) for _ in range(2)]


def options(model: Path | str, *sizes: tuple[int, int], **settings: Any) -> ProfileOptions:
    return ProfileOptions(
        str(model), sizes, threads=1, warmup=0, iterations=3, power=False, **settings
    )


def profiled(*args: Any, **kwargs: Any) -> Document:
    """The JSON document, as users' scripts read it."""
    document: Document = json.loads(as_json(profile(*args, **kwargs)))
    return document


def parsed(document: Document) -> Report:
    return msgspec.convert(document, Report)


def shown(report: Document, width: int = 100, **what: bool) -> list[str]:
    text = StringIO()
    Console(file=text, width=width).print(report_tables(parsed(report), **what))
    return text.getvalue().splitlines()


class Cramped(Child):
    """A process with little memory."""

    def __enter__(self) -> Child:
        child = super().__enter__()
        child.call(resource.setrlimit, resource.RLIMIT_AS, (1 << 30, 1 << 30))
        return child
