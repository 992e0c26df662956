"""Reads a `state_dict` from an untrusted file without executing code in it.

PyTorch files are zip archives with a pickle inside. They are read by
`torch.load(weights_only=True)` only, and only by PyTorch 2.10 or newer: older releases execute code
from crafted files (CVE-2025-32434, fixed in 2.6) or let them corrupt memory (CVE-2026-24747, fixed
in 2.10).
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
from shlex import quote
from typing import Any

import torch
from safetensors import SafetensorError
from torch.torch_version import TorchVersion

from spikerain_edge.errors import InputError
from spikerain_training.tensor_file import read_tensors

# The largest published network has 32 MB, or 97 MB with the state of its optimiser.
LARGEST_FILE = 512 * 2**20
SAFE_TORCH = "2.10"
WRAPPERS = ("state_dict", "model", "params")
PREFIXES = ("module.", "_orig_mod.")

_COPY_AGAIN = "copy the file again from its source"
_SAVE_AGAIN = "save only the state_dict: torch.save(model.state_dict(), FILE)"
# Exceptions that `zipfile` raises for damaged archives; a wrong length makes it seek too far.
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
# Exceptions that `torch.load` raises for damaged archives or pickles.
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
    """Reads the `state_dict` from a `.safetensors` file or from a PyTorch file (`.pth`, `.pt`).

    Training scripts often save the `state_dict` under a key `state_dict`, `model` or `params`; it
    is found there too. Prefixes that `DataParallel` or `torch.compile` add to all names are
    removed.

    Args:
        file: file to read; a suffix other than `.safetensors` means a PyTorch file.
        largest: largest size in bytes of the file, and of its unpacked archive.

    Returns:
        Values by name, in the order of the file. In a PyTorch file a value may be something other
        than a tensor, so the caller has to check it.

    Raises:
        InputError: the file does not exist, is too large or damaged, contains anything but tensors
            and plain containers, or contains no `state_dict`, or this version of PyTorch cannot
            read it safely.
    """
    if not file.is_file():
        raise InputError(
            f"the file {file} does not exist", f"check the path: ls {quote(str(file.parent))}"
        )
    _require_size(file, file.stat().st_size, largest)
    if file.suffix.lower() == ".safetensors":
        try:
            held: Any = read_tensors(file)
        except (SafetensorError, ValueError) as error:
            raise InputError(
                f"{file} is damaged or not a safetensors file ({error})", _COPY_AGAIN
            ) from error
    else:
        _require_archive(file, largest)
        held = _load_tensors(file)
    return _without_prefixes(_without_wrapper(file, held))


def _require_size(file: Path, size: int, largest: int) -> None:
    if size > largest:
        raise InputError(
            f"{file} is too large ({size:,} bytes, limit {largest:,} bytes)", _SAVE_AGAIN
        )


def _require_archive(file: Path, largest: int) -> None:
    """Checks that `torch.load` will read the file with its restricted unpickler only.

    Raises:
        InputError: the file is not a zip archive, is a TorchScript program, is too large when
            unpacked, or is damaged.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _require_size(file, sum(member.file_size for member in members), largest)
            if any(member.filename.lower().endswith("constants.pkl") for member in members):
                raise InputError(f"{file} is a TorchScript program, not a state_dict", _SAVE_AGAIN)
            # PyTorch does not compare checksums and would load damaged numbers.
            damaged = archive.testzip()
    except _NO_ARCHIVE as error:
        if isinstance(error, OSError) and error.filename:
            raise  # The file could not be opened.
        raise InputError(
            f"{file} is incomplete, or not a file of PyTorch 1.6 or newer", _SAVE_AGAIN
        ) from error
    if damaged:
        raise InputError(
            f"{file} is damaged (the checksum of {damaged} does not match)", _COPY_AGAIN
        )


def _load_tensors(file: Path) -> Any:
    if TorchVersion(torch.__version__) < SAFE_TORCH:
        raise InputError(
            f"PyTorch {torch.__version__} cannot read {file} safely",
            f"install a newer one: pip install 'torch>={SAFE_TORCH}', or use a .safetensors file",
        )
    try:
        with warnings.catch_warnings():
            # PyTorch warns of unusual pickles. They are read correctly or refused below.
            warnings.simplefilter("ignore")
            return torch.load(file, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        # The message of PyTorch is not repeated, because it advises to turn the protection off.
        wanted = re.search(r"GLOBAL ([\w.]+)", str(error))
        if wanted:
            cause = f"{file} contains {wanted[1]}, but only tensors and plain containers are read"
        else:
            cause = f"{file} is damaged or contains more than tensors"
        raise InputError(cause, _SAVE_AGAIN) from error


def _without_wrapper(file: Path, held: Any) -> Mapping[str, Any]:
    if not isinstance(held, Mapping):
        raise InputError(f"{file} contains a {type(held).__name__}, not a state_dict", _SAVE_AGAIN)
    wrapped = [key for key in WRAPPERS if isinstance(held.get(key), Mapping)]
    if len(wrapped) > 1:
        raise InputError(
            f"{file} contains more than one network: {', '.join(wrapped)}", _SAVE_AGAIN
        )
    state = held[wrapped[0]] if wrapped else held
    if not state or not all(isinstance(name, str) for name in state):
        raise InputError(f"{file} does not contain named tensors", _SAVE_AGAIN)
    return state


def _without_prefixes(state: Mapping[str, Any]) -> dict[str, Any]:
    for prefix in PREFIXES * 2:
        if all(name.startswith(prefix) for name in state):
            state = {name[len(prefix) :]: value for name, value in state.items()}
    return dict(state)
