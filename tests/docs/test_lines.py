"""Documents are wrapped at 100 columns."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from documents import ROOT

COLUMNS = 100
PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_lines_stay_within_100_columns_but_for_tables_and_links(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    long = [
        number
        for number, line in enumerate(lines, 1)
        if not line.startswith("|") and len(without_links(line)) > COLUMNS
    ]
    assert long == []


def test_the_readme_has_at_most_120_lines() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def without_links(line: str) -> str:
    """A line as it is read: targets of links and bare URLs take no room."""
    return re.sub(r"https?://\S+", "", re.sub(r"\]\([^)]*\)", "]", line))
