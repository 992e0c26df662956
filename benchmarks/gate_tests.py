"""Measures single tests of the rain gate for `rain_gate.py`, and keeps them in a file."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from gate_weather import CONDITIONS, SIZE, Pair, load_scene
from spikerain_edge.gate.crops import CropPlan
from spikerain_edge.gate.evidence import View, weigh
from spikerain_edge.gate.movement import movement
from spikerain_edge.inference import Derainer


@dataclass(frozen=True)
class Measured:
    """A test of the gate, and what deraining does to the same parts.

    Attributes:
        share: share of the change that the network removes.
        light: light that it removes, levels per pixel.
        error: mean square error of the parts that are tested, levels squared, against the dry ones.
        derained_error: the same after the network.
        pixels: pixels that the network derained for the test, when it is dry.
    """

    share: float
    light: float
    error: float
    derained_error: float
    pixels: int


Pools = dict[str, dict[str, list[Measured]]]


def measure(arguments: argparse.Namespace) -> Pools:
    """Measures the tests of every scene and condition."""
    pools: Pools = {}
    with ProcessPoolExecutor(arguments.workers) as workers:
        numbers = range(arguments.scenes)
        scenes = [workers.submit(measure_scene, arguments, number) for number in numbers]
        for done in as_completed(scenes):
            name, pool = done.result()
            pools[name] = pool
            print(name, file=sys.stderr, flush=True)
            if arguments.save:
                arguments.save.write_text(json.dumps(plain(pools)))
    return pools


def measure_scene(
    arguments: argparse.Namespace, number: int
) -> tuple[str, dict[str, list[Measured]]]:
    """Measures the tests of a scene; returns its name and the tests by condition."""
    scene = load_scene(arguments.photographs, number, arguments.scenes)
    pool: dict[str, list[Measured]] = {}
    with Derainer.load(arguments.model, threads=1) as derainer:
        for condition in CONDITIONS:
            plan = CropPlan(SIZE)
            pairs = (scene.pair(condition, each) for each in range(arguments.tests))
            pool[condition.name] = [_test(pair, plan, derainer) for pair in pairs]
    return scene.name, pool


def _test(pair: Pair, plan: CropPlan, derainer: Derainer) -> Measured:
    boxes = plan.next(pair.earlier)
    views = [
        View(
            pair.earlier[box],
            pair.later[box],
            derainer(np.ascontiguousarray(pair.earlier[box])),
            derainer(np.ascontiguousarray(pair.later[box])),
        )
        for box in boxes
    ]
    evidence = weigh(views, movement(pair.earlier, pair.later))
    dry = [pair.dry[box] for box in boxes]
    return Measured(
        evidence.share,
        evidence.light,
        _error([view.later for view in views], dry),
        _error([view.later_derained for view in views], dry),
        2 * sum(part.shape[0] * part.shape[1] for part in dry),
    )


def _error(parts: Sequence[np.ndarray], dry: Sequence[np.ndarray]) -> float:
    pairs = zip(parts, dry, strict=True)
    return float(np.mean([np.square(a.astype(np.float32) - b).mean() for a, b in pairs]))


def half_of(pools: Pools, half: str) -> Pools:
    """Every other scene of each sort: photographs and streets take turns on their own."""
    sorts = ([n for n in pools if n.startswith("street")], [n for n in pools if n[:6] != "street"])
    start = {"tune": 0, "report": 1}.get(half)
    names = [n for sort in sorts for n in (sort if start is None else sort[start::2])]
    return {name: pools[name] for name in names}


def plain(pools: Pools) -> dict[str, dict[str, list[dict[str, float]]]]:
    """Returns pools as JSON can hold them."""
    return {
        scene: {name: [asdict(test) for test in tests] for name, tests in pool.items()}
        for scene, pool in pools.items()
    }


def read_pools(path: Path) -> Pools:
    """Reads pools from a file that `measure` wrote."""
    names = [field.name for field in fields(Measured)]
    return {
        scene: {
            name: [Measured(**{key: test[key] for key in names}) for test in tests]
            for name, tests in pool.items()
        }
        for scene, pool in json.loads(path.read_text()).items()
    }
