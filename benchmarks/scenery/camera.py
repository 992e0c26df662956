"""Geometry of the demo camera, a pinhole camera above a street.

World coordinates are metres: X to the right of the street's axis, Y up from its surface, Z along
it, away from the camera.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
Layer = npt.NDArray[np.float32]
Box = tuple[slice, slice]
Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Patch:
    """Pixels of a picture that lie on one plane; every array has the same shape (h, w), float32.

    Attributes:
        u, v: position on the plane along its two directions, metres.
        du, dv: change of u and v from one pixel to the next, metres.
        depth: distance from the camera along its axis, metres; negative behind it.
    """

    u: Layer
    v: Layer
    du: Layer
    dv: Layer
    depth: Layer


@dataclass(frozen=True)
class Camera:
    """A pinhole camera that looks down along the street.

    Attributes:
        height, width: size of the picture in pixels.
        left, top: pixel of the whole view at which the picture begins.
        focal: focal length, pixels.
        centre: principal point (x, y) in pixels of the whole view.
        mirrored: sees the world as the wet street reflects it, with Y turned over.
        position: where the camera hangs.
        pitch, yaw: how far it looks down and to the left, degrees.
    """

    height: int
    width: int
    focal: float
    centre: tuple[float, float]
    left: float = 0.0
    top: float = 0.0
    mirrored: bool = False
    position: Vector = (2.6, 6.0, 0.0)
    pitch: float = 7.5
    yaw: float = 7.0

    @classmethod
    def of_size(cls, height: int, width: int) -> Camera:
        """Returns the demo camera for an image of this size."""
        return cls(height, width, 1.3 * max(height, width * 9 / 16), (width / 2, height / 2))

    def zoomed(self, left: int, top: int, height: int, width: int, scale: float) -> Camera:
        """Returns a camera for a part of the image (in pixels), enlarged by `scale`."""
        return replace(
            self,
            height=round(height * scale),
            width=round(width * scale),
            focal=self.focal * scale,
            centre=(self.centre[0] * scale, self.centre[1] * scale),
            left=(self.left + left) * scale,
            top=(self.top + top) * scale,
        )

    def project(self, points: Points) -> tuple[Points, Points]:
        """Returns pixels (N, 2) and depths (N,) of world points (N, 3), all float64."""
        seen = points @ self._turn + self._shift
        scale = self.focal / np.maximum(seen[:, 2:], 0.05)
        return seen[:, :2] * scale + self._middle, seen[:, 2]

    def patch(self, origin: Vector, across: Vector, up: Vector, box: Box) -> Patch:
        """Returns positions on the plane through `origin` for pixels of `box` (rows, columns)."""
        flip = np.array([1.0, -1.0 if self.mirrored else 1.0, 1.0])
        directions = np.stack([flip * across, flip * up, flip * origin - self.position], axis=1)
        lens = np.array(
            [
                [self.focal, 0, self.centre[0] - self.left],
                [0, self.focal, self.centre[1] - self.top],
                [0, 0, 1],
            ]
        )
        inverse = np.linalg.inv(lens @ self._rotation @ directions)
        x = np.arange(box[1].start, box[1].stop, dtype=np.float32) + 0.5
        y = np.arange(box[0].start, box[0].stop, dtype=np.float32)[:, None] + 0.5
        (ax, ay, a), (bx, by, b), (cx, cy, c) = inverse.tolist()
        nearness = cx * x + cy * y + c
        depth = 1 / np.where(np.abs(nearness) < 1e-9, np.float32(1e-9), nearness)
        u, v = (ax * x + ay * y + a) * depth, (bx * x + by * y + b) * depth
        reach = np.abs(depth)
        du = (np.abs(ax - u * cx) + np.abs(ay - u * cy)) * reach
        dv = (np.abs(bx - v * cx) + np.abs(by - v * cy)) * reach
        return Patch(u, v, du, dv, depth)

    @cached_property
    def eye(self) -> Points:
        """Position of the camera, (3,); below the street if the view is mirrored."""
        return np.array(self.position) * (1, -1 if self.mirrored else 1, 1)

    @cached_property
    def horizon(self) -> int:
        """Row of the horizon, limited to the height of the image."""
        row = self.centre[1] - self.top - self.focal * math.tan(math.radians(self.pitch))
        return min(max(round(row), 0), self.height)

    @cached_property
    def _rotation(self) -> Points:
        """Rotation from world axes to camera axes (x right, y down, z ahead), (3, 3)."""
        turn, tilt = math.radians(self.yaw), math.radians(self.pitch)
        right = (math.cos(turn), 0.0, math.sin(turn))
        ahead = (-math.sin(turn) * math.cos(tilt), -math.sin(tilt), math.cos(turn) * math.cos(tilt))
        return np.array([right, np.cross(right, ahead), ahead])

    @cached_property
    def _turn(self) -> Points:
        """Matrix (3, 3) that rotates world points (N, 3) to camera axes: `points @ matrix`."""
        flip = np.array((1.0, -1.0 if self.mirrored else 1.0, 1.0))
        turn: Points = flip[:, None] * self._rotation.T
        return turn

    @cached_property
    def _shift(self) -> Points:
        shift: Points = -self._rotation @ np.array(self.position)
        return shift

    @cached_property
    def _middle(self) -> Points:
        """Principal point in pixels of this image, (2,)."""
        return np.array((self.centre[0] - self.left, self.centre[1] - self.top))
