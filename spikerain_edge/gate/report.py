"""Report of a run about rain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spikerain_edge.gate.decision import RainState


@dataclass(frozen=True)
class RainReport:
    """State of a rain gate.

    Attributes:
        state: whether it rains.
        intensity: light that the network removes from the rain, in levels (0 to 255) per pixel,
            mean over the latest tests; 0 when dry, None when unknown.
        bypassed: frames that passed unchanged.
    """

    state: RainState
    intensity: float | None
    bypassed: int

    def document(self) -> dict[str, object]:
        """Returns the report as the summary of a run holds it."""
        intensity = None if self.intensity is None else round(self.intensity, 3)
        return {"state": self.state.value, "intensity": intensity, "bypassed": self.bypassed}


NO_REPORT = RainReport(RainState.UNKNOWN, None, 0)


def together(reports: Sequence[RainReport]) -> RainReport:
    """Combines reports of several cameras: rain if any has rain, dry if all are dry.

    The intensity is that of the camera with the heaviest rain.
    """
    states = [report.state for report in reports]
    for state in (RainState.RAIN, RainState.UNKNOWN, RainState.DRY):
        if state in states:
            break
    known = [report.intensity for report in reports if report.intensity is not None]
    intensity = max(known, default=None) if state is not RainState.UNKNOWN else None
    return RainReport(state, intensity, sum(report.bypassed for report in reports))
