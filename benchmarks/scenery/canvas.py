"""Draws planes, polygons, strokes and dots of the world into an image, with haze."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from scenery.camera import Box, Camera, Layer, Patch, Points, Vector

Colour = tuple[float, float, float]
Polygon = tuple[Points, Points]
Material = Callable[[Patch], Layer]

HAZE: Colour = (0.70, 0.685, 0.67)
_HAZE_DISTANCE = 230.0
_SHIFT = 4


class Model:
    """Coloured polygons in space, drawn in groups.

    Groups are drawn from the farthest to the nearest. The polygons of a group keep their order.

    Args:
        groups: for each group its polygons, each of corners (N, 3) and a BGR colour (3,).
        normals: for each group the direction (3,) that it faces, (groups, 3); groups that face
            away from the viewer are left out. None draws all of them.
    """

    def __init__(self, groups: Sequence[Sequence[Polygon]], normals: Points | None = None) -> None:
        polygons = [polygon for group in groups for polygon in group]
        ends = np.cumsum([len(group) for group in groups]).tolist()
        self.corners = np.concatenate([corners for corners, _ in polygons])
        self.colours = np.array([colour for _, colour in polygons], np.float32)
        self.starts = np.cumsum([0, *(len(corners) for corners, _ in polygons)]).tolist()
        self._members = [
            range(end - len(group), end) for group, end in zip(groups, ends, strict=True)
        ]
        self._centres = np.array([group[0][0].mean(0) for group in groups])
        self._normals = normals

    def order(self, eye: Points) -> list[int]:
        """Returns the polygons that are visible from `eye` (3,), in drawing order."""
        away = self._centres - eye
        nearer = np.argsort(-np.linalg.norm(away, axis=1))
        if self._normals is not None:
            facing = np.einsum("ij,ij->i", away, self._normals) < 0
            nearer = nearer[facing[nearer]]
        return [index for group in nearer.tolist() for index in self._members[group]]


class Canvas:
    """An image to draw on.

    Args:
        camera: camera that views the world.
        image: image to draw on, (H, W, 3) BGR float32 from 0 to 1, in the size of the camera.
    """

    def __init__(self, camera: Camera, image: Layer) -> None:
        self.camera = camera
        self.image = image

    @classmethod
    def blank(cls, camera: Camera) -> Canvas:
        """Returns a black canvas for a camera."""
        return cls(camera, np.zeros((camera.height, camera.width, 3), np.float32))

    @property
    def sky(self) -> Box:
        """Rows and columns of the sky; the image may be mirrored."""
        horizon, columns = self.camera.horizon, slice(0, self.camera.width)
        if self.camera.mirrored:
            return slice(horizon, self.camera.height), columns
        return slice(0, horizon), columns

    @property
    def ground(self) -> Box:
        """Rows and columns of the ground; the image must not be mirrored."""
        return slice(self.camera.horizon, self.camera.height), slice(0, self.camera.width)

    def face(
        self,
        origin: Vector,
        across: Vector,
        up: Vector,
        extent: tuple[float, float],
        paint: Material,
    ) -> None:
        """Draws a rectangle of the world.

        Args:
            origin: the corner at which u and v are 0.
            across, up: unit vectors along which u and v grow.
            extent: largest u and v, metres.
            paint: gives the colours (h, w, 3) of a patch (h, w).
        """
        corner, along, rise = (np.array(vector, np.float64) for vector in (origin, across, up))
        corners = [corner + along * u + rise * v for u in (0, extent[0]) for v in (0, extent[1])]
        pixels, depth = self.camera.project(np.stack(corners))
        low = np.clip(np.floor(pixels.min(0)), 0, (self.camera.width, self.camera.height))
        high = np.clip(np.ceil(pixels.max(0)), 0, (self.camera.width, self.camera.height))
        box = slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))
        if depth.max() < 0.5 or box[0].start >= box[0].stop or box[1].start >= box[1].stop:
            return
        patch = self.camera.patch(origin, across, up, box)
        inside = (patch.depth > 0) & (patch.u >= 0) & (patch.v >= 0)
        inside &= (patch.u <= extent[0]) & (patch.v <= extent[1])
        # Materials need not care about what the box holds beyond the rectangle.
        u, v = np.clip(patch.u, -1, extent[0] + 1), np.clip(patch.v, -1, extent[1] + 1)
        colours = paint(dataclasses.replace(patch, u=u, v=v))
        self.image[box][inside] = hazy(colours, patch.depth)[inside]

    def polygon(self, points: Points, colour: Colour) -> None:
        """Fills a polygon with world corners (N, 3)."""
        pixels, depth = self.camera.project(points)
        if depth.min() > 0.3:
            shade = hazy(np.array(colour, np.float32), np.float32(depth.mean()))
            cv2.fillPoly(self.image, [_fixed(pixels)], shade.tolist(), shift=_SHIFT)

    def model(self, model: Model, at: Vector) -> None:
        """Draws a model whose origin stands at `at`, its farthest groups first."""
        corners = model.corners + at
        pixels, depth = self.camera.project(corners)
        if depth.min() < 0.3:
            return
        fixed = _fixed(pixels)
        shades = hazy(model.colours, np.float32(depth.mean())).tolist()
        for index in model.order(self.camera.eye - at):
            polygon = fixed[model.starts[index] : model.starts[index + 1]]
            cv2.fillPoly(self.image, [polygon], shades[index], shift=_SHIFT)

    def shade(self, points: Points, strength: float, softness: float) -> None:
        """Casts a shadow with world corners (N, 3), whose edge is `softness` metres wide."""
        pixels, depth = self.camera.project(points)
        if depth.min() < 0.3:
            return
        spread = softness * self.camera.focal / float(depth.mean())
        limit = (self.camera.width, self.camera.height)
        low = np.clip(np.floor(pixels.min(0) - spread), 0, limit).astype(int)
        high = np.clip(np.ceil(pixels.max(0) + spread), 0, limit).astype(int)
        part = self.image[low[1] : high[1], low[0] : high[0]]
        if part.size == 0:
            return
        light = np.ones(part.shape[:2], np.float32)
        cv2.fillPoly(light, [_fixed(pixels - low)], 1 - strength, shift=_SHIFT)
        side = max(1, round(spread))
        part *= cv2.blur(cv2.blur(light, (side, side)), (side, side))[..., None]

    def stroke(self, path: Sequence[Vector], thickness: float, colour: Colour) -> None:
        """Draws a line along world points, `thickness` metres thick at their mean depth."""
        pixels, depth = self.camera.project(np.array(path, np.float64))
        if depth.min() < 0.3:
            return
        width = max(1, round(thickness * self.camera.focal / float(depth.mean())))
        shade = hazy(np.array(colour, np.float32), np.float32(depth.mean()))
        cv2.polylines(self.image, [_fixed(pixels)], False, shade.tolist(), width, shift=_SHIFT)

    def dots(self, points: Points, radii: Points, colours: Layer) -> None:
        """Draws leaf-like spots, farthest first: points (N, 3), radii (N,), colours (N, 3)."""
        pixels, depth = self.camera.project(points)
        radius = radii * self.camera.focal / np.maximum(depth, 0.3)
        colours = hazy(colours, depth.astype(np.float32))
        order = np.argsort(-depth)
        axes = np.maximum(np.stack([radius, radius * 0.6], 1) * (1 << _SHIFT), 6).astype(int)
        for at, axis, colour, index in zip(
            _fixed(pixels)[order].tolist(),
            axes[order].tolist(),
            colours[order].tolist(),
            order.tolist(),
            strict=True,
        ):
            turn = index * 137 % 180
            cv2.ellipse(self.image, at, axis, turn, 0, 360, colour, -1, cv2.LINE_8, _SHIFT)

    def glow(self, point: Vector, radius: float, colour: Colour, strength: float) -> None:
        """Adds the halo of a lamp: `radius` is its standard deviation in metres."""
        pixels, depth = self.camera.project(np.array([point], np.float64))
        spread = radius * self.camera.focal / float(depth[0])
        x, y = pixels[0]
        reach = 3 * spread
        rows = slice(max(0, int(y - reach)), max(0, min(self.camera.height, int(y + reach) + 1)))
        columns = slice(max(0, int(x - reach)), max(0, min(self.camera.width, int(x + reach) + 1)))
        down = strength * np.exp(-0.5 * ((np.arange(rows.start, rows.stop) - y) / spread) ** 2)
        along = np.exp(-0.5 * ((np.arange(columns.start, columns.stop) - x) / spread) ** 2)
        light = np.outer(down, along).astype(np.float32)[..., None]
        self.image[rows, columns] += light * np.array(colour, np.float32)


def scaled(colour: Colour, factor: float) -> Colour:
    """Returns a brighter or darker colour."""
    blue, green, red = colour
    return blue * factor, green * factor, red * factor


def hazy(colour: Layer, depth: Layer | np.float32) -> Layer:
    """Returns colours (..., 3) as seen from a distance of `depth` (...) metres."""
    clear = np.exp(-np.maximum(depth, 0) / _HAZE_DISTANCE)[..., None]
    seen: Layer = colour * clear + np.array(HAZE, np.float32) * (1 - clear)
    return seen


def _fixed(pixels: Points) -> npt.NDArray[np.int32]:
    """Converts pixels to the fixed-point format of OpenCV; integers are centres of pixels."""
    limited = np.clip(pixels - 0.5, -20_000, 20_000)
    return np.rint(limited * (1 << _SHIFT)).astype(np.int32)
