"""A run of a thousand frames with reconnects and segments does not grow."""

from __future__ import annotations

from pathlib import Path

import pytest

from soak import MOST_BYTES, growth, soak


@pytest.mark.slow
def test_nothing_grows_in_a_run_with_reconnects_and_segments(tmp_path: Path) -> None:
    frames = 1000
    samples, summary = soak(frames, each=150, side=32, folder=tmp_path, every=0.1)
    assert summary["error"] is None
    assert summary["frames"] + summary["dropped"] >= frames
    assert len(summary["outages"]) >= 6
    # The first fifth warms up, and a short run shows only what grows fast: `soak.py` itself is
    # asked for less in twenty times as many frames.
    assert growth(samples, lambda each: each.memory) < 2 * MOST_BYTES
    # A leak of each reconnect would show as six.
    assert growth(samples, lambda each: each.files) < 4
    assert growth(samples, lambda each: each.threads) < 4
    assert growth(samples, lambda each: each.children) < 1
