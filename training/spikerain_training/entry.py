"""Entry point of `spikerain-train`, which must answer even where torch is not installed."""

from __future__ import annotations

import sys

from spikerain_edge.errors import InputError
from spikerain_training.cli import app

_EXTRA = ("torch", "lightning_fabric", "safetensors", "tensorboard", "tomli")


def main() -> None:
    """Runs the command, or says which extra it needs."""
    try:
        app()
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRA:
            raise
        print(
            f"spikerain-train: training needs the package {package}; "
            "install it: pip install 'spikerain-edge[train]'",
            file=sys.stderr,
        )
        sys.exit(InputError.exit_code)
