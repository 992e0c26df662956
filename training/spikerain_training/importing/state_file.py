"""Reads a foreign `state_dict` from a file without running anything that the file holds.

PyTorch's own files are zip archives around a pickle. Only `torch.load(weights_only=True)` reads
them here, and only where it can be relied on: releases before 2.10 run code from crafted files
(CVE-2025-32434, fixed in 2.6) or let them corrupt memory (CVE-2026-24747, fixed in 2.10).
"""

from __future__ import annotations

import pickle
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch.torch_version import TorchVersion

from spikerain_edge.errors import InputError

# The largest published network takes 32 MB, and 97 MB with the moments of its optimiser.
LARGEST_FILE = 512 * 2**20
SAFE_TORCH = "2.10"
WRAPPERS = ("state_dict", "model", "params")
PREFIXES = ("module.", "_orig_mod.")

_SAVE_AGAIN = "save the state_dict alone: torch.save(model.state_dict(), FILE)"
# What a damaged archive makes `zipfile` raise: it also seeks where a length that lies leads.
_NO_ARCHIVE = (
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
# What a damaged archive or pickle makes `torch.load` raise.
_UNREADABLE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    struct.error,
)


def read_state(file: Path, largest: int = LARGEST_FILE) -> dict[str, Any]:
    """The `state_dict` in a `.safetensors` file or in a file of PyTorch's (`.pth`, `.pt`).

    A dictionary below `state_dict`, `model` or `params`, as training scripts save it, is taken
    out of its wrapper. Prefixes that all names share because a wrapper module (`DataParallel`,
    `torch.compile`) put them there are taken off.

    Args:
        file: what to read; `.safetensors` is told by its suffix, all else is PyTorch's.
        largest: bytes that the file, and what its archive unpacks to, may take.

    Returns:
        Names and what they hold, in the order of the file. Whoever uses the values checks them:
        a PyTorch file may hold other things than tensors below a name.

    Raises:
        InputError: no such file; it is too large, damaged, holds anything but tensors and plain
            containers, or holds no `state_dict`; or this PyTorch cannot read such a file safely.
    """
    if not file.is_file():
        raise InputError(f"no file {file}", "check the path")
    _require_size(file, file.stat().st_size, largest)
    if file.suffix.lower() == ".safetensors":
        try:
            held: Any = load_file(file)
        except (SafetensorError, ValueError) as error:
            raise InputError(
                f"{file} is damaged or not a safetensors file: {error}", "copy it again"
            ) from error
    else:
        _require_archive(file, largest)
        held = _load_tensors(file)
    return _without_prefixes(_without_wrapper(file, held))


def _require_size(file: Path, size: int, largest: int) -> None:
    if size > largest:
        raise InputError(f"{file} takes {size:,} bytes, at most {largest:,} are read", _SAVE_AGAIN)


def _require_archive(file: Path, largest: int) -> None:
    """Refuses what `torch.load` would read by other means than its restricted unpickler."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _require_size(file, sum(member.file_size for member in members), largest)
            if any(member.filename.lower().endswith("constants.pkl") for member in members):
                raise InputError(f"{file} is a TorchScript program, not a state_dict", _SAVE_AGAIN)
            # PyTorch would take damaged numbers for weights: it compares no checksums.
            damaged = archive.testzip()
    except _NO_ARCHIVE as error:
        if isinstance(error, OSError) and error.filename:
            raise  # The system does not let the file be opened.
        raise InputError(
            f"{file} is not a file of PyTorch 1.6 or newer, or is cut off", _SAVE_AGAIN
        ) from error
    if damaged:
        raise InputError(f"{file} is damaged: {damaged} has another checksum", "copy it again")


def _load_tensors(file: Path) -> Any:
    if TorchVersion(torch.__version__) < SAFE_TORCH:
        raise InputError(
            f"PyTorch {torch.__version__} does not read {file} safely",
            f"pip install 'torch>={SAFE_TORCH}', or give a .safetensors file",
        )
    try:
        with warnings.catch_warnings():
            # About odd pickles: they are read or refused, and either is told here.
            warnings.simplefilter("ignore")
            return torch.load(file, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        # PyTorch's message advises to turn the protection off: not repeated.
        wanted = re.search(r"GLOBAL ([\w.]+)", str(error))
        if wanted:
            cause = f"{file} asks for {wanted[1]}; only tensors and plain containers are read"
        else:
            cause = f"{file} is damaged or holds more than tensors"
        raise InputError(cause, _SAVE_AGAIN) from error


def _without_wrapper(file: Path, held: Any) -> Mapping[str, Any]:
    if not isinstance(held, Mapping):
        raise InputError(f"{file} holds a {type(held).__name__}, not a state_dict", _SAVE_AGAIN)
    wrapped = [key for key in WRAPPERS if isinstance(held.get(key), Mapping)]
    if len(wrapped) > 1:
        raise InputError(f"{file} holds more than one network: {', '.join(wrapped)}", _SAVE_AGAIN)
    state = held[wrapped[0]] if wrapped else held
    if not state or not all(isinstance(name, str) for name in state):
        raise InputError(f"{file} does not hold named tensors", _SAVE_AGAIN)
    return state


def _without_prefixes(state: Mapping[str, Any]) -> dict[str, Any]:
    for prefix in PREFIXES * 2:
        if all(name.startswith(prefix) for name in state):
            state = {name[len(prefix) :]: value for name, value in state.items()}
    return dict(state)
