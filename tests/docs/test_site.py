"""The site of the documents builds without a warning, and needs no network."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from documents import ROOT

from spikerain_edge.inference import Derainer
from spikerain_edge.profiling.boards import outlook
from spikerain_edge.profiling.operations import count_operations
from spikerain_edge.spec import ModelSpec

LOADED = re.compile(
    r"<(?:script|img|iframe|source)[^>]*\ssrc=\"?(https?:|//)|<link[^>]*rel=\"?"
    r"(?:stylesheet|preload|preconnect|icon)[^>]*href=\"?(https?:|//)"
)
SIZES = ((480, 640), (720, 1280), (1080, 1920))


@pytest.mark.slow
def test_the_site_builds_and_loads_nothing_from_the_network(tmp_path: Path) -> None:
    site = tmp_path / "site"
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", site],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert built.returncode == 0, built.stderr
    assert "WARNING" not in built.stderr
    pages = list(site.rglob("*.html"))
    assert [page.name for page in pages if LOADED.search(page.read_text(encoding="utf-8"))] == []
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    titles = " ".join(entry["title"] for entry in index["docs"])
    for wanted in ("is not a known board", "Derainer", "Bounds of each board", "nano"):
        assert wanted in titles


def test_the_bounds_of_the_boards_are_those_that_the_program_prints() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| (\d.*) \|$", read("jetson.md"), re.MULTILINE)
    written = {board: cells.split(" | ") for board, cells in rows}
    boards = json.loads((ROOT / "spikerain_edge" / "profiling" / "boards.json").read_text())
    specs = [Derainer.load(model).spec for model in ("nano", "tiny")]
    assert written == {board: bounds(board, specs) for board in boards}


def bounds(board: str, specs: Sequence[ModelSpec]) -> list[str]:
    cells = []
    for spec in specs:
        for size in SIZES:
            bound = outlook(board, [(size, count_operations(spec, *size))])
            cells.append(" / ".join(f"{row.fps:.0f}" for row in bound.rows))
    return cells


def read(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")
