"""Leaky integrate-and-fire neurons in the fixed-point arithmetic of Loihi, in NumPy.

It gives the same states, bit by bit, as the `fixed_pt` model of Lava 0.10
(`tests/profiling/test_loihi_lif.py`). Each timestep, with states of 24 bits:

    u = u * (4096 - du - 1) / 4096 + a * 64          wrapped to 24 bits
    v = v * (4096 - dv) / 4096 + u + bias            clipped to 24 bits
    s = v > threshold * 64;  v = 0 where s

Quotients are truncated towards zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
STATE_BITS = 24
SHIFT = 6
"""Bits by which synaptic input and threshold are shifted to the left."""
DECAY_BITS = 12
_LIMIT = 1 << (STATE_BITS - 1)


@dataclass
class FixedPointLIF:
    """A layer of neurons and their states.

    Args:
        shape: of the layer.
        threshold: 17 bits.
        current_decay: `du`, 12 bits; 4095 forgets the current after each timestep.
        voltage_decay: `dv`, 12 bits; 2048 halves the potential at each timestep.
    """

    shape: tuple[int, ...]
    threshold: int
    current_decay: int = 4095
    voltage_decay: int = 2048

    def __post_init__(self) -> None:
        self.current: Integers = np.zeros(self.shape, np.int64)
        self.voltage: Integers = np.zeros(self.shape, np.int64)

    def step(self, activation: Integers, bias: Integers | int = 0) -> npt.NDArray[np.bool_]:
        """Advances by a timestep and returns the spikes.

        Args:
            activation: sums of the weights of incoming spikes, of the layer's shape.
            bias: added to the potential, already scaled by its exponent.
        """
        decayed = _decayed(self.current, self.current_decay + 1)
        self.current = _wrapped(decayed + (activation << SHIFT))
        potential = _decayed(self.voltage, self.voltage_decay) + self.current + bias
        self.voltage = np.clip(potential, -_LIMIT + 1, _LIMIT - 1)
        spikes = np.asarray(self.voltage > self.threshold << SHIFT)
        self.voltage[spikes] = 0
        return spikes


def _decayed(state: Integers, decay: int) -> Integers:
    product = state * ((1 << DECAY_BITS) - decay)
    return np.sign(product) * (np.abs(product) >> DECAY_BITS)


def _wrapped(state: Integers) -> Integers:
    """Values beyond 24 bits, which come back from the other side."""
    down = np.where(state > _LIMIT, state - 2 * _LIMIT, state)
    return np.where(down <= -_LIMIT, down + 2 * _LIMIT, down)
