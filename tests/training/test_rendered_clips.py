from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from spikerain_training.batches import Batch, collate
from spikerain_training.datasets import training_samples
from spikerain_training.rendered_clips import RenderedClips
from spikerain_training.seeded_clips import CAMERAS, seeded_clip
from spikerain_training.seeded_rain import severities


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name, (height, width) in enumerate([(120, 160), (40, 90)]):
        noise = rng.integers(0, 256, (height, width, 3), np.uint8)
        cv2.imwrite(str(tmp_path / f"{name}.png"), cv2.GaussianBlur(noise, (0, 0), 1.5))
    return tmp_path


def test_a_clip_depends_on_seed_and_index_only(folder: Path) -> None:
    clips = RenderedClips(folder, 32, 10, 5, video=0.3)
    again = RenderedClips(folder, 32, 500, 5, video=0.3)
    other = RenderedClips(folder, 32, 10, 6, video=0.3)

    in_order = [clips[index] for index in range(8)]
    backwards = [again[index] for index in reversed(range(8))][::-1]

    for one, same in zip(in_order, backwards, strict=True):
        assert all(map(torch.equal, one, same))
    assert not torch.equal(in_order[0][1], other[0][1])
    assert not torch.equal(in_order[0][1], in_order[1][1])


def test_clips_are_static_or_move_and_rain_falls_through_them(folder: Path) -> None:
    clips = RenderedClips(folder, 32, 60, 1, dry=0.0)
    moving = raining = still = 0
    for index in range(len(clips)):
        rainy, clean, before = clips[index]
        assert rainy.shape == clean.shape == before.shape == (2, 3, 32, 32)
        assert 0 <= rainy.min() <= rainy.max() <= 1
        moving += not torch.equal(clean[0], clean[1])
        raining += not torch.equal(rainy[0] - clean[0], rainy[1] - clean[1])
        still += torch.equal(rainy[0], rainy[1]) and not torch.equal(rainy[0], clean[0])

    assert 25 <= moving <= 55
    assert raining >= 45
    assert 1 <= still <= 10


def test_dry_clips_have_no_rain(folder: Path) -> None:
    clips = RenderedClips(folder, 32, 40, 1, dry=0.5)

    dry = sum(torch.equal(*clips[index][:2]) for index in range(40))

    assert 12 <= dry <= 28


def test_all_frames_of_a_compressed_clip_are_compressed(folder: Path) -> None:
    compressed, plain = (
        RenderedClips(folder, 32, 10, 1, dry=0.99, video=share) for share in (1.0, 0.0)
    )
    for index in range(10):
        rainy, clean, _ = compressed[index]
        assert torch.equal(rainy, clean)
    changed = [not torch.equal(compressed[index][1], plain[index][1]) for index in range(10)]
    assert all(changed)


def test_two_frames_of_every_clip_are_restored(folder: Path) -> None:
    clips = RenderedClips(folder, 32, 4, 1)
    pairs = [clips[0], clips[1]]

    batch = collate([*pairs])

    assert isinstance(batch, Batch)
    for clip, images in enumerate(pairs):
        restored = slice(2 * clip, 2 * clip + 2)
        assert all(
            torch.equal(each[restored], image)
            for each, image in zip(batch, images, strict=True)
            if each is not None
        )
    assert batch.previous is not None


def test_the_frames_before_are_aligned_with_those_of_a_camera_that_moves(folder: Path) -> None:
    clips = RenderedClips(folder, 32, 60, 1, dry=0.99)
    better = worse = 0
    for index in range(len(clips)):
        _, clean, before = clips[index]
        inner = (..., slice(4, -4), slice(4, -4))
        aligned = float((before[1] - clean[1])[inner].abs().mean())
        apart = float((clean[0] - clean[1])[inner].abs().mean())
        better += aligned < 0.7 * apart
        worse += aligned > 1.1 * apart + 0.004
    assert better >= 20
    assert worse <= 2


def test_pairs_become_clips_that_stand_still(pairs: Path) -> None:
    images = training_samples({pairs: 1.0}, 32, 4, 0)
    clips = training_samples({pairs: 1.0}, 32, 4, 0, frames=2)

    rainy, clean = images[1]
    for image, clip in zip((rainy, clean, rainy), clips[1], strict=True):
        assert clip.shape == (2, 3, 32, 32)
        assert all(torch.equal(frame, image) for frame in clip)


@pytest.mark.parametrize("camera", CAMERAS)
def test_a_seeded_clip_has_the_density_of_its_severity(camera: str) -> None:
    rng = np.random.default_rng(0)
    noise = cv2.GaussianBlur(rng.integers(0, 256, (150, 240, 3), np.uint8), (0, 0), 2)
    photograph = (noise // 2).astype(np.uint8)

    clip = seeded_clip(photograph, camera, severities()["medium"], 3, 5)
    again = seeded_clip(photograph, camera, severities()["medium"], 3, 5)

    np.testing.assert_array_equal(clip.rainy, again.rainy)
    np.testing.assert_array_equal(clip.clean, again.clean)
    errors = [cv2.PSNR(*pair) for pair in zip(clip.rainy, clip.clean, strict=True)]
    assert np.ptp(errors) < 4
    assert 20 < np.mean(errors) < 28
    moves = not np.array_equal(clip.clean[0], clip.clean[1])
    assert moves == (camera != "static")
