"""The report as one HTML page that needs nothing else: no network, no script."""

from spikerain_edge.profiling.html.page import render

__all__ = ["render"]
