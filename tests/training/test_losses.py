from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor
from torch.nn import functional

from spikerain_training.losses import (
    LossWeights,
    excess_firing,
    frequency_loss,
    gradient_loss,
    loss_terms,
    psnr_loss,
    ssim,
)


def scikit_image_ssim(first: Tensor, second: Tensor) -> float:
    scores = [
        structural_similarity(
            one.numpy(),
            other.numpy(),
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=1.0,
            channel_axis=0,
        )
        for one, other in zip(first, second, strict=True)
    ]
    return float(np.mean(scores))


def images(seed: int, height: int = 21, width: int = 34) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random((2, 3, height, width)))


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.4])
@pytest.mark.parametrize(("height", "width"), [(11, 11), (21, 34), (64, 12)])
def test_ssim_equals_that_of_scikit_image(height: int, width: int, noise: float) -> None:
    first = images(1, height, width)
    second = (first + noise * (images(2, height, width) - 0.5)).clamp(0, 1)

    assert float(ssim(first, second)) == pytest.approx(
        scikit_image_ssim(first, second), rel=0, abs=1e-6
    )


def test_ssim_of_smooth_float32_images_equals_that_of_scikit_image() -> None:
    ramp = torch.linspace(0, 1, 40).expand(1, 3, 30, 40)
    brighter = (ramp * 0.8 + 0.2).contiguous()

    # Variances of flat windows are differences of nearly equal float32 numbers.
    assert float(ssim(ramp, brighter)) == pytest.approx(
        scikit_image_ssim(ramp.double(), brighter.double()), rel=0, abs=1e-4
    )


@pytest.mark.parametrize(("height", "width"), [(10, 40), (40, 10)])
def test_images_smaller_than_the_ssim_window_are_refused(height: int, width: int) -> None:
    picture = images(1, height, width)

    with pytest.raises(ValueError, match="11x11"):
        ssim(picture, picture)


def test_the_loss_adds_weighted_l1_to_dissimilarity() -> None:
    clean = images(1)
    restored = (clean + 0.1 * (images(2) - 0.5)).clamp(0, 1)
    dissimilarity = 1 - scikit_image_ssim(restored, clean)
    absolute = float(np.abs(restored.numpy() - clean.numpy()).mean())

    def loss(picture: Tensor, weight: float) -> float:
        return float(sum(loss_terms(picture, clean, LossWeights(l1=weight)).values()))

    assert loss(clean, 1.0) == pytest.approx(0, abs=1e-12)
    for weight in (0.0, 0.5, 2.0):
        assert loss(restored, weight) == pytest.approx(dissimilarity + weight * absolute, abs=1e-6)


def test_the_gradient_term_is_the_mean_error_of_differences_between_neighbours() -> None:
    restored, clean = images(1), images(2)
    across, down = (
        np.abs(np.diff(restored.numpy(), axis=axis) - np.diff(clean.numpy(), axis=axis)).mean()
        for axis in (3, 2)
    )

    assert float(gradient_loss(restored, clean)) == pytest.approx((across + down) / 2, rel=1e-12)


def test_the_gradient_term_measures_edges_but_not_an_offset() -> None:
    clean = images(1)
    assert float(gradient_loss(clean + 0.3, clean)) == pytest.approx(0, abs=1e-12)

    step = torch.zeros(1, 1, 8, 8)
    step[..., 4:] = 1
    # One of seven horizontal differences is 1; all vertical differences are 0.
    assert float(gradient_loss(step, torch.zeros_like(step))) == pytest.approx(1 / 7 / 2)
    assert float(gradient_loss(step.mT, torch.zeros_like(step))) == pytest.approx(1 / 7 / 2)


def test_the_frequency_term_is_the_mean_error_of_fourier_amplitudes() -> None:
    restored, clean = images(1), images(2)
    amplitudes = [
        np.abs(np.fft.fft2(batch.numpy(), axes=(2, 3))) / np.sqrt(21 * 34)
        for batch in (restored, clean)
    ]

    assert float(frequency_loss(restored, clean)) == pytest.approx(
        np.abs(amplitudes[0] - amplitudes[1]).mean(), rel=1e-9
    )


def test_the_psnr_term_is_the_mean_over_images_of_decibels_below_40() -> None:
    clean = images(1)
    light, heavy = clean[:1] + 0.05, clean[1:] + 0.5
    fallen_short = [
        40 - peak_signal_noise_ratio(truth.numpy(), restored.numpy(), data_range=1.0)
        for restored, truth in ((light, clean[:1]), (heavy, clean[1:]))
    ]

    measured = float(psnr_loss(torch.cat([light, heavy]), clean))

    # The limit of 40 dB is smooth: 26 dB count as 13.98 + 0.17.
    assert measured == pytest.approx(np.mean(fallen_short), abs=0.1)
    worse = float(psnr_loss(torch.cat([light, clean[1:] + 1.0]), clean))
    assert worse - measured == pytest.approx(20 * np.log10(2) / 2, abs=0.01)


