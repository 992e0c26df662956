"""Safetensors files with a digest of what they hold."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from spikerain_edge.files import write_whole

_DIGEST = "sha256"


def packed(tensors: Mapping[str, Tensor], beside: bytes = b"") -> bytes:
    """Returns tensors as the content of a safetensors file, with their digest.

    Args:
        tensors: tensors by name.
        beside: content of a file that belongs to them and that the digest covers too.
    """
    kept = {name: value.contiguous().cpu() for name, value in tensors.items()}
    return save(kept, {_DIGEST: _digest(kept, beside)})


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Writes a safetensors file; it appears complete or not at all.

    Raises:
        OSError: it cannot be written.
    """
    write_whole(path, packed(tensors))


def read_tensors(path: Path, beside: bytes = b"") -> dict[str, Tensor]:
    """Reads a safetensors file and checks its digest; other programs write files without one.

    Args:
        path: the file.
        beside: content of the file that belongs to it; see `packed`.

    Raises:
        SafetensorError: the file is damaged.
        ValueError: the tensors, or the file beside them, do not match the digest.
    """
    with safe_open(path, framework="pt") as file:
        expected = (file.metadata() or {}).get(_DIGEST)
        tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if expected is not None and expected != _digest(tensors, beside):
        covered = ", which covers the file beside it too" if beside else ""
        raise ValueError(f"it does not match its SHA-256{covered}")
    return tensors


def _digest(tensors: Mapping[str, Tensor], beside: bytes) -> str:
    """SHA-256 of names, types, shapes and values, whatever the layout of a file."""
    digest = hashlib.sha256(beside)
    for name in sorted(tensors):
        value = tensors[name]
        digest.update(f"{name} {value.dtype} {tuple(value.shape)};".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
