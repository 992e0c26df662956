from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from spikerain_edge.errors import InputError
from spikerain_training import data
from spikerain_training.data import (
    Image,
    RenderedWeather,
    WeatherMix,
    compress,
    compress_alike,
    degrade,
    image_paths,
    random_crop,
    read_image,
    to_image,
    to_tensor,
)

# Mean brightness of the first samples of `folder` below, in order.
GOLDEN = [
    0.5327,
    0.3566,
    0.3846,
    0.479,
    0.5943,
    0.6196,
    0.5507,
    0.5759,
    0.815,
    0.6759,
    0.3166,
    0.7221,
]


def picture(seed: int, height: int, width: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed, (height, width) in enumerate([(48, 64), (20, 90), (31, 31)]):
        cv2.imwrite(str(tmp_path / f"{seed}.png"), picture(seed, height, width))
    return tmp_path


def test_a_sample_depends_on_seed_and_index_alone(folder: Path) -> None:
    samples = RenderedWeather(folder, crop=32, length=12, seed=5)
    again = RenderedWeather(folder, crop=32, length=500, seed=5)

    in_order = [samples[i] for i in range(8)]
    backwards = [again[i] for i in reversed(range(8))][::-1]

    for (rainy, clean), (rainy_again, clean_again) in zip(in_order, backwards, strict=True):
        assert torch.equal(rainy, rainy_again)
        assert torch.equal(clean, clean_again)


def test_other_indices_and_seeds_give_other_samples(folder: Path) -> None:
    samples = RenderedWeather(folder, crop=32, length=4, seed=5)
    other = RenderedWeather(folder, crop=32, length=4, seed=6)

    cleans = [clean for _, clean in (samples[0], samples[1], other[0])]

    assert not torch.equal(cleans[0], cleans[1])
    assert not torch.equal(cleans[0], cleans[2])


@pytest.mark.parametrize("crop", [16, 32, 128])
def test_samples_are_square_crops_in_the_unit_range(folder: Path, crop: int) -> None:
    samples = RenderedWeather(folder, crop, length=12, seed=0)

    assert len(samples) == 12
    for index in range(len(samples)):
        for tensor in samples[index]:
            assert tensor.shape == (3, crop, crop)
            assert tensor.dtype is torch.float32
            assert tensor.min() >= 0
            assert tensor.max() <= 1


@pytest.mark.parametrize("weather", [{"rain": 1.0}, {"rain": 0.4, "fog": 0.3, "snow": 0.3}])
@pytest.mark.parametrize(("dry", "fewest", "most"), [(0.0, 0, 16), (0.25, 34, 66), (0.6, 100, 140)])
def test_the_dry_share_of_the_samples_comes_back_untouched(
    folder: Path, weather: dict[str, float], dry: float, fewest: int, most: int
) -> None:
    samples = RenderedWeather(folder, 24, length=200, seed=0, weather=weather, dry=dry)

    equal = [torch.equal(*samples[index]) for index in range(len(samples))]

    # Crops this small may lie between the drops of a drizzle.
    assert fewest <= sum(equal) <= most


def test_a_quarter_is_dry_and_the_rest_rain_unless_told_otherwise(folder: Path) -> None:
    plain = RenderedWeather(folder, crop=24, length=30, seed=3)
    told = RenderedWeather(folder, 24, 30, 3, weather={"snow": 0, "rain": 7}, dry=0.25)

    for index in range(30):
        assert torch.equal(plain[index][0], told[index][0])
        assert torch.equal(plain[index][1], told[index][1])


def test_rain_samples_stay_those_that_a_run_was_begun_with(folder: Path) -> None:
    samples = RenderedWeather(folder, crop=48, length=12, seed=5)

    means = [samples[index][0].mean().item() for index in range(12)]

    # Another OpenCV may round a pixel otherwise; another draw is off by far more.
    assert means == pytest.approx(GOLDEN, abs=2e-3)


def test_the_order_in_which_kinds_are_named_decides_nothing(folder: Path) -> None:
    weights = {"fog": 0.2, "rain": 0.5, "snow": 0.3}
    backwards = dict(reversed(weights.items()))
    samples, again = (RenderedWeather(folder, 24, 20, 1, each) for each in (weights, backwards))

    for index in range(20):
        assert torch.equal(samples[index][0], again[index][0])


def test_the_clean_picture_is_the_same_in_any_weather(folder: Path) -> None:
    rain, fog = (
        RenderedWeather(folder, 24, 20, 1, {kind: 1.0}, dry=0.0) for kind in ("rain", "fog")
    )
    both = [(rain[index], fog[index]) for index in range(20)]

    # Compression is drawn after the weather, so where neither is compressed they are equal.
    equal = [torch.equal(rainy[1], foggy[1]) for rainy, foggy in both]
    assert sum(equal) >= 8
    assert not any(torch.equal(rainy[0], foggy[0]) for rainy, foggy in both)


def test_kinds_of_weather_are_drawn_by_their_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    sample = data.sample_weather

    def remember(kind: str, size: tuple[int, int], rng: np.random.Generator) -> object:
        drawn.append(kind)
        return sample(kind, size, rng)

    monkeypatch.setattr(data, "sample_weather", remember)
    mix = WeatherMix({"snow": 2, "fog": 5, "rain": 3, "wide_rain": 0}, dry=0.0)
    for seed in range(600):
        mix.add(picture(0, 16, 16), np.random.default_rng(seed))

    shares = [drawn.count(kind) / 600 for kind in ("fog", "rain", "snow")]
    np.testing.assert_allclose(shares, [0.5, 0.3, 0.2], atol=0.06)
    assert len(drawn) == 600
    assert "wide_rain" not in drawn


@pytest.mark.parametrize(
    "weights",
    [
        {},
        {"rain": 0.0},
        {"rain": -1.0, "snow": 2.0},
        {"rain": float("nan")},
        {"rain": float("inf")},
        {"rain": 1.0, "hail": 1.0},
    ],
)
def test_unusable_weights_of_weather_are_refused(folder: Path, weights: dict[str, float]) -> None:
    with pytest.raises(InputError, match="weather"):
        RenderedWeather(folder, 24, 1, 0, weather=weights)


@pytest.mark.parametrize("dry", [-0.1, 1.0, 25.0, float("nan")])
def test_a_dry_share_that_is_none_is_refused(folder: Path, dry: float) -> None:
    with pytest.raises(InputError, match="dry"):
        RenderedWeather(folder, 24, 1, 0, dry=dry)


def flat_pairs(tmp_path: Path, count: int) -> list[tuple[Image, Image]]:
    """Rainy and clean samples of a photograph that is grey all over."""
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((64, 64, 3), 128, np.uint8))
    samples = RenderedWeather(tmp_path, 48, count, 2, weather={"snow": 1.0}, dry=0.0)
    return [
        (to_image(weathered), to_image(clean))
        for weathered, clean in (samples[index] for index in range(count))
    ]


