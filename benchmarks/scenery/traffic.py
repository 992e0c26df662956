"""Cars and people that move through the demo street, in a seamless loop."""

from __future__ import annotations

from dataclasses import dataclass

from scenery.cars import HATCHBACK, SEDAN, VAN, Car
from scenery.people import Walker

LOOP = 450
"""Number of frames of the loop: frame `i + LOOP` looks like frame `i`."""

# A car needs one loop for its way, 150 m: 30 km/h at 25 frames per second.
_DRIVEN = (3.5, 150.0)
_DRIVING = _DRIVEN[1] / LOOP
# A walker needs three loops for its way: 1.5 m/s.
_WALKED = (12.0, 81.0)
_WALKS = 3
_WALKING = _WALKED[1] / _WALKS / LOOP
_FADE = 25.0


@dataclass(frozen=True)
class Mover:
    """A car or a walker that passes repeatedly.

    Attributes:
        shape: the car or walker to draw.
        x: distance to the right of the axis of the street in metres.
        way: start and length of the path along the street in metres.
        start: position on the path in frame 0 in metres.
        speed: metres per frame, negative towards the camera.
    """

    shape: Car | Walker
    x: float
    way: tuple[float, float]
    start: float
    speed: float

    def z(self, index: int) -> float:
        """Returns the distance from the camera along the street in frame `index`, metres."""
        return self.way[0] + (self.start + self.speed * index) % self.way[1]

    def opacity(self, index: int) -> float:
        """Returns the opacity in frame `index`, 0 to 1; far movers fade into the haze."""
        return min(1.0, (sum(self.way) - self.z(index)) / _FADE)


def traffic() -> tuple[Mover, ...]:
    """Returns all movers of the street."""
    oncoming = (
        (HATCHBACK, (0.42, 0.25, 0.10), 24.0),
        (SEDAN, (0.68, 0.69, 0.70), 60.0),
        (VAN, (0.16, 0.22, 0.46), 112.0),
    )
    leaving = (
        (SEDAN, (0.11, 0.11, 0.12), 15.5),
        (HATCHBACK, (0.22, 0.24, 0.55), 52.0),
        (SEDAN, (0.52, 0.50, 0.46), 98.0),
    )
    walking = (
        (-6.25, _WALKING, 11.5, (0.26, 0.14, 0.10), (0.14, 0.12, 0.52)),
        (-6.4, -_WALKING, 26.0, (0.16, 0.17, 0.20), (0.13, 0.13, 0.14)),
        (-6.2, _WALKING, 45.0, (0.20, 0.26, 0.36), (0.45, 0.34, 0.12)),
    )
    return (
        *(
            Mover(Car(body, colour, False, True), -1.8, _DRIVEN, start, -_DRIVING)
            for body, colour, start in oncoming
        ),
        *(
            Mover(Car(body, colour, True, True), 1.7, _DRIVEN, start, _DRIVING)
            for body, colour, start in leaving
        ),
        *(
            Mover(Walker(coat, umbrella), x, _WALKED, start + group * _WALKED[1] / _WALKS, speed)
            for x, speed, start, coat, umbrella in walking
            for group in range(_WALKS)
        ),
    )
