"""Tests for means over seeded clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spikerain_training.evaluation.clip_scores import ClipScore
from spikerain_training.evaluation.clip_summary import ClipSummary, summarise_clips
from spikerain_training.evaluation.clips import ClipScene, SeededScore

DENSITIES = ("light", "medium", "heavy")


def summary_of(photographs: int) -> ClipSummary:
    """Summarises gains that depend on the photograph alone, over all densities."""
    gains = np.random.default_rng(0).normal(1, 0.5, photographs)
    scores = [
        SeededScore(
            ClipScene("static", density, Path(f"{photograph}.png"), photograph),
            method,
            ClipScore(20 + gain, 0.9, 20 + gain, 0.9, 2.0 - gain / 4),
        )
        for photograph, real in enumerate(gains)
        for density in DENSITIES
        for method, gain in (("rainy", 0.0), ("nano", 0.0), ("video", real))
    ]
    (found,) = (
        summary
        for summary in summarise_clips(scores)
        if (summary.condition, summary.method) == ("static, all", "video")
    )
    assert found.gain["psnr_y"].mean == pytest.approx(gains.mean())
    return found


def test_clips_of_one_photograph_do_not_narrow_the_interval() -> None:
    found = summary_of(12)
    assert (found.clips, found.photographs) == (36, 12)
    gains = np.random.default_rng(0).normal(1, 0.5, 12)
    gain = found.gain["psnr_y"]
    half = 1.96 * gains.std() / np.sqrt(12)
    assert gain.high - gain.low == pytest.approx(2 * half, rel=0.1)


@pytest.mark.slow
def test_the_ratio_of_flicker_resamples_photographs_too() -> None:
    one, many = (summary_of(count).flicker_ratio for count in (12, 108))
    assert one is not None
    assert many is not None
    assert one.low < one.mean < one.high
    assert (one.high - one.low) / (many.high - many.low) == pytest.approx(3, rel=0.35)


def test_both_counts_are_in_the_json() -> None:
    plain = summary_of(3).to_dict()
    assert (plain["clips"], plain["photographs"]) == (9, 3)
