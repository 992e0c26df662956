"""Training of networks of two frames."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from networks import SMALL, randomised
from safetensors.torch import load_file

from spikerain_edge.errors import InputError
from spikerain_training.distillation import Teacher
from spikerain_training.fit import Data, fit
from spikerain_training.hardware import Hardware
from spikerain_training.logbook import StepReport
from spikerain_training.losses import flicker_loss
from spikerain_training.recipe import Recipe, require_valid
from spikerain_training.restore import restore, restore_clip

CPU = Hardware("cpu")
RECIPE = Recipe(
    "nano-video",
    {"width": 8, "growth": 8, "units": 1},
    steps=4,
    batch=2,
    crop=32,
    warmup=1,
    l1=1.0,
    flicker=1.0,
    seed=4,
    video=0.2,
)


@pytest.mark.slow
def test_a_resumed_run_equals_an_uninterrupted_one(photographs: Path, tmp_path: Path) -> None:
    data = Data({photographs: 1.0})

    fit(RECIPE, data, tmp_path / "whole", hardware=CPU)
    stop = iter([False, True])
    fit(RECIPE, data, tmp_path / "parts", hardware=CPU, interrupted=lambda: next(stop))
    fit(RECIPE, data, tmp_path / "parts", hardware=CPU, resume=True)

    whole, parts = (
        load_file(tmp_path / name / "weights.safetensors") for name in ("whole", "parts")
    )
    for name, value in whole.items():
        assert torch.equal(parts[name], value), name


@pytest.mark.slow
def test_clips_are_validated_and_saved_as_a_film(photographs: Path, tmp_path: Path) -> None:
    reports: list[StepReport] = []

    fit(
        replace(RECIPE, steps=1),
        Data({photographs: 1.0}, validation=photographs),
        tmp_path,
        hardware=CPU,
        progress=reports.append,
    )

    assert reports[0].measured
    assert reports[0].measured.rainy_psnr == pytest.approx(25, abs=2)
    with av.open(tmp_path / "samples" / "0000001.mp4") as film:
        frames = [frame.to_ndarray(format="bgr24") for frame in film.decode(video=0)]
    assert len(frames) == 6
    # Rainy, derained and clean frames side by side: the rain moves.
    third = frames[0].shape[1] // 3
    assert not np.array_equal(frames[0][:, :third], frames[1][:, :third])


@pytest.mark.slow
def test_a_video_network_trains_on_pairs_as_still_pictures(pairs: Path, tmp_path: Path) -> None:
    reports: list[StepReport] = []

    fit(
        replace(RECIPE, steps=1, stability=0.1),
        Data({pairs: 1.0}, validation=pairs),
        tmp_path,
        hardware=CPU,
        progress=reports.append,
    )

    assert reports[0].measured
    assert (tmp_path / "samples" / "0000001.png").is_file()


def test_flicker_is_the_change_of_the_error() -> None:
    clean = torch.rand(2, 3, 3, 8, 8)
    error = torch.zeros(2, 3, 3, 8, 8)
    error[0] = 0.5  # a constant error does not flicker
    error[1, 1] = 0.3  # appears and vanishes

    found = flicker_loss((clean + error).flatten(0, 1), clean.flatten(0, 1), 3)

    assert found.item() == pytest.approx(0.3 / 2, abs=1e-6)


def test_flicker_needs_a_network_of_two_frames() -> None:
    require_valid(Recipe("nano", {"frames": 2}, flicker=1.0))
    with pytest.raises(InputError, match=r"reads single images.*--set variant=nano-video"):
        require_valid(Recipe("nano", flicker=1.0))


def test_a_clip_is_restored_frame_by_frame_with_the_frame_before() -> None:
    network = randomised(replace(SMALL, timesteps=1, frames=2))
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (3, 24, 24, 3), np.uint8)
    frames = [cv2.GaussianBlur(frame, (0, 0), 1).astype(np.uint8) for frame in noise]

    first, second, _ = restore_clip(network, frames)

    np.testing.assert_array_equal(first, restore(network, frames[0]))
    assert not np.array_equal(second, restore(network, frames[1]))
    np.testing.assert_array_equal(second, restore_clip(network, frames[:2])[1])


def test_a_teacher_of_two_frames_sees_the_frame_before() -> None:
    network = randomised(replace(SMALL, timesteps=1, frames=2))
    images, previous = torch.rand(2, 2, 3, 16, 16)

    with torch.no_grad():
        expected = network(images, previous)
    assert torch.equal(Teacher(network)(images, previous), expected)
    assert Teacher(randomised(SMALL))(images, previous).shape == images.shape
