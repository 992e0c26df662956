"""`spikerain-train import`: converts weights of the authors' code to a checkpoint."""

from __future__ import annotations

import logging
from enum import Enum
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from spikerain_edge.console import Debug, Logs, Verbose, command_scope, write_json
from spikerain_edge.errors import InputError
from spikerain_edge.files import require_distinct, require_targets
from spikerain_edge.logs import LogFormat
from spikerain_training.checkpoint import require_free, save_network
from spikerain_training.commands.options import PROGRAM
from spikerain_training.config import variants
from spikerain_training.importing.authors import Comparison, Entry, compare, fitting
from spikerain_training.importing.state_file import read_state

app = typer.Typer(add_completion=False)
_log = logging.getLogger(__name__)
_SHOWN = 20


class Published(str, Enum):
    """Values of `--variant`: the published networks."""

    S = "s"
    M = "m"
    L = "l"


@app.command("import")
def import_weights(
    file: Annotated[
        Path,
        typer.Argument(
            help="File with a state_dict saved by the authors' code: .pth, .pt or .safetensors."
        ),
    ],
    variant: Annotated[Published, typer.Option(help="Published network of the weights.")],
    output: Annotated[Path, typer.Option(help="Checkpoint folder to write.")],
    json: Annotated[
        str | None, typer.Option(help="Write a JSON report of every tensor; - prints it.")
    ] = None,
    verbose: Verbose = False,
    log_format: Logs = LogFormat.TEXT,
    debug: Debug = False,
) -> None:
    """Imports weights saved by the authors' published code; every tensor has to match.

    The file is read without executing code in it. If a tensor is missing, unexpected, of another
    shape or not usable, no checkpoint is written and the exit code is 2.
    """
    with command_scope(debug=debug, verbose=verbose, log_format=log_format, program=PROGRAM):
        require_free(output)
        reports = [json] if json and json != "-" else []
        require_targets(json)
        require_distinct([str(output), *reports], [file])
        config = variants()[variant.value]
        state = read_state(file)
        found = compare(state, config)
        if json:
            document = {"file": str(file), "variant": variant.value, **found.to_dict()}
            write_json(document, json)
        for line in _lines(found):
            _log.info("%s", line)
        if not found.complete:
            raise InputError(
                f"the tensors in {file} do not match the network {variant.value}",
                _remedy(fitting(state)),
            )
        save_network(output, config, found.weights)
        _log.info(
            "weights written to %s; next: spikerain-edge export %s", output, quote(str(output))
        )


def _remedy(others: list[str]) -> str:
    if others:
        return f"they match {others[0]}: use --variant {others[0]}"
    return "list every tensor: add --json -"


def _lines(found: Comparison) -> list[str]:
    """Returns the counts in one line, then a table of the tensors that do not match."""
    counts = [f"{count} {status}" for status, count in found.counts.items()]
    lines = [f"{len(found.entries)} tensors: {', '.join(counts)}"]
    rest = [entry for entry in found.entries if entry.status != "matched"]
    rows = [("status", "authors' name", "found", "expected", "our name")] if rest else []
    rows += [_cells(entry) for entry in rest[:_SHOWN]]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    if len(rest) > _SHOWN:
        lines.append(f"and {len(rest) - _SHOWN} more")
    return lines


def _cells(entry: Entry) -> tuple[str, str, str, str, str]:
    return (
        entry.status,
        _printable(entry.theirs),
        entry.reason or _shape(entry.found),
        _shape(entry.expected),
        entry.ours or "-",
    )


def _printable(name: str) -> str:
    """Escapes a name from the file, so that it cannot control the terminal."""
    return (name if name.isprintable() else ascii(name))[:80]


def _shape(shape: tuple[int, ...] | None) -> str:
    if shape is None:
        return "-"
    return "x".join(map(str, shape)) or "number"
