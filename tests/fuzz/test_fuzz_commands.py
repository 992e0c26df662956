"""Damaged files through the installed command, where a crash would be seen as one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from damage import FOREIGN, damaged
from harness import child, examples, pictures
from hypothesis import given
from hypothesis import strategies as st

from spikerain_edge.models import find_model

pytestmark = pytest.mark.slow

GIANT = (1 << 30).to_bytes(4, "big")
# A few bytes that announce 30000x30000 pixels.
GIANT_GIF = (
    b"GIF89a\x30\x75\x30\x75\xf0\0\0" + bytes(6) + b",\0\0\0\0\x30\x75\x30\x75\0\2\2\x44\1\0;"
)


def test_a_folder_of_damaged_pictures_is_derained_as_far_as_it_goes(tmp_path: Path) -> None:
    suffixes, number = (".jpg", ".png", ".webp", ".tif"), count()
    kinds = [damaged(pictures(suffix)) for suffix in suffixes]

    @examples(1)
    @given(st.lists(st.tuples(*kinds), min_size=4, max_size=4))
    def fuzz(rows: list[tuple[bytes, ...]]) -> None:
        folder = tmp_path / str(next(number))
        folder.mkdir()
        for row, contents in enumerate(rows):
            for suffix, content in zip(suffixes, contents, strict=True):
                (folder / f"{row}_{suffix[1:]}{suffix}").write_bytes(content)
        out = folder / "out"
        done = child("run", "--camera", folder, "--output", f"{out}/", "--threads", "1")
        written = len(list(out.glob("*.png"))) if out.exists() else 0
        assert done.returncode or written >= len(suffixes) * len(rows)

    fuzz()


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_a_damaged_video_is_derained_or_refused(
    tmp_path: Path, video: Callable[[str], bytes], suffix: str
) -> None:
    path, out = tmp_path / f"x{suffix}", tmp_path / "out"

    @examples(2)
    @given(damaged([video(suffix)]))
    def fuzz(content: bytes) -> None:
        path.write_bytes(content)
        shutil.rmtree(out, ignore_errors=True)
        done = child("run", "--camera", path, "--output", f"{out}/", "--threads", "1")
        assert done.returncode or list(out.iterdir())

    fuzz()


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    whole, path = find_model("nano").graph.read(), tmp_path / "x.onnx"

    @examples(2)
    @given(damaged([whole]))
    def fuzz(content: bytes) -> None:
        path.write_bytes(content)
        done = child("run", "--camera", "demo", "--max-frames", "1", "--model", path)
        assert (done.returncode == 4) == (content != whole)

    fuzz()


@pytest.mark.parametrize("suffix", [".mp4", ".onnx", ".engine"])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(FOREIGN[9] if suffix == ".mp4" else FOREIGN[1])
    source = ("run", "--camera") if suffix == ".mp4" else ("info",)
    assert child(*source, path).returncode in {2, 4}


def test_a_few_bytes_that_announce_a_giant_take_no_memory(tmp_path: Path) -> None:
    png = pictures(".png")[0]
    chunk = png.index(b"IDAT") - 4
    (tmp_path / "chunk.png").write_bytes(png[:chunk] + GIANT + png[chunk + 4 :])
    (tmp_path / "giant.gif").write_bytes(GIANT_GIF)
    for path in list(tmp_path.iterdir()):
        done = child("run", "--camera", path, "--threads", "1")
        assert done.returncode == 2
        assert "memory" not in done.stderr
