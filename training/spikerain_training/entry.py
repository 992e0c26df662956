"""Entry point of `spikerain-train`; it also works where torch is not installed."""

from __future__ import annotations

import sys

from spikerain_edge.console import help_scope
from spikerain_edge.errors import InputError
from spikerain_training.cli import app

_EXTRA = ("torch", "lightning_fabric", "safetensors", "tensorboard", "tomli")


def main() -> None:
    """Runs the program; if a training package is not installed, prints how to install it."""
    try:
        with help_scope("spikerain-train"):
            app()
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRA:
            raise
        print(
            f"spikerain-train: the package {package} is not installed, but training needs it; "
            "install it: pip install 'spikerain-edge[train]'",
            file=sys.stderr,
        )
        sys.exit(InputError.exit_code)
