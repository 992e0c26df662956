"""Measures how well the rain gate knows rain: simulated weather in front of many scenes.

The tests of the gate are measured first: the network on parts of pairs of frames. Then its decision
is simulated second by second, with these tests in random order, over minutes of each kind of
weather, over an hour of changing weather and over a mostly dry day. The thresholds are tuned on
every other scene (`--half tune`) and reported on the others (`--half report`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from gate_tests import Measured, Pools, half_of, measure, read_pools
from gate_weather import CONDITIONS, SIZE, Condition
from spikerain_edge.gate.crops import crop_size
from spikerain_edge.gate.decision import RainDecision, RainState
from spikerain_edge.inference import Derainer
from spikerain_edge.profiling.live import CostMeter
from spikerain_edge.sizes import Size
from spikerain_edge.stream.demo import DemoScene

_RATE = 25
# Seconds in which the gate gets to know a camera.
_LEARNT = 4 * 3600
# What the same camera sees before the rain; of other conditions it is "dry".
_BEFORE = {
    "h264": "dry, H.264",
    "night": "dry night, noise of 5",
    "shake": "dry, shaky camera",
    "pan": "dry, panning camera",
}
_HOUR = (
    ("dry", 12),
    ("drizzle of 37 dB", 6),
    ("rain of 30 dB", 8),
    ("dry, things pass", 10),
    ("downpour of 20 dB", 4),
    ("dry night, headlights", 10),
    ("rain of 30 dB, night", 6),
    ("dry night, noise of 5", 4),
)
_DAY = (("dry", 600), ("rain of 30 dB", 20), ("dry", 300), ("rain of 34 dB", 30), ("dry", 490))


def main() -> int:
    """Measures, simulates and prints tables."""
    arguments = _parse()
    pools = read_pools(arguments.load) if arguments.load else measure(arguments)
    chosen = half_of(pools, arguments.half)
    names = sorted(chosen)
    print(f"{len(names)} scenes: {', '.join(names)}\n")
    print_conditions(chosen)
    print_hour(chosen)
    print_day(chosen, Derainer.load(arguments.model, probe=True))
    return 0


def simulate(
    pool: dict[str, list[Measured]], weather: Sequence[tuple[str, float]], seed: int
) -> Iterator[tuple[str, RainState]]:
    """Yields, second by second, the weather and the state of the gate during that second.

    Args:
        pool: tests of a scene by the name of the condition.
        weather: names of conditions and how long they last, in seconds.
        seed: of the order of tests.
    """
    rng = np.random.default_rng(seed)
    decision, second = RainDecision(), 0
    for name, seconds in weather:
        tests = pool[name]
        for number in range(int(seconds)):
            if number % len(tests) == 0:
                order = rng.permutation(len(tests))
            yield name, decision.add(tests[order[number % len(tests)]].share, float(second))
            second += 1


def print_conditions(pools: Pools) -> None:
    """Prints what the gate does in each kind of weather after four dry hours."""
    print("| weather | share of the change, 5 %, median, 95 % | gain of deraining, dB |", end=" ")
    print("derained, % of the time | gain lost, dB | reaction, s, median, longest |")
    print("|---|---|---|---|---|---|")
    prompt = of = 0
    for condition in CONDITIONS:
        tests = [test for pool in pools.values() for test in pool[condition.name]]
        low, middle, high = np.quantile([test.share for test in tests], (0.05, 0.5, 0.95))
        runs = [_after_dry(pool, condition, seed) for seed, pool in enumerate(pools.values())]
        derained = [np.mean([state is not RainState.DRY for state in run]) for run in runs]
        gains, lost, reaction = "", "", ""
        first = [run.index(RainState.RAIN) + 1 for run in runs if RainState.RAIN in run]
        if condition.psnr is not None:
            each = np.array([_gain(pool[condition.name]) for pool in pools.values()])
            gains = f"{each.mean():+.2f}"
            lost = f"{np.mean((1 - np.array(derained)) * np.maximum(each, 0)):.2f}"
            reaction = f"{np.median(first):.0f}, {max(first)}" if first else "never"
        print(
            f"| {condition.name} | {low:.3f}, {middle:.3f}, {high:.3f} | {gains} |",
            f"{100 * np.mean(derained):.1f} | {lost} | {reaction} |",
        )
        if condition.group in ("rain", "downpour"):
            prompt += sum(seconds <= 2 for seconds in first)
            of += len(runs)
    print(f"\nrain of 34 dB and stronger is derained within 2 seconds in {prompt} of {of} runs\n")


def _after_dry(pool: dict[str, list[Measured]], condition: Condition, seed: int) -> list[RainState]:
    """States in ten minutes of a condition that follow four hours of what is usual."""
    before = next((_BEFORE[each] for each in condition.effects if each in _BEFORE), "dry")
    weather = ((before, _LEARNT), (condition.name, 600))
    return [state for _, state in simulate(pool, weather, seed)][_LEARNT:]


def _gain(tests: Sequence[Measured]) -> float:
    """PSNR that deraining gains, mean over scenes, dB."""
    ratios = [(test.error + 0.01) / (test.derained_error + 0.01) for test in tests]
    return float(np.mean(10 * np.log10(ratios)))


def print_hour(pools: Pools) -> None:
    """Prints minutes derained and bypassed by kind of weather, over an hour of each scene."""
    groups = {condition.name: condition.group for condition in CONDITIONS}
    minutes: dict[str, list[float]] = {}
    for seed, pool in enumerate(pools.values()):
        weather = [(name, 60 * length) for name, length in _HOUR]
        for name, state in simulate(pool, weather, seed):
            cell = minutes.setdefault(groups[name].partition(",")[0], [0.0, 0.0])
            cell[state is RainState.DRY] += 1 / 60 / len(pools)
    print("| an hour of weather | minutes | derained | passed unchanged |\n|---|---|---|---|")
    for name, (derained, bypassed) in minutes.items():
        print(f"| {name} | {derained + bypassed:.0f} | {derained:.1f} | {bypassed:.1f} |")
    print()


def print_day(pools: Pools, derainer: Derainer) -> None:
    """Prints the work of a day with two showers, with and without the gate."""
    whole, part = _cost(derainer, SIZE), _cost(derainer, crop_size(SIZE))
    pixels = crop_size(SIZE)[0] * crop_size(SIZE)[1]
    days = []
    for seed, pool in enumerate(pools.values()):
        parts = np.mean([test.pixels for test in pool["dry"]]) / pixels
        states = [state for _, state in simulate(pool, [(n, 60 * m) for n, m in _DAY], seed)]
        dry = sum(state is RainState.DRY for state in states)
        days.append(_RATE * (len(states) - dry) * whole + dry * parts * part)
    full = 24 * 3600 * _RATE * whole
    test = 100 * 4 * part[0] / (_RATE * whole[0])
    print(f"a test of two parts of two frames takes {test:.2f} % of the work of a second\n")
    print("| a day with 50 minutes of rain | 10^15 MACs | estimated energy, kJ | % |")
    print("|---|---|---|---|")
    rows = {"every frame derained": full, "--gate auto": np.mean(days, axis=0)}
    rows["--gate auto, worst scene"] = np.max(days, axis=0)
    for name, (macs, energy) in rows.items():
        print(f"| {name} | {macs / 1e6:.2f} | {energy / 1e6:.2f} | {100 * macs / full[0]:.1f} |")


def _cost(derainer: Derainer, size: Size) -> np.ndarray:
    """Cost of a rainy frame: 10^9 MACs, and estimated energy in mJ."""
    meter = CostMeter(derainer.spec)
    _, rates = derainer.derain_and_probe(DemoScene(*size).rainy(0))
    meter.add(*size, rates)
    cost = meter.mean()
    return np.array([cost.gmacs, cost.energy_mj])


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--photographs", type=Path, help="folder of rain-free JPEG files")
    parser.add_argument("--scenes", type=int, default=12)
    parser.add_argument("--tests", type=int, default=2, help="tests of each scene and condition")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--workers", type=int, default=2, help="processes, one thread each")
    parser.add_argument("--half", choices=("tune", "report", "all"), default="report")
    parser.add_argument("--save", type=Path, help="file for the measured tests")
    parser.add_argument("--load", type=Path, help="measured tests, instead of photographs")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
