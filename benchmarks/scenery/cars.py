"""Cars of the demo street, built from polygons around a silhouette."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from scenery.camera import Points
from scenery.canvas import Canvas, Colour, Model, Polygon

_SKY = np.array((0.80, 0.78, 0.76))
_GLASS = np.array((0.13, 0.12, 0.115))
_RUBBER = np.array((0.05, 0.05, 0.05))
_RIM = np.array((0.42, 0.42, 0.42))
_PLATE = np.array((0.62, 0.66, 0.66))
_HEADLIGHT: Colour = (0.93, 1.0, 1.0)
_TAIL_LIGHT: Colour = (0.16, 0.12, 0.86)
_OFF: dict[bool, Colour] = {True: (0.08, 0.06, 0.40), False: (0.66, 0.66, 0.66)}
_CIRCLE = np.linspace(0, 2 * np.pi, 14, endpoint=False)


@dataclass(frozen=True)
class Body:
    """Shape of a car, metres.

    Attributes:
        ahead, up: corners of the silhouette from the side, from the rear bumper over the roof to
            the front bumper.
        belt: height at which the side windows begin.
        half_width: half of the width below the belt.
        taper: share of the width that the body loses up to the roof.
        axles: where the wheels are, ahead of the middle.
        lamps: heights of the tail lights and of the headlights.
    """

    ahead: tuple[float, ...]
    up: tuple[float, ...]
    belt: float
    half_width: float
    taper: float
    axles: tuple[float, float]
    lamps: tuple[float, float]

    def outline(self) -> Points:
        """Returns the silhouette with rounded corners, (N, 2) of (ahead, up)."""
        points = np.stack([self.ahead, self.up], axis=1)
        low, high = (share * points[:-1] + (1 - share) * points[1:] for share in (0.78, 0.22))
        inner = np.stack([low, high], axis=1).reshape(-1, 2)
        return np.vstack([points[:1], inner[1:-1], points[-1:]])

    def half_width_at(self, up: Points) -> Points:
        """Returns half of the width at heights `up` (N,)."""
        above = np.clip((up - self.belt) / (max(self.up) - self.belt), 0, 1)
        below = np.clip((self.belt - up) / self.belt, 0, 1)
        return self.half_width * (1 - self.taper * above - 0.05 * below**2)


HATCHBACK = Body(
    ahead=(-2.0, -2.04, -1.92, -1.6, -0.9, 0.3, 1.15, 1.85, 2.04, 2.0),
    up=(0.32, 0.8, 1.0, 1.42, 1.52, 1.48, 1.0, 0.86, 0.68, 0.30),
    belt=0.96,
    half_width=0.88,
    taper=0.22,
    axles=(-1.25, 1.28),
    lamps=(0.86, 0.70),
)
SEDAN = Body(
    ahead=(-2.3, -2.34, -2.2, -1.65, -0.95, -0.4, 0.35, 1.2, 2.1, 2.34, 2.3),
    up=(0.32, 0.85, 1.0, 1.04, 1.42, 1.47, 1.44, 0.98, 0.83, 0.65, 0.30),
    belt=0.96,
    half_width=0.9,
    taper=0.24,
    axles=(-1.4, 1.42),
    lamps=(0.80, 0.68),
)
VAN = Body(
    ahead=(-2.6, -2.64, -2.62, -2.5, 1.1, 1.5, 2.1, 2.55, 2.7, 2.66),
    up=(0.35, 1.0, 1.95, 2.1, 2.12, 2.02, 1.2, 1.04, 0.75, 0.32),
    belt=1.18,
    half_width=0.98,
    taper=0.12,
    axles=(-1.6, 1.75),
    lamps=(1.0, 0.85),
)


class Car:
    """A car that can stand anywhere on the street.

    Args:
        body: its shape.
        colour: its paint.
        away: whether the car drives away from the camera.
        lit: whether the lights are on.
    """

    def __init__(self, body: Body, colour: Colour, away: bool, lit: bool) -> None:
        self._body, self._paint = body, np.array(colour)
        self._away, self._lit = away, lit
        outline = body.outline()
        run, rise = np.diff(outline, axis=0).T
        outward = self._placed(-rise, run, 0 * run)
        sides = self._placed(np.zeros(2), np.zeros(2), np.array((-1.0, 1.0)))
        flanks = [self._flank(outline, -1.0), self._flank(outline, 1.0)]
        self._model = Model([*self._shell(outline), *flanks], np.vstack([outward, sides]))
        # Apart from the rest, since they belong in front of it from wherever they are seen.
        self._end = Model([self._lamps_and_plate()])

    def box(self, x: float, z: float) -> Points:
        """Returns corners (8, 3) of a box around car, mirror image and shadow; car at (x, 0, z)."""
        wide, tall, long = self._body.half_width + 0.6, max(self._body.up) + 0.2, 3.2
        signs = np.array(list(itertools.product((-1, 1), repeat=3)))
        corners: Points = signs * np.array((wide, tall, long)) + np.array((x, 0, z))
        return corners

    def paint(self, canvas: Canvas, x: float, z: float) -> None:
        """Draws the car with its middle above (x, 0, z)."""
        canvas.model(self._model, (x, 0, z))
        canvas.model(self._end, (x, 0, z))
        if self._lit:
            lamp, halo = (_TAIL_LIGHT, 0.35) if self._away else (_HEADLIGHT, 0.85)
            for aside in (-1, 1):
                at = self._lamp(aside) + np.array((x, 0, z))
                canvas.glow((at[0], at[1], at[2]), 0.16 if self._away else 0.26, lamp, halo)

    def paint_shadow(self, canvas: Canvas, x: float, z: float) -> None:
        """Darkens the street under the car, as an overcast sky does."""
        body = self._body
        aside = (body.half_width + 0.05) * np.array((1, -1, -1, 1))
        ahead = np.array((body.ahead[-1], body.ahead[-1], body.ahead[0], body.ahead[0]))
        corners = self._placed(ahead, np.zeros(4), aside)
        canvas.shade(corners + np.array((x, 0, z)), 0.72, 0.35)

    def _placed(self, ahead: Points, up: Points, aside: Points) -> Points:
        """Converts points of the car to world axes, relative to its middle, (N, 3)."""
        sign = 1.0 if self._away else -1.0
        return np.stack([sign * aside, up, sign * ahead], axis=-1)

    def _shell(self, outline: Points) -> list[list[Polygon]]:
        """Strips across the car from bumper to bumper, with windscreen and rear window."""
        body = self._body
        ahead, up = outline.T
        wide = body.half_width_at(up)
        edges = [self._placed(ahead, up, share * wide) for share in (-1, 1, -0.86, 0.86)]
        strips = []
        for i in range(len(outline) - 1):
            run, rise = outline[i + 1] - outline[i]
            level = abs(run) / math.hypot(run, rise)
            middle = float(up[i] + up[i + 1]) / 2
            colour = self._paint * (0.52 + 0.4 * level) + _SKY * 0.16 * level**2
            colour = colour * (0.35 if middle < 0.5 else 1.0)
            left, right, inner_left, inner_right = (edge[i : i + 2] for edge in edges)
            strip = [(np.vstack([left, right[::-1]]), colour)]
            if body.belt + 0.05 < middle < max(body.up) - 0.07 and level < 0.95:
                pane = np.vstack([inner_left, inner_right[::-1]])
                strip.append((pane, _GLASS + _SKY * 0.36 * level**1.5))
            strips.append(strip)
        return strips

    def _flank(self, outline: Points, side: float) -> list[Polygon]:
        """Panels, windows and wheels of one side."""
        body, paint = self._body, self._paint
        roof = max(body.up)
        bands = np.linspace(0.3, body.belt, 5).tolist()
        parts = []
        for low, high in itertools.pairwise(bands):
            share = (high - 0.3) / (body.belt - 0.3)
            colour = paint * (0.34 + 0.26 * share) + _SKY * 0.10 * share**4
            parts.append((np.stack([outline[:, 0], np.clip(outline[:, 1], low, high)], 1), colour))
        upper = np.stack([outline[:, 0], np.clip(outline[:, 1], body.belt, roof)], 1)
        parts.append((upper, paint * 0.6))
        cabin = outline[outline[:, 1] >= body.belt - 0.02]
        middle = np.array((cabin[:, 0].mean(), (body.belt + roof) / 2))
        parts.append((middle + (cabin - middle) * (0.86, 0.74), _GLASS + _SKY * 0.12))
        pillar = np.array([(-0.16, 0.0), (-0.06, 0.0), (-0.1, 1.0), (-0.18, 1.0)])
        pillar = pillar * (1, roof - body.belt - 0.08) + (middle[0], body.belt)
        parts.append((pillar, paint * 0.4))
        wheel = ((0.38, paint * 0.22), (0.33, _RUBBER), (0.2, _RIM), (0.07, _RUBBER))
        circle = np.stack([np.cos(_CIRCLE), np.sin(_CIRCLE)], 1)
        for axle in body.axles:
            for radius, colour in wheel:
                parts.append((np.maximum((axle, 0.33) + radius * circle, (-9, 0)), colour))
        return [
            (self._placed(part[:, 0], part[:, 1], side * body.half_width_at(part[:, 1])), colour)
            for part, colour in parts
        ]

    def _lamp(self, side: float) -> Points:
        """Returns the position of a lamp at the visible end of the car, (3,)."""
        body = self._body
        ahead = body.ahead[1] - 0.02 if self._away else body.ahead[-2] + 0.02
        up = body.lamps[0 if self._away else 1]
        return self._placed(np.array(ahead), np.array(up), np.array(side * (body.half_width - 0.2)))

    def _lamps_and_plate(self) -> list[Polygon]:
        on = _TAIL_LIGHT if self._away else _HEADLIGHT
        lamp = np.array(on if self._lit else _OFF[self._away])
        ring = np.stack([0.13 * np.cos(_CIRCLE), 0.11 * np.sin(_CIRCLE), 0 * _CIRCLE], 1)
        parts = [(self._lamp(side) + ring, lamp) for side in (-1, 1)]
        plate = np.array([(0.24, 0.47, 0), (-0.24, 0.47, 0), (-0.24, 0.58, 0), (0.24, 0.58, 0)])
        return [*parts, (plate + self._lamp(1) * (0, 0, 1), _PLATE)]
