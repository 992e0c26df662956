"""Figures as text, and the contrast of colours."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from spikerain_edge.profiling.html.text import GAP, TIMES, percent, quantity, rounded, size, tick


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0634, "63.4 ms"),
        (0.99996, "1.00 s"),
        (0.9994, "999 ms"),
        (1234.0, "1.23 ks"),
        (77e-15, "77.0 fs"),
        (0.0, "0 s"),
        (None, "—"),
    ],
)
def test_quantities_have_three_digits_and_a_prefix(value: float | None, shown: str) -> None:
    assert quantity(value, "s").replace(GAP, " ") == shown


def test_figures_are_rounded_without_losing_whole_digits() -> None:
    assert [rounded(v) for v in (1234.4, 9.996, 0.012345, 0.0)] == ["1234", "10.0", "0.0123", "0"]
    shares = [percent(v).replace(GAP, " ") for v in (0.0, 1e-5, 0.034, 0.9999)]
    assert shares == ["0 %", "< 0.1 %", "3.4 %", "99.9 %"]
    assert tick(0.2, "s") == f"200{GAP}ms"
    assert size([480, 640]).split() == ["640", TIMES, "480"]


def _schemes() -> list[dict[str, str]]:
    """The custom properties of the light and the dark scheme."""
    templates = files("spikerain_edge.profiling.html") / "templates"
    style = (templates / "report.css").read_text("utf-8")
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    return [dict(re.findall(r"--([\w-]+): (#\w{6})", block)) for block in blocks]


def _luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_has_enough_contrast_with_its_background(scheme: int) -> None:
    colours = _schemes()[scheme]
    pairs = [("ink", "page"), ("quiet", "page"), ("quiet", "panel"), ("warn", "page")]
    pairs += [("on-low", f"h{i}") for i in range(5)] + [("on-high", f"h{i}") for i in range(5, 8)]
    for text, behind in pairs:
        assert _contrast(colours[text], colours[behind]) >= 4.5, (text, behind)
    for shape in ("spiking", "analog", "measured"):
        assert _contrast(colours[shape], colours["page"]) >= 3.0, shape
