"""Timings of one build are kept for the next."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tensorrt_graphs import settings, small_graph

from spikerain_edge.inference.tensorrt_library import Library
from spikerain_export.tensorrt import build_engine
from spikerain_export.tensorrt.timing import load_timings, save_timings


class Config:
    """Stands in for the builder configuration of TensorRT itself, which is not installed here."""

    def __init__(self, refused: bytes | None = None) -> None:
        self.given: bytes | None = None
        self._refused = refused

    def create_timing_cache(self, serialized_timing_cache: bytes) -> bytes:
        return serialized_timing_cache

    def set_timing_cache(self, cache: bytes, ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch
        if cache == self._refused:
            return False
        self.given = cache
        return True

    def get_timing_cache(self) -> Any:
        return SimpleNamespace(serialize=lambda: b"times")


def test_timings_of_one_build_are_used_by_the_next(tmp_path: Path) -> None:
    kept = tmp_path / "kept" / "x.timings"
    first, second, refusing = Config(), Config(), Config(refused=b"times")
    load_timings(first, kept)
    assert first.given == b"", "the first build has no timings"
    save_timings(first, kept)
    load_timings(second, kept)
    assert second.given == b"times"
    load_timings(refusing, kept)
    assert refusing.given == b"", "timings of another GPU are not used"


@pytest.mark.parametrize("damage", [b"", b"short", b"0" * 100])
def test_damaged_timings_are_ignored(tmp_path: Path, damage: bytes) -> None:
    kept, config = tmp_path / "x.timings", Config()
    kept.write_bytes(damage)
    load_timings(config, kept)
    assert config.given == b""


def test_timings_that_cannot_be_written_do_not_fail_the_build(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    save_timings(Config(), tmp_path / "file" / "x.timings")
    assert (tmp_path / "file").read_bytes() == b""


@pytest.mark.slow
def test_tensorrt_for_rtx_writes_no_timings(library: Library, tmp_path: Path) -> None:
    content, spec = small_graph("fp32")
    build_engine(content, spec, settings(timings=tmp_path / "x.timings"), library=library)
    assert not list(tmp_path.iterdir())
