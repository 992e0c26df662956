"""NIR files are read without trusting them."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from pathlib import Path

import h5py
import nir
import numpy as np
import pytest
from spiking_parts import SMALL, exported

from spikerain_edge.errors import InputError, ModelError
from spikerain_export.spiking.nir_file import from_bytes, read_nir, to_bytes


@pytest.fixture(scope="module")
def content() -> bytes:
    return to_bytes(exported(SMALL, (16, 16)).made)


def edited(content: bytes, edit: Callable[[h5py.File], object]) -> bytes:
    file = io.BytesIO(content)
    with h5py.File(file, "r+") as opened:
        edit(opened)
    return file.getvalue()


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: b"no HDF5" * 1000,
        lambda content: pickle.dumps({"nodes": {}}),
        lambda content: edited(content, lambda file: file.__delitem__("node/edges")),
        lambda content: edited(content, lambda file: file.__delitem__("node")),
        lambda content: edited(content, lambda file: file.__delitem__("node/nodes/embed/weight")),
    ],
    ids=["empty", "truncated", "foreign", "pickle", "no edges", "no graph", "no weight"],
)
def test_damaged_files_are_refused(content: bytes, damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(ModelError, match=r"^x is not a usable NIR file; export it again"):
        from_bytes(damage(content), "x")


def _huge(file: h5py.File) -> None:
    """Adds two gigabytes of zeros that take no space."""
    file.create_dataset("huge", (1 << 29,), np.float32, chunks=(1 << 20,), compression="gzip")


def _link(file: h5py.File) -> None:
    file["node/nodes/embed/link"] = h5py.ExternalLink("/etc/hostname", "/")


def _loop(file: h5py.File) -> None:
    file["node/again"] = file["node"]


def _reference(file: h5py.File) -> None:
    file.create_dataset("node/link", data=file.ref, dtype=h5py.ref_dtype)


def _outside(file: h5py.File) -> None:
    file.create_dataset("raw", (4,), np.uint8, external=[("/etc/hostname", 0, 4)])


@pytest.mark.parametrize("edit", [_huge, _link, _loop, _reference, _outside])
def test_files_that_reach_further_are_refused(
    content: bytes, edit: Callable[[h5py.File], object]
) -> None:
    changed = edited(content, edit)
    assert len(changed) < len(content) + (1 << 16)
    with pytest.raises(ModelError, match=r"is not a plain NIR file|has too many"):
        from_bytes(changed, "x")


def test_other_nodes_are_named() -> None:
    graph = nir.NIRGraph.from_list(nir.Linear(np.ones((2, 3), np.float32)))
    with pytest.raises(ModelError, match="x has Linear nodes; only convolutions"):
        from_bytes(to_bytes(graph), "x")


def test_files_are_read(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.nir").write_bytes(content)
    assert "readout" in read_nir(tmp_path / "a.nir").nodes
    with pytest.raises(InputError, match="does not exist"):
        read_nir(tmp_path / "b.nir")


@pytest.mark.slow
def test_a_file_that_hdf5_never_ends_reading_is_refused(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spikerain_export.spiking.nir_file.LONGEST_READ", 5.0)
    damaged = bytearray(content)
    # The length of the first object in the heap of texts: HDF5 2.0 goes round in circles.
    length = content.index(b"GCOL") + 24
    damaged[length : length + 8] = (2**64 - 16).to_bytes(8, "little")
    (tmp_path / "a.nir").write_bytes(damaged)
    with pytest.raises(ModelError, match="is not a usable NIR file"):
        read_nir(tmp_path / "a.nir")
