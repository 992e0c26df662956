"""Makes model files with `spikerain-edge export`, in a process of its own.

This package never imports what exports; and the memory that an export needs is given back.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from spikerain_edge.errors import InputError
from spikerain_edge.system import program_of

UNTRAINED = ("s", "m", "l")
"""Published networks whose weights are not shipped: they are measured with random weights."""

_PREFIX = "spikerain-edge: "


def export_file(model: str, options: Sequence[str], output: Path) -> Path:
    """Exports a model without verification, for measuring.

    Args:
        model: what `spikerain-edge export` takes.
        options: options of the export, such as `--int8`.
        output: file to write.

    Returns:
        The file.

    Raises:
        InputError: the export failed; cause and remedy are those of the export.
    """
    command = ["export", model, *options, "--no-verify", "--output", str(output)]
    ended = subprocess.run(  # noqa: S603 - this interpreter, this package
        [sys.executable, "-c", program_of("spikerain_edge.cli"), *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if ended.returncode == 0:
        return output
    last = (ended.stderr.strip().splitlines() or ["the export failed"])[-1]
    cause, _, remedy = last.removeprefix(_PREFIX).partition("; ")
    again = f"see why: spikerain-edge export {model} {' '.join(options)}"
    raise InputError(cause, remedy or again)


@contextmanager
def measurable(model: str) -> Iterator[str]:
    """Gives the file of a model to measure; `s`, `m` and `l` are exported untrained.

    Args:
        model: shipped model, path, or one of `UNTRAINED`.

    Raises:
        InputError: the training extras are missing.
    """
    if not is_untrained(model):
        yield model
        return
    with TemporaryDirectory(prefix="spikerain-") as folder:
        yield str(export_file(model, [], Path(folder) / f"{model}.onnx"))


def is_untrained(model: str) -> bool:
    """Whether a name is that of a published network without shipped weights."""
    return model in UNTRAINED and not Path(model).exists()
