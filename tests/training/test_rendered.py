from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.images.reading import image_paths, read_image
from spikerain_training import rendered
from spikerain_training.rendered import RenderedWeather, WeatherMix, random_crop

# Mean brightness of the first samples of `folder` below, in order.
GOLDEN = [
    0.5327,
    0.6553,
    0.3846,
    0.479,
    0.5943,
    0.5595,
    0.7289,
    0.381,
    0.4985,
    0.6759,
    0.4698,
    0.4529,
]


def picture(seed: int, height: int, width: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed, (height, width) in enumerate([(48, 64), (20, 90), (31, 31)]):
        cv2.imwrite(str(tmp_path / f"{seed}.png"), picture(seed, height, width))
    return tmp_path


def test_a_sample_depends_on_seed_and_index_only(folder: Path) -> None:
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
def test_samples_are_square_crops_with_values_from_0_to_1(folder: Path, crop: int) -> None:
    samples = RenderedWeather(folder, crop, length=12, seed=0)

    assert len(samples) == 12
    for index in range(len(samples)):
        for tensor in samples[index]:
            assert tensor.shape == (3, crop, crop)
            assert tensor.dtype is torch.float32
            assert tensor.min() >= 0
            assert tensor.max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize("weather", [{"rain": 1.0}, {"rain": 0.4, "fog": 0.3, "snow": 0.3}])
@pytest.mark.parametrize(("dry", "fewest", "most"), [(0.0, 0, 16), (0.25, 34, 66), (0.6, 100, 140)])
def test_the_dry_share_of_the_samples_gets_no_weather(
    folder: Path, weather: dict[str, float], dry: float, fewest: int, most: int
) -> None:
    samples = RenderedWeather(folder, 24, length=200, seed=0, weather=weather, dry=dry)

    equal = [torch.equal(*samples[index]) for index in range(len(samples))]

    # In light rain a crop this small may contain no drop.
    assert fewest <= sum(equal) <= most


def test_by_default_a_quarter_is_dry_and_the_rest_rain(folder: Path) -> None:
    plain = RenderedWeather(folder, crop=24, length=30, seed=3)
    told = RenderedWeather(folder, 24, 30, 3, weather={"snow": 0, "rain": 7}, dry=0.25)

    for index in range(30):
        assert torch.equal(plain[index][0], told[index][0])
        assert torch.equal(plain[index][1], told[index][1])


def test_samples_of_a_seed_do_not_change_between_versions(folder: Path) -> None:
    samples = RenderedWeather(folder, crop=48, length=12, seed=5)

    means = [samples[index][0].mean().item() for index in range(12)]

    # OpenCV versions may round differently; another random draw differs by far more.
    assert means == pytest.approx(GOLDEN, abs=2e-3)


def test_the_order_of_the_weather_weights_does_not_matter(folder: Path) -> None:
    weights = {"fog": 0.2, "rain": 0.5, "snow": 0.3}
    backwards = dict(reversed(weights.items()))
    samples, again = (RenderedWeather(folder, 24, 20, 1, each) for each in (weights, backwards))

    for index in range(20):
        assert torch.equal(samples[index][0], again[index][0])


def test_the_clean_image_does_not_depend_on_the_weather(folder: Path) -> None:
    rain, fog = (
        RenderedWeather(folder, 24, 20, 1, {kind: 1.0}, dry=0.0) for kind in ("rain", "fog")
    )
    both = [(rain[index], fog[index]) for index in range(20)]

    # Compression is drawn after the weather, so only uncompressed samples are equal.
    equal = [torch.equal(rainy[1], foggy[1]) for rainy, foggy in both]
    assert sum(equal) >= 8
    assert not any(torch.equal(rainy[0], foggy[0]) for rainy, foggy in both)


@pytest.mark.slow
def test_kinds_of_weather_are_drawn_by_their_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    sample = rendered.sample_weather

    def remember(kind: str, size: tuple[int, int], rng: np.random.Generator) -> object:
        drawn.append(kind)
        return sample(kind, size, rng)

    monkeypatch.setattr(rendered, "sample_weather", remember)
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
def test_invalid_weather_weights_are_refused(folder: Path, weights: dict[str, float]) -> None:
    with pytest.raises(InputError, match="weather"):
        RenderedWeather(folder, 24, 1, 0, weather=weights)


@pytest.mark.parametrize("dry", [-0.1, 1.0, 25.0, float("nan")])
def test_an_invalid_dry_share_is_refused(folder: Path, dry: float) -> None:
    with pytest.raises(InputError, match="dry"):
        RenderedWeather(folder, 24, 1, 0, dry=dry)


@pytest.mark.parametrize(("height", "width"), [(5, 7), (32, 9), (33, 200), (32, 32)])
def test_crops_of_images_of_any_size_have_the_requested_size(height: int, width: int) -> None:
    rng = np.random.default_rng(1)

    for _ in range(20):
        crop = random_crop(picture(0, height, width), 32, rng)
        assert crop.shape == (32, 32, 3)
        assert crop.dtype == np.uint8
        assert crop.flags.c_contiguous


def test_crops_show_an_image_at_many_scales() -> None:
    rng = np.random.default_rng(1)
    # On a ramp of 4 levels per pixel, a crop scaled down k times rises 4 k levels per pixel.
    ramp = np.tile(np.arange(600, dtype=np.float32) * 4 % 256, (600, 1))
    image = np.repeat(ramp[..., None], 3, axis=2).astype(np.uint8)

    slopes = [
        np.median(np.abs(np.diff(random_crop(image, 32, rng)[..., 0].astype(int), axis=axis)))
        for axis in (0, 1)
        for _ in range(200)
    ]

    shrunk = np.array([slope for slope in slopes if slope > 0]) / 4
    assert shrunk.min() == pytest.approx(1, abs=0.3)
    assert 5.5 < shrunk.max() < 7
    # The logarithm of the scale is uniform, so the median is the square root of the maximum.
    assert np.median(shrunk) == pytest.approx(2.6, abs=0.5)


def test_crops_prefer_textured_places() -> None:
    rng = np.random.default_rng(2)
    image = np.full((600, 600, 3), 128, np.uint8)
    image[:, 540:] = rng.integers(0, 256, (600, 60, 3))

    textured = [random_crop(image, 32, rng).std() > 5 for _ in range(600)]

    # At a single random place, 10 of 100 crops contain a part of the strip.
    assert 0.14 < np.mean(textured) < 0.24


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none"):
        RenderedWeather(tmp_path / "none", crop=32, length=1, seed=0)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")

    with pytest.raises(InputError, match="no images"):
        image_paths(tmp_path)


def test_a_file_that_is_not_an_image_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"not a picture")

    with pytest.raises(InputError, match=r"broken\.png"):
        read_image(tmp_path / "broken.png")


def test_rendered_rain_ranges_from_faint_to_opaque(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[float] = []

    class Seen:
        size = (8, 8)

        def render(self, image: Image, time: float = 0.0, strength: float = 1.0) -> Image:
            drawn.append(strength)
            return image

    monkeypatch.setattr("spikerain_training.rendered.sample_weather", lambda *drawn_of: Seen())
    mix, rng = WeatherMix(dry=0.0), np.random.default_rng(0)
    for _ in range(400):
        mix.add(np.zeros((8, 8, 3), np.uint8), rng)

    assert min(drawn) < 0.5
    assert max(drawn) > 3
    assert 1.1 < float(np.median(drawn)) < 1.5
