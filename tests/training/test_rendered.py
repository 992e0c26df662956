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
from spikerain_training.tensors import to_image, to_tensor

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
def test_unusable_weights_of_weather_are_refused(folder: Path, weights: dict[str, float]) -> None:
    with pytest.raises(InputError, match="weather"):
        RenderedWeather(folder, 24, 1, 0, weather=weights)


@pytest.mark.parametrize("dry", [-0.1, 1.0, 25.0, float("nan")])
def test_a_dry_share_that_is_none_is_refused(folder: Path, dry: float) -> None:
    with pytest.raises(InputError, match="dry"):
        RenderedWeather(folder, 24, 1, 0, dry=dry)


@pytest.mark.parametrize(("height", "width"), [(5, 7), (32, 9), (33, 200), (32, 32)])
def test_crops_have_their_size_whatever_the_image(height: int, width: int) -> None:
    rng = np.random.default_rng(1)

    for _ in range(20):
        crop = random_crop(picture(0, height, width), 32, rng)
        assert crop.shape == (32, 32, 3)
        assert crop.dtype == np.uint8
        assert crop.flags.c_contiguous


def test_crops_show_an_image_at_many_scales_down_to_a_small_one() -> None:
    rng = np.random.default_rng(1)
    # Along a ramp of 4 levels per pixel a crop that is shrunk k times rises 4 k levels per pixel.
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
    # As many between 1 and 2.6 as beyond: scales are drawn by their logarithm.
    assert np.median(shrunk) == pytest.approx(2.6, abs=0.5)


def test_crops_prefer_what_has_texture() -> None:
    rng = np.random.default_rng(2)
    image = np.full((600, 600, 3), 128, np.uint8)
    image[:, 540:] = rng.integers(0, 256, (600, 60, 3))

    textured = [random_crop(image, 32, rng).std() > 5 for _ in range(600)]

    # Of crops at one random place, 10 in 100 show some of the strip.
    assert 0.14 < np.mean(textured) < 0.24


def test_tensors_are_rgb_planes_and_come_back_as_the_same_image() -> None:
    image = picture(3, 6, 9)

    tensor = to_tensor(image)

    assert tensor.shape == (3, 6, 9)
    np.testing.assert_allclose(tensor[0].numpy() * 255, image[..., 2], atol=1e-4)
    np.testing.assert_array_equal(to_image(tensor), image)


def test_restored_values_outside_the_unit_range_are_clipped() -> None:
    assert to_image(torch.tensor([-0.5, 0.4, 1.5]).view(3, 1, 1)).tolist() == [[[255, 102, 0]]]


def test_a_missing_folder_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none"):
        RenderedWeather(tmp_path / "none", crop=32, length=1, seed=0)


def test_a_folder_without_images_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")

    with pytest.raises(InputError, match="no images"):
        image_paths(tmp_path)


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"not a picture")

    with pytest.raises(InputError, match=r"broken\.png"):
        read_image(tmp_path / "broken.png")


def test_rain_is_seen_from_faint_to_opaque(monkeypatch: pytest.MonkeyPatch) -> None:
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
