"""NIR files in memory: written whole, and read without trusting them."""

from __future__ import annotations

import io
import logging
import math
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import h5py
import nir

from spikerain_edge.errors import ModelError
from spikerain_edge.files import read_bounded
from spikerain_edge.system import program_of

_log = logging.getLogger(__name__)
SUFFIX = ".nir"
LONGEST_READ = 120.0
"""Seconds after which a file counts as damaged."""
# A file of 10 million neurons has 200 MB of their parameters, which compress well.
_MOST_BYTES = 1 << 30
_MOST_VALUES = 1 << 28
_MOST_ENTRIES = 50_000
_KINDS = (nir.Input, nir.Output, nir.Conv2d, nir.LIF)
# h5py and nir raise these for damaged files, according to where the damage is.
_DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
_AGAIN = "export it again: spikerain-edge export MODEL --format nir --imgsz 32"


def to_bytes(graph: nir.NIRGraph) -> bytes:
    """Returns the NIR file (HDF5) of a graph. Equal graphs give equal files."""
    content = io.BytesIO()
    nir.write(content, graph)
    return content.getvalue()


def read_nir(path: Path) -> nir.NIRGraph:
    """Reads a NIR file that consists of convolutions and LIF neurons.

    HDF5's library can crash or never return on a damaged file. So a child process reads it first.

    Raises:
        InputError: the path does not exist or is not a regular file.
        ModelError: the file is damaged, too large, or has links, other types or other nodes.
    """
    content = read_bounded(path, _MOST_BYTES, "NIR file")
    if not _ends(content):
        raise _unusable(str(path))
    return from_bytes(content, str(path))


def _ends(content: bytes) -> bool:
    """Whether a child process can read the file without a crash or a hang."""
    command = [sys.executable, "-c", program_of(__name__)]
    try:
        done = subprocess.run(  # noqa: S603 - this interpreter, this module
            command,
            input=content,
            capture_output=True,
            check=False,
            timeout=LONGEST_READ,
        )
    except subprocess.TimeoutExpired:
        return False
    _log.debug("%s", done.stderr.decode(errors="replace"))
    return done.returncode == 0


def from_bytes(content: bytes, origin: str) -> nir.NIRGraph:
    """Reads a NIR file in memory that this process wrote or a child process has read.

    Args:
        content: the file.
        origin: its name in messages.

    Raises:
        ModelError: the file is damaged, too large, or has links, other types or other nodes.
    """
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            _require_plain(file, origin)
        graph = nir.read(io.BytesIO(content))
    except ModelError:
        raise
    except _DAMAGE as error:
        raise _unusable(origin) from error
    others = {type(node).__name__ for node in graph.nodes.values() if type(node) not in _KINDS}
    if others:
        raise ModelError(
            f"{origin} has {', '.join(sorted(others))} nodes; only convolutions (Conv2d) and LIF "
            "neurons are read",
            _AGAIN,
        )
    return graph


def _unusable(origin: str) -> ModelError:
    return ModelError(f"{origin} is not a usable NIR file", _AGAIN)


def _require_plain(file: h5py.File, origin: str) -> None:
    """Checks, before any value is read, that a file is small when decompressed and has no links.

    Raises:
        ModelError: the file has links to other places, values that are not numbers or text, or
            too many values.
    """
    waiting: list[h5py.Group] = [file]
    seen = {h5py.h5o.get_info(file.id).addr}
    values = 0
    while waiting:
        group = waiting.pop()
        for name in group:
            plain = isinstance(group.get(name, getlink=True), h5py.HardLink)
            entry = group[name] if plain else None
            address = h5py.h5o.get_info(entry.id).addr if entry is not None else None
            if isinstance(entry, h5py.Group) and address not in seen:
                waiting.append(entry)
            elif isinstance(entry, h5py.Dataset) and _is_plain(entry):
                values += math.prod(entry.shape)
            else:
                raise ModelError(
                    f"{origin} is not a plain NIR file: {name!r} is a link, or not numbers or text",
                    _AGAIN,
                )
            seen.add(address)
            if values > _MOST_VALUES or len(seen) > _MOST_ENTRIES:
                raise ModelError(f"{origin} has too many values for a valid NIR file", _AGAIN)


def _is_plain(dataset: h5py.Dataset) -> bool:
    """Whether a data set holds numbers or text, in the file itself."""
    text = h5py.check_string_dtype(dataset.dtype) is not None
    return (text or dataset.dtype.kind in "iuf") and not (dataset.external or dataset.is_virtual)


def main() -> None:
    """Reads a file from standard input. A file that is refused is no failure here."""
    with suppress(ModelError):
        from_bytes(sys.stdin.buffer.read(), "the file")