def test_both_pictures_of_a_sample_have_the_same_noise(tmp_path: Path) -> None:
    noisy = [pair for pair in flat_pairs(tmp_path, 80) if pair[1].std(axis=(0, 1)).min() > 1.5]

    equal = [(snowy == clean).all(axis=2).mean() for snowy, clean in noisy]

    assert len(noisy) > 8
    # Where no flake is, noise of its own would leave hardly a pixel of the two equal.
    assert np.quantile(equal, 0.75) > 0.5


def degraded(image: Image, count: int = 300) -> list[Image]:
    return [degrade(image, np.random.default_rng(seed)) for seed in range(count)]


def test_exposure_and_white_balance_vary_but_little_is_lost() -> None:
    grey = np.full((16, 16, 3), 128, np.uint8)
    colours = np.array([each.mean(axis=(0, 1)) for each in degraded(grey)])
    levels, tints = colours.mean(axis=1), np.log(colours / colours.mean(axis=1, keepdims=True))

    assert np.median(levels) == pytest.approx(128, rel=0.1)
    assert np.quantile(levels, 0.1) < 105
    assert np.quantile(levels, 0.9) > 150
    assert 0.02 < tints.std() < 0.06
    assert levels.min() > 40
    assert levels.max() <= 255


def test_gamma_bends_the_grey_scale() -> None:
    scale = np.repeat(np.array([[60, 120, 240]], np.uint8), 9, axis=0)[..., None].repeat(3, axis=2)
    # The middle against the ends tells the bend: an exposure alone leaves ratios as they are.
    ratios = [
        np.divide(*each[:, 1::-1].mean(axis=(0, 2))) for each in degraded(scale) if each.max() < 255
    ]

    gamma = np.log2(ratios)
    assert np.median(gamma) == pytest.approx(1, abs=0.15)
    assert 0.12 < np.std(gamma) < 0.4


def test_three_pictures_in_ten_are_noisy() -> None:
    grey = np.full((32, 32, 3), 128, np.uint8)
    spread = np.array([each.std(axis=(0, 1)).max() for each in degraded(grey)])

    assert 0.2 < (spread > 0).mean() < 0.38
    assert 2.5 < spread.max() < 6


