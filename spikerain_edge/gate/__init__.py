"""The rain gate: finds out whether it rains, so that the network can rest when it does not."""

from spikerain_edge.gate.decision import RainState
from spikerain_edge.gate.gate import Gate
from spikerain_edge.gate.report import NO_REPORT, RainReport, together

__all__ = ["NO_REPORT", "Gate", "RainReport", "RainState", "together"]
