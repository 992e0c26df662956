"""Options of commands that measure and report."""

from __future__ import annotations

from typing import Annotated

import typer

Power = Annotated[
    bool, typer.Option("--power/--no-power", help="Measure power with sensors of the machine.")
]
JsonReport = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE|-", help="Write the report as JSON; - is stdout."),
]
CsvReport = Annotated[
    str | None, typer.Option("--csv", metavar="FILE|-", help="Write the rows as CSV.")
]
HtmlReport = Annotated[
    str | None, typer.Option("--html", metavar="FILE|-", help="Write a page with plots.")
]
