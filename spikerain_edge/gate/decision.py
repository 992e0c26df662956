"""Decides from a sequence of tests whether it rains.

A cumulative sum (E. S. Page, "Continuous inspection schemes", Biometrika 41, 1954) adds up by how
much each test exceeds what the camera shows when it is dry: one clear test is enough, several weak
ones add up, and a single outlier is forgotten. What the camera shows when dry is its own baseline,
the median of the tests that may be dry.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class RainState(str, Enum):
    """Whether it rains."""

    UNKNOWN = "unknown"
    DRY = "dry"
    RAIN = "rain"


@dataclass(frozen=True)
class Thresholds:
    """Numbers that decide; docs/gate.md says how they were chosen.

    Attributes:
        margin: how far a test must exceed the baseline to count as evidence, share of the change.
        alarm: sum of evidence from which it rains.
        baseline: share that a camera is taken to show when dry, before it has shown its own.
        lowest: limit of the baseline, since more moves at other times of the day.
        highest: limit of the baseline, which keeps lasting rain from becoming the baseline: tests
            that exceed it by the margin do not move it.
        step: by how much another test moves the baseline.
        step_in_rain: the same while it rains. It is small, so that only a camera whose dry
            pictures look like faint rain for hours is learnt, and not rain.
        smoothing: weight of the latest test in the mean that must be low for it to be dry.
        learning: seconds without evidence after which an unknown state becomes dry.
        hold: seconds without evidence after which rain becomes dry.
    """

    margin: float = 0.03
    alarm: float = 0.05
    baseline: float = 0.03
    lowest: float = 0.02
    highest: float = 0.07
    step: float = 0.0002
    step_in_rain: float = 0.000002
    smoothing: float = 0.2
    learning: float = 10.0
    hold: float = 30.0


class RainDecision:
    """The state of the weather, from one test after another.

    Args:
        thresholds: numbers that decide.
    """

    def __init__(self, thresholds: Thresholds | None = None) -> None:
        self._numbers = thresholds or Thresholds()
        self._baseline = self._numbers.baseline
        self.reset()

    @property
    def state(self) -> RainState:
        """The state after the latest test."""
        return self._state

    @property
    def baseline(self) -> float:
        """Share of the change between frames that the network removes when it is dry."""
        return self._baseline

    def reset(self) -> None:
        """Forgets the state, for a camera that may show something else; keeps the baseline."""
        self._state = RainState.UNKNOWN
        self._sum = 0.0
        self._mean: float | None = None
        self._calm_since: float | None = None

    def add(self, share: float, time: float) -> RainState:
        """Adds a test and returns the state after it.

        Args:
            share: share of the change that the network removed; see `Evidence`.
            time: when the frames were seen, seconds; never goes back.
        """
        numbers = self._numbers
        excess = share - self._baseline - numbers.margin
        self._sum = min(max(0.0, self._sum + excess), numbers.alarm)
        before = share if self._mean is None else self._mean
        self._mean = before + numbers.smoothing * (share - before)
        if self._sum >= numbers.alarm:
            self._state, self._calm_since = RainState.RAIN, None
        elif self._mean > self._baseline + numbers.margin:
            self._calm_since = None
        elif self._calm_since is None:
            self._calm_since = time
        elif time - self._calm_since >= self._patience:
            self._state = RainState.DRY
        if share < numbers.highest + numbers.margin:
            self._adapt(share)
        return self._state

    @property
    def _patience(self) -> float:
        raining = self._state is RainState.RAIN
        return self._numbers.hold if raining else self._numbers.learning

    def _adapt(self, share: float) -> None:
        """Moves the baseline towards the median of the tests."""
        numbers = self._numbers
        step = numbers.step_in_rain if self._state is RainState.RAIN else numbers.step
        moved = self._baseline + (step if share > self._baseline else -step)
        self._baseline = min(max(moved, numbers.lowest), numbers.highest)