def test_the_frequency_term_measures_lost_texture_but_not_its_position() -> None:
    clean = images(1)
    moved = torch.roll(clean, (3, 5), (2, 3))
    smooth = functional.avg_pool2d(clean, 3, stride=1, padding=1)

    assert float(frequency_loss(moved, clean)) == pytest.approx(0, abs=1e-12)
    assert float(frequency_loss(smooth, clean)) > 0.1


@pytest.mark.parametrize("term", ["ssim", "l1", "gradient", "frequency", "psnr"])
def test_a_gradient_step_on_every_term_lowers_that_term(term: str) -> None:
    clean = images(1)
    restored = functional.avg_pool2d(clean, 3, stride=1, padding=1).requires_grad_()
    weights = LossWeights(**{"ssim": 0.0, term: 1.0})

    (before,) = loss_terms(restored, clean, weights).values()
    before.backward()

    assert restored.grad is not None
    step = 1e-3 * restored.grad / restored.grad.norm()
    (after,) = loss_terms(restored.detach() - step, clean, weights).values()
    assert after.item() < before.item()


@pytest.mark.parametrize("term", ["ssim", "l1", "gradient", "frequency", "psnr"])
def test_a_perfect_output_has_zero_loss_and_a_finite_gradient(term: str) -> None:
    clean = images(1)
    # In a black image every amplitude is zero, where the absolute value is not differentiable.
    for picture in (clean, torch.zeros_like(clean)):
        restored = picture.clone().requires_grad_()
        (loss,) = loss_terms(restored, picture, LossWeights(**{"ssim": 0.0, term: 1.0})).values()
        loss.backward()
        assert loss.item() == pytest.approx(0, abs=1e-12)
        assert restored.grad is not None
        assert bool(torch.isfinite(restored.grad).all())


def test_terms_are_weighted_and_terms_without_weight_are_not_computed() -> None:
    restored, clean = images(1), images(2)
    weights = LossWeights(ssim=0.5, l1=2.0, gradient=3.0, frequency=4.0, psnr=5.0)

    terms = loss_terms(restored, clean, weights)

    assert {name: float(value) for name, value in terms.items()} == pytest.approx(
        {
            "ssim": 0.5 * (1 - scikit_image_ssim(restored, clean)),
            "l1": 2 * float(np.abs(restored.numpy() - clean.numpy()).mean()),
            "gradient": 3 * float(gradient_loss(restored, clean)),
            "frequency": 4 * float(frequency_loss(restored, clean)),
            "psnr": 5 * float(psnr_loss(restored, clean)),
        },
        rel=1e-6,
    )
    assert list(loss_terms(restored, clean, LossWeights())) == ["ssim"]
    # SSIM refuses images smaller than its window.
    small = loss_terms(restored[..., :5, :5], clean[..., :5, :5], LossWeights(ssim=0, l1=1))
    assert list(small) == ["l1"]


def test_the_default_loss_is_one_minus_ssim_as_in_the_paper() -> None:
    restored, clean = images(1), images(2)
    (paper,) = loss_terms(restored, clean, LossWeights()).values()
    assert float(paper) == pytest.approx(1 - scikit_image_ssim(restored, clean), abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_terms_are_computed_in_float32_under_autocast(dtype: torch.dtype) -> None:
    restored, clean = images(1).to(dtype), images(2).float()
    weights = LossWeights(1.0, 1.0, 1.0, 1.0)
    expected = loss_terms(restored.float(), clean, weights)

    with torch.autocast("cpu", torch.bfloat16):
        terms = loss_terms(restored, clean, weights)

    for name, value in terms.items():
        assert value.dtype is torch.float32
        assert torch.equal(value, expected[name]), name


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"l1": -1.0}, "weight l1 is -1"),
        ({"gradient": float("nan")}, "weight gradient is nan"),
        ({"frequency": float("inf")}, "weight frequency is inf"),
        ({"ssim": 0.0}, "the loss is empty"),
    ],
)
def test_invalid_loss_weights_are_refused(weights: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LossWeights(**weights)


def test_firing_rates_up_to_the_target_are_not_penalised() -> None:
    rates = [torch.tensor(0.1), torch.tensor(0.3)]

    assert float(excess_firing(rates, target=0.2)) == pytest.approx(0, abs=1e-7)
    assert float(excess_firing(rates, target=0.5)) == 0


def test_the_mean_firing_rate_above_the_target_is_penalised() -> None:
    rates = [torch.tensor(0.2, requires_grad=True), torch.tensor(0.6, requires_grad=True)]

    excess = excess_firing(rates, target=0.15)
    excess.backward()

    assert excess.item() == pytest.approx(0.25)
    assert [rate.grad.item() for rate in rates if rate.grad is not None] == [0.5, 0.5]