def test_some_pictures_are_out_of_focus() -> None:
    stripes = np.tile(np.array([90, 150], np.uint8), 16)[None, :, None].repeat(32, 0).repeat(3, 2)
    contrast = []
    for image in degraded(stripes):
        dark, bright = image[8:24, 8:24:2].mean(), image[8:24, 9:24:2].mean()
        contrast.append((bright - dark) / (bright + dark))

    blurred = np.array(contrast) < 0.5 * np.median(contrast)
    assert 0.06 < blurred.mean() < 0.2


@pytest.mark.parametrize("level", [0, 255])
def test_degraded_pictures_stay_in_range(level: int) -> None:
    for image in degraded(np.full((8, 8, 3), level, np.uint8), 40):
        assert image.dtype == np.uint8
        # A wrapped value would turn black into white or the other way round.
        assert abs(int(image.mean()) - level) < 160


def test_compression_takes_a_quarter_of_the_pairs_at_one_quality_of_60_to_98(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[int, int]] = []

    def remember(image: Image, quality: int) -> Image:
        asked.append((int(image[0, 0, 0]), quality))
        return image

    monkeypatch.setattr(data, "compress", remember)
    weathered, clean = np.full((2, 8, 8, 3), [[[[9]]], [[[4]]]], np.uint8)
    for seed in range(800):
        compress_alike(weathered, clean, np.random.default_rng(seed))

    first, second = asked[::2], asked[1::2]
    assert len(first) == pytest.approx(200, abs=40)
    assert {which for which, _ in first} == {9}
    assert {which for which, _ in second} == {4}
    qualities = [quality for _, quality in first]
    assert qualities == [quality for _, quality in second]
    assert min(qualities) >= 60
    assert max(qualities) <= 98
    assert np.quantile(qualities, 0.1) < 68
    assert np.quantile(qualities, 0.9) > 90


def test_a_dry_pair_is_equal_after_compression_too() -> None:
    clean, changed = picture(1, 32, 32), 0
    for seed in range(40):
        first, second = compress_alike(clean, clean, np.random.default_rng(seed))
        np.testing.assert_array_equal(first, second)
        changed += not np.array_equal(first, clean)

    assert changed > 3


def test_lower_quality_loses_more() -> None:
    image = cv2.GaussianBlur(picture(2, 48, 48), (0, 0), 1.5)

    losses = [peak_signal_noise_ratio(image, compress(image, q)) for q in (98, 80, 60, 10)]

    assert losses == sorted(losses, reverse=True)
    assert losses[0] > 35
    assert losses[-1] < 30


@pytest.mark.parametrize(("height", "width"), [(5, 7), (32, 9), (33, 200), (32, 32)])
def test_crops_have_their_size_whatever_the_image(height: int, width: int) -> None:
    rng = np.random.default_rng(1)

    for _ in range(20):
        crop = random_crop(picture(0, height, width), 32, rng)
        assert crop.shape == (32, 32, 3)
        assert crop.dtype == np.uint8
        assert crop.flags.c_contiguous


def test_tensors_are_rgb_planes_and_come_back_as_the_same_image() -> None:
    image = picture(3, 6, 9)

    tensor = to_tensor(image)

    assert tensor.shape == (3, 6, 9)
    np.testing.assert_allclose(tensor[0].numpy() * 255, image[..., 2], atol=1e-4)
    np.testing.assert_array_equal(to_image(tensor), image)


def test_restored_values_outside_the_unit_range_are_clipped() -> None:
    assert to_image(torch.tensor([-0.5, 0.4, 1.5]).view(3, 1, 1)).tolist() == [[[255, 102, 0]]]


def test_a_missing_folder_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="none"):
        RenderedWeather(tmp_path / "none", crop=32, length=1, seed=0)


def test_a_folder_without_images_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")

    with pytest.raises(FileNotFoundError, match="no images"):
        image_paths(tmp_path)


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"not a picture")

    with pytest.raises(ValueError, match=r"broken\.png"):
        read_image(tmp_path / "broken.png")


def test_rain_is_seen_from_faint_to_opaque(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[float] = []

    class Seen:
        size = (8, 8)

        def render(self, image: Image, time: float = 0.0, strength: float = 1.0) -> Image:
            drawn.append(strength)
            return image

    monkeypatch.setattr("spikerain_training.data.sample_weather", lambda *drawn_of: Seen())
    mix, rng = WeatherMix(dry=0.0), np.random.default_rng(0)
    for _ in range(400):
        mix.add(np.zeros((8, 8, 3), np.uint8), rng)

    assert min(drawn) < 0.5
    assert max(drawn) > 3
    assert 1.1 < float(np.median(drawn)) < 1.5
