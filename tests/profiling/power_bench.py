"""A bench for power meters: sysfs trees of boards, and a clock that only the tests move."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from spikerain_edge.profiling.power import PowerMeter, Sampling

BOARDS = Path(__file__).parent / "boards"


class Bench:
    """A simulated clock; meters are read at each of its steps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.intervals: list[float] = []
        self._ticks: list[Callable[[], None]] = []

    @property
    def sampling(self) -> Sampling:
        return Sampling(clock=lambda: self.now, ticker=self._ticker)

    @property
    def running(self) -> int:
        """Number of meters that are read in the background."""
        return len(self._ticks)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        for tick in list(self._ticks):
            tick()

    @contextmanager
    def _ticker(self, seconds: float, tick: Callable[[], None]) -> Iterator[None]:
        self.intervals.append(seconds)
        self._ticks.append(tick)
        try:
            yield
        finally:
            self._ticks.remove(tick)


def build(board: str, root: Path) -> Path:
    """Writes the tree that `boards/<board>.txt` lists, a line `path = value` for each file."""
    for line in (BOARDS / f"{board}.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            path, _, value = line.partition(" = ")
            put(root / path, value)
    return root


def put(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{value}\n")


def names(meters: Sequence[PowerMeter]) -> list[str]:
    return [meter.rail for meter in meters]


def energy(meter: PowerMeter, bench: Bench, seconds: float) -> float:
    with meter:
        bench.wait(seconds)
        return meter.joules()
