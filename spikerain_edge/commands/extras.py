"""Commands that need packages which a plain install leaves out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from spikerain_edge.errors import InputError


@contextmanager
def extra_required(task: str, extra: str) -> Iterator[None]:
    """Names the extra to install where an import in its body fails.

    Args:
        task: what needs the package, as the subject of a sentence.
        extra: name of the extra that brings it.

    Raises:
        InputError: a package is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        # A module of ours that is not there is a bug.
        if not package or package.startswith("spikerain_"):
            raise
        raise InputError(
            f"{task} needs the package {package}",
            f"install it: pip install 'spikerain-edge[{extra}]'",
        ) from error
