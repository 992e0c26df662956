"""Folds trained weights into the constants of the unrolled graph; exact up to rounding."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Weights = Mapping[str, npt.NDArray[np.generic]]

_NORM_EPSILON = 1e-5


def fold_batch_norm(weights: Weights, prefix: str) -> tuple[Array, Array]:
    """Folds the batch norm after a convolution into its weight and bias.

    Args:
        weights: the network's tensors.
        prefix: name of the module; reads `{prefix}.conv.weight` and `{prefix}.norm.*`.

    Returns:
        Weight (outputs, inputs, k, k) and bias (outputs,), float32.
    """
    kernel = weights[f"{prefix}.conv.weight"].astype(np.float64)
    scale, shift, mean, variance = (
        weights[f"{prefix}.norm.{name}"].astype(np.float64)
        for name in ("weight", "bias", "running_mean", "running_var")
    )
    factor = scale / np.sqrt(variance + _NORM_EPSILON)
    folded = kernel * factor[:, None, None, None]
    return folded.astype(np.float32), (shift - mean * factor).astype(np.float32)


def embedding_for_bytes(kernel: npt.NDArray[np.generic], shuffle: int) -> Array:
    """Rewrites the patch embedding so that it reads BGR bytes with stride `s`.

    Reorders RGB to BGR, divides by 255, and absorbs the pixel-unshuffle by `s` before it: a 3x3
    convolution over the `s*s` phases of each channel is a 3s x 3s convolution over the pixels.

    Args:
        kernel: trained weights (C, 3*n*s*s, 3, 3) on unshuffled RGB in [0, 1] of `n` pictures.
        shuffle: the unshuffle factor `s`.

    Returns:
        Weights (C, 3*n, 3s, 3s), float32.
    """
    width, channels = kernel.shape[0], kernel.shape[1] // shuffle**2
    phases = kernel.astype(np.float64).reshape(width, channels, shuffle, shuffle, 3, 3)
    pixels = phases.transpose(0, 1, 4, 2, 5, 3).reshape(width, -1, 3, 3 * shuffle, 3 * shuffle)
    return (pixels[:, :, ::-1].reshape(width, channels, *pixels.shape[3:]) / 255.0).astype(
        np.float32
    )


def doubled_kernel(kernel: Array) -> Array:
    """Rewrites nearest doubling and a 3x3 convolution as a 3x3 convolution of the small picture.

    Output pixel `(2i + row, 2j + column)` of the doubled picture sees 2x2 of the pixels around
    `(i, j)`. The rewritten convolution computes these four pixels as channels at `(i, j)`, ready
    for a depth-to-space by 2.

    Args:
        kernel: weights (C, inputs, 3, 3), for zero padding by 1.

    Returns:
        Weights (4*C, inputs, 3, 3), for zero padding by 1; output channel `4*c + 2*row + column`.
        Five of the nine values of each kernel are zero.
    """
    outputs, inputs = kernel.shape[:2]
    phases = np.zeros((outputs, 2, 2, inputs, 3, 3))
    for row, column, top, left in np.ndindex(2, 2, 3, 3):
        # The tap (top, left) reads pixel (2i + row + top - 1) // 2 of the picture before doubling.
        above, before = (row + top + 1) // 2, (column + left + 1) // 2
        phases[:, row, column, :, above, before] += kernel[:, :, top, left]
    return phases.reshape(4 * outputs, inputs, 3, 3).astype(np.float32)


def output_for_bytes(
    kernel: npt.NDArray[np.generic], bias: npt.NDArray[np.generic], shuffle: int
) -> tuple[Array, Array]:
    """Rewrites the output convolution to BGR in 0..255: reorders channels, multiplies by 255.

    Channels after those of the picture are logits and stay as they are.

    Args:
        kernel: trained weights (3*s*s or 4*s*s, C, 3, 3), RGB-major.
        bias: (3*s*s,) or (4*s*s,).
        shuffle: the factor `s` of the pixel-shuffle after it.

    Returns:
        Weight and bias of the same shapes, float32.
    """

    def reorder(values: npt.NDArray[np.generic]) -> Array:
        picture, logits = np.split(values.astype(np.float64), [3 * shuffle**2])
        colours = picture.reshape(3, shuffle**2, *values.shape[1:])[::-1].reshape(picture.shape)
        return np.concatenate([colours * 255.0, logits]).astype(np.float32)

    return reorder(kernel), reorder(bias)
