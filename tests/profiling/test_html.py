"""The page of a report is well-formed, self-contained, complete, and explains missing figures."""

from __future__ import annotations

import copy
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from spikerain_edge.profiling.document import Report
from spikerain_edge.profiling.html import render
from spikerain_edge.profiling.html.text import GAP, TIMES

HERE = Path(__file__).parent
VOID = {"meta", "wbr", "link", "br", "hr", "img", "input"}
SHAPES = {"path", "circle", "rect", "text", "title", "svg"}
NEURONS = ("encoder1.0.neurons.0", "encoder1.0.neurons.1", "down1.neuron", "merge1.neuron.skipped")


class Page(HTMLParser):
    """Parses a page, checks that elements are closed in order, and keeps parts for the tests."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.row_heads: list[str] = []
        self.in_row_head = False
        self.feed(markup)
        self.close()
        assert self.open == []

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def drawings(self) -> list[str]:
        """The text alternatives of the plots."""
        return [(svg["aria-label"] or "").replace(GAP, " ") for svg in self.tags("svg")]

    def tags(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.attributes if tag == name]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        self.in_row_head = (tag == "th" and dict(attrs).get("scope") == "row") or self.in_row_head
        if tag == "th" and self.in_row_head:
            self.row_heads.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in SHAPES
        self.attributes.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.in_row_head = self.in_row_head and tag != "th"

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)
        if self.in_row_head:
            self.row_heads[-1] += data


def drawn(document: dict[str, Any]) -> str:
    return render(msgspec.convert(document, Report))


@pytest.fixture
def report() -> dict[str, Any]:
    """A report in which nothing is missing."""
    document: dict[str, Any] = json.loads((HERE / "report.json").read_text())
    return document


def test_the_page_is_well_formed_and_has_one_heading_for_its_subject(
    report: dict[str, Any],
) -> None:
    page = Page(drawn(report))
    assert len(page.tags("h1")) == 1
    assert "nano on Jetson Orin Nano" in page.text
    assert "2026-03-14 09:26 UTC" in page.text
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.tags(
        "meta"
    )


def test_the_page_loads_nothing_and_runs_no_script(report: dict[str, Any]) -> None:
    markup = drawn(report)
    page = Page(markup)
    for _, attributes in page.attributes:
        assert not attributes.keys() & {"src", "href", "action", "srcset", "xlink:href"}
        assert not any(name.startswith("on") for name in attributes)
    assert not page.tags("script")
    assert "http:" not in markup
    assert "https:" not in markup
    assert "url(" not in markup
    assert "@import" not in markup


def test_all_text_is_escaped(report: dict[str, Any]) -> None:
    attack = "<img src=x onerror='alert(1)'>\"&"
    hostile = _with_text(report, attack)
    page = Page(drawn(hostile))
    assert not page.tags("img")
    assert attack in page.text
    assert "<img" not in drawn(hostile)


def _with_text(value: Any, text: str, key: str = "") -> Any:
    """The report with hostile text in every field that users or systems can set."""
    if isinstance(value, dict):
        return {name: _with_text(item, text, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_text(item, text, key) for item in value]
    free = isinstance(value, str) and key not in ("kind", "created", "limited_by")
    # Names of price lists also occur as keys, and a board has rows for two precisions.
    return text if free and value not in ("snn-derain", "cmos45", "fp32", "fp16", "int8") else value


def test_every_layer_is_in_the_heat_map_at_every_timestep(report: dict[str, Any]) -> None:
    markup = drawn(report)
    page = Page(markup)
    assert set(NEURONS) <= set(page.row_heads)
    _, _, heat = markup.partition('<div class="heat">')
    assert heat.count('class="heat-4">12.3<') == len(NEURONS)
    assert heat.count('class="heat-0">0<') == len(NEURONS)
    assert "t = 1" in page.text
    assert "t = 2" in page.text


def test_plots_name_their_sizes_their_values_and_the_fitted_law(report: dict[str, Any]) -> None:
    page = Page(drawn(report))
    drawings = page.drawings
    assert any("Time against image size. mean time: 102 ms, 478 ms" in d for d in drawings)
    assert any("estimated, snn-derain: 1.5 mJ" in d and "measured: 1.2 J" in d for d in drawings)
    assert "256²" in page.text
    assert f"640{TIMES}480" in page.text
    assert "∝ pixels 1.03 R² 0.9999" in page.text


def test_estimates_and_measurements_are_kept_apart(report: dict[str, Any]) -> None:
    text = Page(drawn(report)).text
    estimated, measured = text.index("Energy, estimated from"), text.index("Energy, measured what")
    assert "38.0" in text[estimated:measured]
    assert "VDD_IN" not in text[estimated:measured]
    assert "0.750" in text[measured:]  # 1.25 J at 10 W, of which 4 W are idle


def test_with_one_timestep_the_rival_is_called_the_same_network(report: dict[str, Any]) -> None:
    assert "as a quantised ANN" in Page(drawn(report)).text
    report["model"]["timesteps"] = 1
    page = Page(drawn(report))
    assert "as the same network with multiplications" in page.text
    heads = [head.strip() for head in page.row_heads]
    assert any(head.startswith("the same network with multiplications") for head in heads)
    assert "quantised ANN" not in page.text


def test_a_board_outlook_is_marked_as_a_bound(report: dict[str, Any]) -> None:
    assert "A bound, not a measurement" in Page(drawn(report)).text
    report["outlook"] = None
    assert "A bound" not in Page(drawn(report)).text


def test_the_page_says_what_the_prices_leave_out(report: dict[str, Any]) -> None:
    text = Page(drawn(report)).text
    assert text.count("Leaves out: memory traffic.") == 2
    assert "12.5 pJ" in text
    assert "77.0 fJ" in text


def test_without_power_the_page_says_why(report: dict[str, Any]) -> None:
    for one in report["rows"]:
        one["measured"] = dict.fromkeys(one["measured"]) | {"reason": "no sensor", "rails": []}
    text = Page(drawn(report)).text
    assert "Energy, measured not measured" in text
    assert "Not measured: no sensor" in text
    assert "None" not in text


def test_without_a_probe_the_page_says_why(report: dict[str, Any]) -> None:
    for one in report["rows"]:
        one.update(firing_rate=None, spikes_per_frame=None, gsops=None)
        one.update(neurons=[], whole_energy=[])
        one.update(spikes_reason="the model has no probe graph")
        one["energy_mj"].update({"snn-derain": None, "cmos45": None})
        one["energy_ratio"] = {"snn-derain": None, "cmos45": None}
        one["layers"][1].update(gsops=None, firing_rate=None)
        one["layers"][1]["energy_mj"] = {"snn-derain": None, "cmos45": None}
    report["scaling"]["energy"] = None
    text = Page(drawn(report)).text
    assert "Firing rates are not known: the model has no probe graph" in text
    assert text.count("Not known: the model has no probe graph") == 4
    assert "38.0" in text  # as if an ANN, which needs no spikes
    assert "None" not in text


def test_a_size_that_did_not_fit_is_named_and_the_others_are_drawn(report: dict[str, Any]) -> None:
    report["rows"].append(copy.deepcopy(report["rows"][1]))
    report["rows"][2].update(imgsz=[2160, 3840], padded=[2160, 3840], problem="killed at 7 GB")
    report["rows"][2].update(dict.fromkeys(("latency_ms", "stage_ms", "fps", "peak_memory_mb")))
    page = Page(drawn(report))
    assert f"3840 {TIMES} 2160 killed at 7 GB" in page.text
    assert f"A frame of 640 {TIMES} 480" in page.text
    assert any("mean time: 102 ms, 478 ms" in drawing for drawing in page.drawings)


def test_a_report_of_only_failures_still_gives_a_page(report: dict[str, Any]) -> None:
    for one in report["rows"]:
        one.update(dict.fromkeys(("latency_ms", "stage_ms", "fps", "peak_memory_mb")))
        one.update(dict.fromkeys(("gmacs", "bytes_moved_mb", "firing_rate", "gsops", "table1")))
        one.update(spikes_per_frame=None, layers=[], neurons=[], problem="unreadable")
        one["energy_mj"] = dict.fromkeys(one["energy_mj"])
        one["energy_ratio"] = dict.fromkeys(one["energy_ratio"])
        one["measured"] = dict.fromkeys(one["measured"]) | {"rails": []}
    report["scaling"] = dict.fromkeys(report["scaling"]) | {
        "largest_size": {"side": None, "how": "Nothing ran."}
    }
    report.update(table1=None, outlook=None)
    for name, value in report["device"].items():
        report["device"][name] = value if name in ("versions", "threads", "cores", "os") else None
    report["device"].update(architecture="aarch64", backend="ONNX Runtime")
    page = Page(drawn(report))
    assert not page.tags("svg")
    assert "Not timed: unreadable" in page.text
    assert "Not counted: unreadable" in page.text
    assert "nano on aarch64" in page.text
    assert "None" not in page.text


def test_a_single_size_shows_no_growth(report: dict[str, Any]) -> None:
    del report["rows"][1]
    report["scaling"].update(latency=None, operations=None, energy=None)
    text = Page(drawn(report)).text
    assert text.count("One size alone shows no growth.") == 3


def test_a_report_without_sizes_gives_a_page(report: dict[str, Any]) -> None:
    report["rows"] = []
    assert "No size was profiled." in Page(drawn(report)).text


def test_neuromorphic_chips_are_marked_as_arithmetic(report: dict[str, Any]) -> None:
    text = Page(drawn(report)).text
    assert "Arithmetic, not a measurement" in text
    assert "6,240" in text
    assert "18.7" in text
    report["neuromorphic"] = None
    assert "neuromorphic chips" not in drawn(report)
