"""Support for commands that need packages of an extra."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from spikerain_edge.errors import InputError


@contextmanager
def extra_required(task: str, extra: str) -> Iterator[None]:
    """Converts a failed import within the context to an error that names the extra to install.

    Args:
        task: the task that needs the package, as the subject of a sentence.
        extra: name of the extra that contains the package.

    Raises:
        InputError: a package is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        # A missing module of this package is a bug.
        if not package or package.startswith("spikerain_"):
            raise
        raise InputError(
            f"{task} needs the package {package}",
            f"install it: pip install 'spikerain-edge[{extra}]'",
        ) from error
