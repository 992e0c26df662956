"""Users and passwords of cameras from outside the command line."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote

from spikerain_edge.errors import InputError

# A secret in the name of a camera or output.
NAME = re.compile(r"\{([A-Z][A-Z0-9_]*)\}")
# Bytes that a file with one secret holds at most.
_LONGEST = 4096


def with_credentials(url: str) -> str:
    """A URL with values in place of `{NAME}`, encoded as a URL needs it.

    A value is the environment variable NAME, or what the file of this name in systemd's folder of
    credentials holds, or the file that the variable NAME_FILE names.

    Raises:
        InputError: there is no value, or its file cannot be read.
    """
    return NAME.sub(lambda found: quote(value_of(found[1]), safe=""), url)


def value_of(name: str) -> str:
    """The value of a name: a variable, a credential of systemd, or what a file holds.

    Raises:
        InputError: there is no value, or its file cannot be read.
    """
    value = find_value(name)
    if value is None:
        raise InputError(
            f"{{{name}}} in the name of a camera or output has no value",
            f"set the variable {name}, or {name}_FILE to a file, or use LoadCredential= of systemd",
        )
    return value


def find_value(name: str) -> str | None:
    """The value of a name, as `value_of` finds it; None if there is none.

    Raises:
        InputError: its file cannot be read.
    """
    if name in os.environ:
        return os.environ[name]
    folder, named = os.environ.get("CREDENTIALS_DIRECTORY"), os.environ.get(f"{name}_FILE")
    if folder and (Path(folder) / name).exists():
        return _read(Path(folder) / name)
    return _read(Path(named)) if named else None


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST).decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"cannot read the credential {path}: {getattr(error, 'strerror', 'not text')}",
            "check the path and its permissions",
        ) from None
