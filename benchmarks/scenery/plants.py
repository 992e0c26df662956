"""Trees and hedges of the demo street, made of thousands of leaves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scenery.canvas import Canvas, Colour, scaled

_BARK: Colour = (0.14, 0.17, 0.20)
_HEDGE: Colour = (0.15, 0.29, 0.235)
_BRANCHES = 22
_LEAVES_PER_BRANCH = 520
_FULL_DETAIL = 26.0


@dataclass(frozen=True)
class Tree:
    """A broad-leaved tree with its foot at (x, 0, z), metres, and leaves of one colour."""

    x: float
    z: float
    height: float
    leaf: Colour
    seed: int


@dataclass(frozen=True)
class Hedge:
    """A clipped hedge along the street."""

    x: float
    near: float
    far: float
    seed: int


def paint_tree(canvas: Canvas, tree: Tree) -> None:
    """Draws trunk, branches and leaves; trees farther away get fewer, larger leaves."""
    rng = np.random.default_rng(tree.seed)
    x, z, height = tree.x, tree.z, tree.height
    fork = 0.4 * height
    for offset in np.linspace(-0.07, 0.07, 8).tolist():
        tone = 1.25 - 5 * abs(offset + 0.03)
        path = [(x + offset * 1.3, 0.0, z), (x + offset, 0.4, z), (x + offset * 0.7, fork, z)]
        canvas.stroke(path, 0.05, scaled(_BARK, tone))
    share = np.sort(rng.uniform(0, 1, _BRANCHES))
    turn = 2.4 * np.arange(_BRANCHES) + rng.uniform(-0.5, 0.5, _BRANCHES)
    reach = 0.30 * height * np.sqrt(np.clip(1.05 - (2 * share - 0.75) ** 2 / 1.7, 0.03, 1))
    reach *= rng.uniform(0.35, 1, _BRANCHES)
    tips = np.stack(
        [x + reach * np.cos(turn), height * (0.42 + 0.45 * share), z + reach * np.sin(turn)], axis=1
    )
    for tip in tips.tolist():
        canvas.stroke([(x, fork * 0.92, z), (tip[0], tip[1], tip[2])], 0.06, _BARK)

    detail = min(1.0, _FULL_DETAIL / z)
    count = max(40, round(_LEAVES_PER_BRANCH * detail**1.3))
    outward = rng.normal(size=(_BRANCHES, count, 3))
    outward /= np.linalg.norm(outward, axis=2, keepdims=True)
    distance = rng.uniform(0.05, 1, (_BRANCHES, count, 1)) ** 0.45
    size = rng.uniform(0.09, 0.15, (_BRANCHES, 1, 1)) * height
    size = size * (1 + 0.25 * np.sin(5 * outward[..., :1] + 3 * outward[..., 1:2]))
    leaves = tips[:, None] + outward * distance * size * (1.0, 0.7, 1.0)

    from_core = leaves - (x, 0.6 * height, z)
    depth_inside = np.linalg.norm(from_core / (0.36 * height), axis=2)
    lift = np.clip((leaves[..., 1] / height - 0.35) / 0.6, 0, 1)
    light = 0.16 + 0.22 * outward[..., 1] * distance[..., 0] + 0.32 * lift
    light = light + 0.22 * np.clip(depth_inside, 0, 1.2) - 0.05 * outward[..., 0]
    light = np.maximum(light, 0.10) * rng.uniform(0.7, 1.3, light.shape)
    tint = 1 + 0.05 * rng.normal(size=(_BRANCHES, 1, 3)) + 0.07 * rng.normal(size=leaves.shape)
    colours = (1.25 * light[..., None] * np.array(tree.leaf) * tint).reshape(-1, 3)
    radii = rng.uniform(0.035, 0.085, leaves.shape[:2]).reshape(-1) / detail**0.65
    canvas.dots(leaves.reshape(-1, 3), radii, colours.astype(np.float32))


def paint_hedge(canvas: Canvas, hedge: Hedge) -> None:
    """Draws a hedge 0.9 m wide and 1.1 m tall."""
    rng = np.random.default_rng(hedge.seed)
    count = int((hedge.far - hedge.near) * 420)
    low, high = (hedge.x, 0.0, hedge.near), (hedge.x + 0.9, 1.05, hedge.far)
    leaves = rng.uniform(low, high, (count, 3))
    leaves[:, 1] += 0.06 * np.sin(leaves[:, 2] * 1.7) + 0.05 * np.sin(leaves[:, 2] * 4.3)
    light = (0.22 + 0.68 * np.maximum(leaves[:, 1], 0) ** 1.5) * rng.uniform(0.6, 1.35, count)
    tint = rng.uniform(0.88, 1.12, (count, 3))
    colours = light[:, None] * np.array(_HEDGE) * tint
    canvas.dots(leaves, rng.uniform(0.03, 0.065, count), colours.astype(np.float32))
