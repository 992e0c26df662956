"""Entry point of `spikerain-train`, which must answer even where torch is not installed."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command, or says which extra it needs."""
    try:
        from spikerain_training.cli import app
    except ModuleNotFoundError as error:
        print(
            f"spikerain-train: training needs the package {error.name}; "
            "install it: pip install 'spikerain-edge[train]'",
            file=sys.stderr,
        )
        sys.exit(2)
    app()
