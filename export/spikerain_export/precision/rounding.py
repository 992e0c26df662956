"""Rounds the weights of a layer so that its sums change least, instead of each weight by itself.

Rounding to the nearest level minimises the error of each weight, but inputs fire together, and
the errors of their weights add up. GPTQ (Frantar et al., "GPTQ: Accurate Post-Training Quantization
for Generative Pre-trained Transformers", ICLR 2023) rounds one input after another, and after each
one moves the weights of the inputs that are left so that they compensate for its error.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from spikerain_export.precision.scales import LARGEST_LEVEL, Floats, weight_scales

Doubles = npt.NDArray[np.float64]

# Share of the mean second moment that is added to all: an input that never fires keeps its weight.
_DAMPING = 0.01
# Errors reach the inputs behind a block in one product, which is faster than one by one.
_BLOCK = 64


def round_to_inputs(weight: Floats, moments: Doubles, parts: Sequence[int]) -> Floats:
    """Rounds weights to 8 bits so that the mean square error of the sums is small.

    Args:
        weight: float32 (outputs, inputs, k, k).
        moments: float64 (inputs k k, inputs k k): the sum or mean of `x x^T` over patches `x` of
            the inputs. Means of `x` are not taken out, so that a shift of the sums counts too.
        parts: how many inputs share one scale per output; their sum is `inputs`.

    Returns:
        float32 of the same shape. `quantise_weight` represents each part of it exactly: the largest
        weight of each output keeps its value, which determines the scale.

    Raises:
        LinAlgError: a moment is not finite.
    """
    pieces = np.split(weight, np.cumsum(parts)[:-1], axis=1)
    scale = np.concatenate([np.broadcast_to(weight_scales(part), part.shape) for part in pieces], 1)
    fixed = np.concatenate([np.abs(part) == _peak(part) for part in pieces], axis=1)
    # Inputs that fire most come first, while many are left to compensate for their errors.
    order = np.argsort(-np.diag(moments), kind="stable")
    flat = (len(weight), -1)
    rows, steps = (each.reshape(flat)[:, order].astype(np.float64) for each in (weight, scale))
    levels = _levels(rows, steps, fixed.reshape(flat)[:, order], moments[np.ix_(order, order)])
    rounded = np.empty_like(rows)
    rounded[:, order] = levels * steps
    return rounded.reshape(weight.shape).astype(np.float32)


def _peak(part: Floats) -> Floats:
    peak: Floats = np.abs(part).max(axis=(1, 2, 3), keepdims=True)
    return peak


def _levels(
    rows: Doubles, steps: Doubles, fixed: npt.NDArray[np.bool_], moments: Doubles
) -> Doubles:
    """Returns the levels (outputs, columns) of weights, rounded column by column."""
    factor = _factor_of_inverse(moments)
    wanted, levels = rows.copy(), np.empty_like(rows)
    for start in range(0, len(factor), _BLOCK):
        block = slice(start, min(start + _BLOCK, len(factor)))
        errors = np.empty_like(rows[:, block])
        for place, column in enumerate(range(block.start, block.stop)):
            source = np.where(fixed[:, column], rows[:, column], wanted[:, column])
            nearest = np.rint(source / steps[:, column])
            levels[:, column] = np.clip(nearest, -LARGEST_LEVEL, LARGEST_LEVEL)
            error = wanted[:, column] - levels[:, column] * steps[:, column]
            errors[:, place] = error / factor[column, column]
            later = slice(column + 1, block.stop)
            wanted[:, later] -= np.outer(errors[:, place], factor[column, later])
        wanted[:, block.stop :] -= errors @ factor[block, block.stop :]
    return levels


def _factor_of_inverse(moments: Doubles) -> Doubles:
    """Returns the upper Cholesky factor of the inverse of damped second moments."""
    # Without any spike, all weights are rounded to the nearest level.
    damping = _DAMPING * np.trace(moments) / len(moments) or 1.0
    inverse = np.linalg.inv(moments + damping * np.eye(len(moments)))
    return np.linalg.cholesky(inverse).T
