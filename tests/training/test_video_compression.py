from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_training import rendered
from spikerain_training.recipe import Recipe
from spikerain_training.recipe_settings import overridden
from spikerain_training.rendered import RenderedWeather, WeatherMix
from spikerain_training.video_compression import compress_as_video, sample_crf


def scenery(height: int = 96, width: int = 128) -> Image:
    # Grey, because 4:2:0 alone loses much of a fine colour.
    coarse = np.random.default_rng(1).integers(0, 256, (height // 4, width // 4, 1), np.uint8)
    coarse = coarse.repeat(3, axis=2)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def test_a_larger_rate_factor_loses_more() -> None:
    losses = [
        peak_signal_noise_ratio(scenery(), compress_as_video([scenery()], crf))
        for crf in (15, 25, 38)
    ]

    assert losses == sorted(losses, reverse=True)
    assert losses[0] - losses[-1] > 3


def test_the_last_frame_is_returned() -> None:
    dark, light = np.full((32, 48, 3), 40, np.uint8), np.full((32, 48, 3), 200, np.uint8)

    assert compress_as_video([dark, dark, light], 25).mean() == pytest.approx(200, abs=3)


@pytest.mark.parametrize(("height", "width"), [(33, 48), (32, 47), (35, 35)])
def test_frames_of_odd_size_keep_their_size(height: int, width: int) -> None:
    decoded = compress_as_video([scenery()[:height, :width]] * 2, 20)

    assert decoded.shape == (height, width, 3)
    assert decoded.dtype == np.uint8
    assert peak_signal_noise_ratio(scenery()[:height, :width], decoded) > 20


def test_rate_factors_range_from_20_to_38() -> None:
    drawn = [sample_crf(np.random.default_rng(seed)) for seed in range(400)]

    assert (min(drawn), max(drawn)) == (20, 38)


@pytest.mark.slow
def test_the_video_share_of_the_samples_is_compressed_as_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), scenery())
    clips: list[tuple[list[Image], int]] = []

    def remember(frames: list[Image], crf: int) -> Image:
        clips.append((frames, crf))
        return frames[-1]

    monkeypatch.setattr(rendered, "compress_as_video", remember)
    samples = RenderedWeather(tmp_path, 32, 200, 0, {"rain": 1.0}, dry=0.0, video=0.3)
    for index in range(200):
        samples[index]

    assert len(clips) == pytest.approx(2 * 60, abs=2 * 20)
    # Both pictures of a pair have the same quality.
    assert [crf for _, crf in clips[::2]] == [crf for _, crf in clips[1::2]]
    for frames, _ in clips[1::2]:
        assert all((frame == frames[0]).all() for frame in frames)


def test_samples_with_video_depend_on_seed_and_index_only(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), scenery())
    first, again = (RenderedWeather(tmp_path, 32, 9, 4, video=1.0) for _ in range(2))

    for index in range(4):
        assert torch.equal(first[index][0], again[index][0])
        assert torch.equal(first[index][1], again[index][1])


def test_a_clip_ends_with_the_picture_that_add_returns() -> None:
    mix = WeatherMix({"rain": 0.5, "curtain": 0.5}, dry=0.0)
    for seed in range(6):
        clip = mix.clip(scenery(), np.random.default_rng(seed), 3)

        np.testing.assert_array_equal(clip[-1], mix.add(scenery(), np.random.default_rng(seed)))
        assert not np.array_equal(clip[0], clip[-1])


@pytest.mark.parametrize("share", ["-0.1", "1.5"])
def test_a_video_share_outside_0_to_1_is_refused(share: str) -> None:
    with pytest.raises(InputError, match="video is"):
        overridden(Recipe(), [f"video={share}"])
