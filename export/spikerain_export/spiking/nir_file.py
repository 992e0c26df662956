"""NIR files in memory: written whole, and read without trusting them."""

from __future__ import annotations

import io
import math
from pathlib import Path

import h5py
import nir

from spikerain_edge.errors import ModelError
from spikerain_edge.files import read_bounded

SUFFIX = ".nir"
# A file of 10 million neurons has 200 MB of their parameters, which compress well.
_MOST_BYTES = 1 << 30
_MOST_VALUES = 1 << 28
_MOST_ENTRIES = 100_000
_KINDS = (nir.Input, nir.Output, nir.Conv2d, nir.LIF)
_AGAIN = "export it again: spikerain-edge export nano-spike --format nir --imgsz 32"


def to_bytes(graph: nir.NIRGraph) -> bytes:
    """Returns the NIR file (HDF5) of a graph. Equal graphs give equal files."""
    content = io.BytesIO()
    nir.write(content, graph)
    return content.getvalue()


def read_nir(path: Path) -> nir.NIRGraph:
    """Reads a NIR file that consists of convolutions and LIF neurons.

    Raises:
        InputError: the path does not exist or is not a regular file.
        ModelError: the file is damaged, too large, or has links, other types or other nodes.
    """
    return from_bytes(read_bounded(path, _MOST_BYTES, "NIR file"), str(path))


def from_bytes(content: bytes, origin: str) -> nir.NIRGraph:
    """Reads a NIR file in memory; see `read_nir`.

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
    # h5py and nir raise these for damaged files, according to where the damage is.
    except (AssertionError, AttributeError, KeyError, OSError, RuntimeError, TypeError, ValueError):
        raise ModelError(f"{origin} is not a usable NIR file", _AGAIN) from None
    others = {type(node).__name__ for node in graph.nodes.values() if type(node) not in _KINDS}
    if others:
        raise ModelError(
            f"{origin} has {', '.join(sorted(others))} nodes; only convolutions (Conv2d) and LIF "
            "neurons are read",
            _AGAIN,
        )
    return graph


def _require_plain(file: h5py.File, origin: str) -> None:
    """Checks, before any value is read, that a file is small when decompressed and has no links.

    Raises:
        ModelError: the file has links to other places, values that are not numbers or text, or
            too many values.
    """
    waiting: list[h5py.Group] = [file]
    entries = values = 0
    while waiting:
        group = waiting.pop()
        for name in group:
            entries += 1
            plain = isinstance(group.get(name, getlink=True), h5py.HardLink)
            entry = group.get(name) if plain and entries <= _MOST_ENTRIES else None
            if isinstance(entry, h5py.Group):
                waiting.append(entry)
            elif isinstance(entry, h5py.Dataset) and _is_plain(entry):
                values += math.prod(entry.shape)
            else:
                raise ModelError(
                    f"{origin} is not a plain NIR file: see its entry {name!r}", _AGAIN
                )
            if values > _MOST_VALUES:
                raise ModelError(f"{origin} has too many values for a valid NIR file", _AGAIN)


def _is_plain(dataset: h5py.Dataset) -> bool:
    """Whether a data set holds numbers or text, in the file itself."""
    text = h5py.check_string_dtype(dataset.dtype) is not None
    return (text or dataset.dtype.kind in "iuf") and not (dataset.external or dataset.is_virtual)
