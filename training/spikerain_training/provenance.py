"""What code and what machine a session ran on."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata
from pathlib import Path


def code_revision(source: Path = Path(__file__)) -> str | None:
    """Revision of the repository that holds this code; none where it was installed without one.

    A file that lies in a work tree without belonging to it, as in a virtual environment inside
    somebody's project, has none.

    Args:
        source: a file of the code.
    """
    command = ["git", "-C", str(source.parent), "ls-files", "--error-unmatch", source.name]
    return git_revision(source.parent) if _output(command) else None


def git_revision(folder: Path) -> str | None:
    """Commit of the work tree around `folder`, `-dirty` where files differ; none elsewhere."""
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
    """Version of an installed package; none where it is not installed."""
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def processor_name() -> str:
    """Name of the processor as Linux gives it, or as Python does."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.processor() or "unknown processor"
