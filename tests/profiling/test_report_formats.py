"""Tables, spreadsheet and page show what a report holds."""

from __future__ import annotations

import copy
import csv
import io
import re

import pytest
from report_parts import Document, parsed, shown

from spikerain_edge.profiling.html import render
from spikerain_edge.profiling.spreadsheet import rows_as_csv


def test_no_number_is_cut_off_on_80_columns(report: Document) -> None:
    large = copy.deepcopy(report)
    for row in large["rows"]:
        row["imgsz"], row["peak_memory_mb"] = [1080, 1920], 12345.0
        row["latency_ms"] |= {"p50": 12345.6, "p95": 23456.7}
    lines = shown(large, 80, table1=True, per_layer=True)
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert "…" not in text
    assert len(re.findall("^ 1920x1080 +12346 +23457 .* 12345 *$", text, re.MULTILINE)) == 3


@pytest.mark.slow
def test_the_tables_fit_100_columns(report: Document, cramped: Document) -> None:
    lines = shown(report, table1=True, per_layer=True)
    assert max(len(line) for line in lines) <= 100
    text = "\n".join(lines)
    for expected in ("50x33", "GSOPs", "as ANN", "encoder1.0.merge", "limited by", "Table 1"):
        assert expected in text
    plain = "\n".join(shown(cramped))
    assert "4096x2048: " in plain
    assert "has no probe graph" in plain
    assert "encoder1.0.merge" not in plain


@pytest.mark.slow
def test_the_spreadsheet_has_a_line_per_size(report: Document, cramped: Document) -> None:
    rows = list(csv.DictReader(io.StringIO(rows_as_csv(parsed(report)))))
    assert [row["imgsz.width"] for row in rows] == ["64", "32", "50"]
    assert float(rows[0]["energy_mj.cmos45"]) == report["rows"][0]["energy_mj"]["cmos45"]
    empty, full = csv.DictReader(io.StringIO(rows_as_csv(parsed(cramped))))
    assert empty["latency_ms.p50"] == ""
    whole = csv.DictReader(io.StringIO(rows_as_csv(parsed(report)))).fieldnames or []
    assert set(empty) <= set(whole), "a size that failed adds columns of its own"
    assert float(full["latency_ms.p50"]) > 0


@pytest.mark.slow
def test_every_report_can_be_shown_as_a_page(report: Document, cramped: Document) -> None:
    for each in (report, cramped):
        assert render(parsed(each)).startswith("<!DOCTYPE html>")
