from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from networks import SMALL, randomised

from spikerain_training.network import SpikeRain, pad_to_multiple

TWO = replace(SMALL, timesteps=1, frames=2)


def with_weights_for_the_change(
    factor: float, logit: float = -100.0
) -> tuple[SpikeRain, SpikeRain]:
    """Returns a network of one frame, and one of two that is made from it.

    Args:
        factor: the patch embedding reads the change with this factor.
        logit: the share of the previous frame is the sigmoid of this, everywhere.
    """
    one = randomised(replace(SMALL, timesteps=1))
    two = SpikeRain(TWO).eval()
    weight = one.embed.weight
    kernels, biases = one.output.weight, one.output.bias
    assert biases is not None
    pixels = TWO.shuffle**2
    changed = {
        "embed.weight": torch.cat([weight, factor * weight], dim=1),
        "output.weight": torch.cat([kernels, torch.zeros_like(kernels[:pixels])]),
        "output.bias": torch.cat([biases, torch.full_like(biases[:pixels], logit)]),
    }
    two.load_state_dict({**one.state_dict(), **changed})
    return one, two


def test_weights_of_zero_ignore_the_previous_frame() -> None:
    one, two = with_weights_for_the_change(0.0)
    image, previous = torch.rand(2, 2, 3, 24, 16)

    with torch.no_grad():
        torch.testing.assert_close(two(image, previous), one(image), rtol=0, atol=1e-5)


# The embedding is linear: with w for the image and -w for its change it reads the previous frame.
@pytest.mark.parametrize(("height", "width"), [(24, 16), (13, 18)])
def test_the_embedding_reads_the_difference_to_the_previous_frame(height: int, width: int) -> None:
    one, two = with_weights_for_the_change(-1.0)
    image, previous = torch.rand(2, 2, 3, height, width)
    padded = pad_to_multiple(previous, TWO.stride)

    with torch.no_grad():
        expected = image + one.residual(padded)[..., :height, :width]
        torch.testing.assert_close(two(image, previous), expected, rtol=0, atol=1e-4)
    assert (expected - one(image)).abs().max() > 0.01


@pytest.mark.parametrize(("logit", "share"), [(100.0, 1.0), (0.0, 0.5)])
def test_the_output_takes_its_share_of_the_previous_frame(logit: float, share: float) -> None:
    one, two = with_weights_for_the_change(0.0, logit)
    image, previous = torch.rand(2, 2, 3, 13, 18)

    with torch.no_grad():
        expected = one(image) + share * (previous - image)
        torch.testing.assert_close(two(image, previous), expected, rtol=0, atol=1e-5)


def test_a_still_picture_is_one_that_does_not_change() -> None:
    network = randomised(TWO)
    image = torch.rand(1, 3, 16, 16)

    with torch.no_grad():
        assert torch.equal(network(image), network(image, image))
        assert not torch.equal(network(image), network(image, torch.rand(1, 3, 16, 16)))


def test_a_previous_frame_that_cannot_be_read_is_refused() -> None:
    image = torch.rand(1, 3, 16, 16)

    with pytest.raises(ValueError, match="reads one frame"):
        randomised(SMALL)(image, image)
    with pytest.raises(ValueError, match=r"\(1, 3, 8, 16\).*\(1, 3, 16, 16\)"):
        randomised(TWO)(image, image[..., :8, :])
