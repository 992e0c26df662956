"""Finds the revision of the code, the versions of libraries and the name of the processor."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata
from pathlib import Path


def code_revision(source: Path = Path(__file__)) -> str | None:
    """Returns the git revision of this code; None if it was not run from a repository.

    A file that git does not track has no revision, even inside a work tree: the code may be
    installed in a virtual environment in another project.

    Args:
        source: a file of the code.
    """
    command = ["git", "-C", str(source.parent), "ls-files", "--error-unmatch", source.name]
    return git_revision(source.parent) if _output(command) else None


def git_revision(folder: Path) -> str | None:
    """Returns the commit of the work tree of `folder`, with `-dirty` if files were changed.

    Returns None outside a work tree, or if git is not installed.
    """
    return _output(["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40"])


def _output(command: list[str]) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def library_version(library: str) -> str | None:
    """Returns the version of a package; None if it is not installed."""
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def processor_name() -> str:
    """Returns number and name of the processors as Linux reports them, or the name from Python."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.processor() or "unknown processor"
