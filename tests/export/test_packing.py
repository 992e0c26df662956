"""Convolutions between packed maps are PyTorch's convolutions between the maps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from spikerain_export.spiking.packing import Layout, pack, packed_convolution, unpack


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "shuffle", "source", "target"),
    [
        (3, 1, 1, 1, Layout(2, 2), Layout(2, 2)),
        (3, 1, 1, 1, Layout(2, 8), Layout(2, 8)),
        (1, 1, 0, 1, Layout(2, 2), Layout(2, 8)),
        (3, 2, 1, 1, Layout(2, 2), Layout(4, 4)),
        (3, 2, 1, 1, Layout(2, 8), Layout(4, 8)),
        (6, 2, 2, 1, Layout(1, 1), Layout(2, 2)),
        (3, 1, 1, 2, Layout(8, 8), Layout(4, 8)),
        (3, 1, 1, 2, Layout(4, 8), Layout(2, 8)),
        (5, 1, 2, 2, Layout(2, 4), Layout(1, 8)),
    ],
)
def test_a_packed_convolution_is_the_convolution(
    kernel: int, stride: int, padding: int, shuffle: int, source: Layout, target: Layout
) -> None:
    torch.manual_seed(0)
    weight = torch.randn(2 * shuffle**2, 3, kernel, kernel, dtype=torch.float64)
    maps = torch.randn(1, 3, 48 // source.scale, 32 // source.scale, dtype=torch.float64)
    whole = functional.conv2d(maps, weight, stride=stride, padding=padding)
    expected = functional.pixel_shuffle(whole, shuffle)

    made = packed_convolution(
        weight.numpy(), source, target, padding, stride=stride, shuffle=shuffle
    )
    found = functional.conv2d(
        functional.pixel_unshuffle(maps, source.phases),
        torch.from_numpy(made.weight),
        stride=made.stride,
        padding=made.padding,
    )
    torch.testing.assert_close(functional.pixel_shuffle(found, target.phases), expected)


def test_a_packed_convolution_has_the_weights_of_the_convolution() -> None:
    """Nothing is added up, so weights on a grid stay on it."""
    weight = np.random.default_rng(0).normal(size=(4, 3, 3, 3))
    made = packed_convolution(weight, Layout(4, 8), Layout(2, 8), 1, shuffle=2)
    used = made.weight[made.weight != 0]
    assert len(used) == weight.size * 4
    assert set(used) == set(weight.ravel())


def test_maps_are_packed_as_by_pixel_unshuffle() -> None:
    maps = torch.arange(2 * 3 * 8 * 12).reshape(2, 3, 8, 12)
    packed = pack(maps.numpy(), 4)
    assert np.array_equal(packed, functional.pixel_unshuffle(maps, 4).numpy())
    assert np.array_equal(unpack(packed, 4), maps.numpy())
