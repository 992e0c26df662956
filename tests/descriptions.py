"""Descriptions of operations for tests that use only their multiply-accumulates."""

from __future__ import annotations

from spikerain_edge.parts import Elements, Operation

_NONE = Elements(0.0, 0, 4)


def operation(
    name: str, per_pixel: float, per_image: int = 0, neurons: tuple[str, ...] = ()
) -> Operation:
    """Returns an operation whose tensors are empty."""
    return Operation(name, per_pixel, per_image, neurons, _NONE, _NONE, 0, 0, biased=False)
