"""Buildings: brick and plaster walls, windows, shops, roofs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scenery.camera import Layer, Patch
from scenery.canvas import Canvas, Colour, Material, scaled
from scenery.noise import Noise

_GLASS = np.array((0.20, 0.17, 0.15), np.float32)
_SKYLIGHT = np.array((0.62, 0.58, 0.55), np.float32)
_LAMPLIGHT = np.array((0.42, 0.72, 0.95), np.float32)
_BLIND = np.array((0.36, 0.40, 0.42), np.float32)
_SHOPLIGHT = np.array((0.60, 0.82, 0.95), np.float32)
_LETTERS = np.array((0.82, 0.85, 0.86), np.float32)
_CANVAS = np.array((0.66, 0.69, 0.70), np.float32)
_DEPTH = 9.0
_SLATE: Colour = (0.27, 0.25, 0.25)
_TILES: Colour = (0.20, 0.25, 0.38)


@dataclass(frozen=True)
class Building:
    """One house of the street.

    Attributes:
        x: position of the front in metres; negative is left of the street.
        near, far: start and end along the street in metres.
        eaves: height of the front wall.
        wall: colour of the wall.
        brick: whether the wall is made of brick instead of plaster.
        ridge: how far the roof rises above the eaves; 0 is a flat roof.
        shop: colour of the shop sign, None for a plain ground floor.
        trim: colour of window frames and cornices.
        bay, floor: width and height that each window has, metres.
    """

    x: float
    near: float
    far: float
    eaves: float
    wall: Colour
    brick: bool = False
    ridge: float = 0.0
    shop: Colour | None = None
    trim: Colour = (0.62, 0.66, 0.68)
    bay: float = 2.6
    floor: float = 3.2

    @property
    def ground(self) -> float:
        """Height of the ground floor."""
        return 4.0 if self.shop else self.floor


class Mason:
    """Paints buildings onto a canvas.

    Args:
        noise: grime, bricks and the windows that are lit.
    """

    def __init__(self, noise: Noise) -> None:
        self._noise = noise
        # Things on shelves differ more in how bright they are than in their hue.
        self._things = noise.random(16, 64, 1) * (0.65 + 0.35 * noise.random(16, 64, 3))
        self._luck: dict[tuple[Building, str], Layer] = {}

    def build(self, canvas: Canvas, building: Building) -> None:
        """Draws a building; buildings farther away must be drawn before it."""
        side = -1.0 if building.x < 0 else 1.0
        length, depth = building.far - building.near, _DEPTH
        corner = (building.x, 0.0, building.near)
        gable = self._material(building, "gable", 0.78)
        canvas.face(corner, (side, 0, 0), (0, 1, 0), (depth, building.eaves), gable)
        if building.ridge:
            self._roof(canvas, building, side)
        front = self._material(building, "front", 1.0)
        canvas.face(corner, (0, 0, 1), (0, 1, 0), (length, building.eaves), front)
        if building.shop:
            lip = (building.x, 3.15, building.near + 0.4)
            slope = np.array([-side * 0.9, -0.42, 0.0])
            down = tuple((slope / np.linalg.norm(slope)).tolist())
            awning = self._awning(building.shop)
            canvas.face(lip, (0, 0, 1), down, (length - 0.8, 1.25), awning)

    def _roof(self, canvas: Canvas, building: Building, side: float) -> None:
        length, half = building.far - building.near, 4.5
        eaves = (building.x - 0.35 * side, building.eaves - 0.1, building.near - 0.2)
        ridge = np.array([side * half, building.ridge, 0.0])
        run = float(np.linalg.norm(ridge))
        triangle = [(0, 0, 0), (side * half, building.ridge, 0), (side * 2 * half, 0, 0)]
        corners = np.array(triangle) + np.array((building.x, building.eaves, building.near))
        canvas.polygon(corners, scaled(building.wall, 0.74))
        tiles = self._tiles(_TILES if building.brick else _SLATE)
        slope = tuple((ridge / run).tolist())
        canvas.face(eaves, (0, 0, 1), slope, (length + 0.4, run + 0.4), tiles)
        for share in (0.25, 0.8):
            top = building.eaves + building.ridge
            foot = (building.x + side * half * 0.8, top - 1.0, building.near + share * length)
            chimney = self._plain(scaled(building.wall, 0.8))
            canvas.face(foot, (side, 0, 0), (0, 1, 0), (0.7, 2.2), chimney)
            canvas.face(foot, (0, 0, 1), (0, 1, 0), (1.1, 2.2), chimney)

    def _material(self, building: Building, name: str, light: float) -> Material:
        """Returns the painter of a wall with windows; `name` seeds the random windows."""

        def paint(patch: Patch) -> Layer:
            wall = self._wall(building, patch) * light
            row = np.floor((patch.v - building.ground) / building.floor)
            self._windows(building, name, patch, row, wall)
            if building.shop and name == "front":
                self._shop(building, patch, wall)
            top = building.eaves - patch.v
            cornice = (top < 0.5)[..., None]
            wall = np.where(cornice, np.array(building.trim, np.float32) * light * 0.9, wall)
            wall *= (1 - 0.45 * np.exp(-(((top - 0.7) / 0.25) ** 2)))[..., None]
            wall *= (0.72 + 0.28 * np.clip(patch.v / 3.5, 0, 1))[..., None]
            return wall

        return paint

    def _wall(self, building: Building, patch: Patch) -> Layer:
        noise, turn = self._noise, building.near
        shade = 1 + 0.10 * noise(patch, 3.0, 5, turn) + 0.07 * noise(patch, (0.7, 9.0), 3, turn)
        shade += 0.07 * noise(patch, 0.08, 2, turn)
        colour = shade[..., None] * np.array(building.wall, np.float32)
        if building.brick:
            course = np.floor(patch.v / 0.15)
            shift = patch.u / 0.45 + 0.5 * (course % 2)
            joint = (patch.v / 0.15 - course < 0.16) | (shift - np.floor(shift) < 0.07)
            sharp = np.clip(1.5 - patch.dv / 0.06, 0, 1) * np.clip(1.5 - patch.du / 0.15, 0, 1)
            colour *= (1 + (0.25 * joint - 0.04) * sharp)[..., None]
            colour *= (1 + 0.16 * noise(patch, (0.45, 0.15), 1, turn))[..., None]
        return colour

    def _windows(
        self, building: Building, name: str, patch: Patch, row: Layer, wall: Layer
    ) -> None:
        """Sets the windows of the upper floors into `wall` (h, w, 3)."""
        length = _DEPTH if name == "gable" else building.far - building.near
        count = max(1, round(length / building.bay))
        bay = length / count
        column = np.clip(np.floor(patch.u / bay), 0, count - 1)
        x = np.abs(patch.u - (column + 0.5) * bay)
        y = patch.v - building.ground - row * building.floor
        first = 0 if building.shop else -1
        there = (row >= first) & ((row + 1) * building.floor + building.ground < building.eaves)
        half, sill, lintel = 0.24 * bay + 0.02, 0.85, building.floor - 0.55
        inset = np.minimum(np.minimum(half - x, y - sill), lintel - y)
        trim = np.array(building.trim, np.float32)
        surround = there & (inset > -0.16) & (inset <= 0.0)
        wall[surround] = wall[surround] * 0.35 + trim * 0.55
        ledge = there & (x < half + 0.22) & (y > sill - 0.2) & (y < sill - 0.02)
        wall[ledge] = trim * 0.95
        drip = there & (np.abs(x - half - 0.12) < 0.1) & (y <= sill - 0.2)
        wall[drip] *= 1 - 0.16 * np.clip(1 + (y[drip] - sill) / 0.9, 0, 1)[:, None]
        luck = self._chance(building, name, count)[row.astype(int) + 1, column.astype(int)]
        share = np.divide(y - sill, lintel - sill, dtype=np.float32)
        pane = self._panes(luck, x / half, share, patch)
        bars = (inset < 0.09) | (x < 0.05) | (np.abs(y - sill - 0.66 * (lintel - sill)) < 0.035)
        pane[bars] = trim * 0.85
        pane *= np.where(lintel - y < 0.22, 0.55, 1.0)[..., None]
        hole = there & (inset > 0)
        wall[hole] = pane[hole]

    def _panes(self, luck: Layer, x: Layer, y: Layer, patch: Patch) -> Layer:
        """Glass (h, w, 3): `luck` (h, w, 3) selects what is behind each window."""
        lit = luck[..., 0] > 0.8
        sky = np.clip(0.25 + 0.5 * y + 0.5 * (luck[..., 1] - 0.5), 0, 1)
        sky = sky + 0.25 * self._noise(patch, 0.9, 2, 3.0)
        glass = _GLASS + 0.42 * np.clip(sky, 0, 1.2)[..., None] * _SKYLIGHT
        curtain = (x > 0.35 + 0.6 * luck[..., 2]) & (luck[..., 1] > 0.3)
        glass[curtain] = glass[curtain] * 0.45 + 0.27
        blind = y > 0.4 + luck[..., 2]
        glass[blind] = glass[blind] * 0.3 + _BLIND
        warm = (0.65 + 0.35 * luck[..., 1]) * (0.72 + 0.28 * y) * np.where(curtain, 0.8, 1.0)
        warm = warm * (1 + 0.25 * self._noise(patch, 0.5, 2, 9.0))
        panes: Layer = np.where(lit[..., None], warm[..., None] * _LAMPLIGHT, glass)
        return panes

    def _shop(self, building: Building, patch: Patch, wall: Layer) -> None:
        """Sets shop windows, doors and a sign into the ground floor of `wall` (h, w, 3)."""
        count = max(1, round((building.far - building.near) / 3.4))
        bay = (building.far - building.near) / count
        column = np.clip(np.floor(patch.u / bay), 0, count - 1)
        x = patch.u - column * bay
        luck = self._chance(building, "shop", count)[0, column.astype(int)]
        door = (x > bay - 1.25) & (luck[..., 1] > 0.4)
        inset = np.minimum(np.minimum(x - 0.2, bay - 0.2 - x), 2.9 - patch.v)
        inset = np.minimum(inset, patch.v - np.where(door, 0.05, 0.6))
        inset = np.minimum(inset, np.where(door, x - bay + 1.25, np.abs(x - bay + 1.25)))
        inside = self._goods(luck, patch)
        front = patch.v < 3.0
        wall[front] = np.array(scaled(building.shop or building.trim, 0.42), np.float32)
        pane = front & (inset > 0.06)
        wall[pane] = inside[pane]
        sign = (patch.v >= 3.0) & (patch.v < 3.75)
        wall[sign] = np.array(building.shop, np.float32) * 0.85
        letters = sign & (np.abs(patch.v - 3.4) < 0.17) & (x > 0.5) & (x < bay - 0.8)
        letters &= self._noise(patch, (0.13, 0.3), 1, building.near) > 0.0
        wall[letters] = _LETTERS

    def _goods(self, luck: Layer, patch: Patch) -> Layer:
        """Returns the view through shop windows (h, w, 3): shelves of goods in warm light."""
        shelf = np.floor(patch.v / 0.5)
        shifted = patch.u / 0.24 + 0.37 * shelf
        place = np.floor(shifted)
        within = patch.v / 0.5 - shelf
        thing = self._things[shelf.astype(int) % 16, place.astype(int) % 64]
        there = (within > 0.06) & (within < 0.25 + 0.8 * thing[..., 0]) & (patch.v < 2.2)
        there &= np.abs(shifted - place - 0.5) < 0.3 + 0.25 * thing[..., 2]
        light = np.where(luck[..., 0] > 0.25, 0.62 + 0.3 * luck[..., 2], 0.22)
        light = light * (0.32 + 0.22 * patch.v) * (1 + 0.3 * self._noise(patch, 1.1, 3, 2.0))
        colour = _SHOPLIGHT * light[..., None]
        colour[within < 0.06] *= 0.45
        colour[there] *= (0.12 + 1.1 * thing)[there]
        lamps = (np.abs(patch.v - 2.55) < 0.06) & (patch.u % 1.1 < 0.5) & (luck[..., 0] > 0.25)
        colour[lamps] = (0.85, 0.97, 1.0)
        reflected = np.clip(0.5 + self._noise(patch, (0.9, 2.0), 3, 5.0), 0, 1)[..., None]
        goods: Layer = colour * 0.88 + 0.10 * reflected * _SKYLIGHT
        return goods

    def _chance(self, building: Building, name: str, columns: int) -> Layer:
        """Returns three random numbers per window, (floors, columns, 3), the same at every call."""
        key = (building, name)
        if key not in self._luck:
            self._luck[key] = self._noise.random(12, columns, 3)
        return self._luck[key]

    def _awning(self, colour: Colour) -> Material:
        def paint(patch: Patch) -> Layer:
            stripe = np.floor(patch.u / 0.45) % 2
            cloth = np.where(stripe[..., None] > 0, np.array(colour, np.float32), _CANVAS)
            fold = 0.9 - 0.25 * patch.v + 0.06 * self._noise(patch, 0.6, 3)
            awning: Layer = cloth * fold[..., None]
            return awning

        return paint

    def _tiles(self, colour: Colour) -> Material:
        def paint(patch: Patch) -> Layer:
            course = patch.v / 0.32
            sharp = np.clip(1.5 - patch.dv / 0.14, 0, 1)
            shade = 1 + sharp * (0.35 * (course - np.floor(course)) - 0.18)
            shade = shade + 0.16 * self._noise(patch, (0.3, 0.32)) + 0.2 * self._noise(patch, 4, 4)
            tiles: Layer = shade[..., None] * np.array(colour, np.float32)
            return tiles

        return paint

    def _plain(self, colour: Colour) -> Material:
        def paint(patch: Patch) -> Layer:
            shade = 1 + 0.15 * self._noise(patch, 1.0, 4)
            plaster: Layer = shade[..., None] * np.array(colour, np.float32)
            return plaster

        return paint
