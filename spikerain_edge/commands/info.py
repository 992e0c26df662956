"""`spikerain-edge info`: describes a model or engine."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from spikerain_edge.console import Debug, Logs, Verbose, command_scope, print_line
from spikerain_edge.logs import LogFormat
from spikerain_edge.spec import ModelSpec

app = typer.Typer(add_completion=False)


@app.command()
def info(
    file: Annotated[str, typer.Argument(help="Shipped model, ONNX file or engine file.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the whole description as JSON.")
    ] = False,
    verbose: Verbose = False,
    log_format: Logs = LogFormat.TEXT,
    debug: Debug = False,
) -> None:
    """Describes a model or engine: network, precision, sizes, origin."""
    with command_scope(debug=debug, verbose=verbose, log_format=log_format):
        from spikerain_edge.engine_file import is_engine_file

        path = Path(file)
        facts = _engine_facts(path) if is_engine_file(path) else _graph_facts(file)
        if as_json:
            print_line(json.dumps(facts, indent=2))
            return
        for key, value in _lines(facts):
            print_line(f"{key:16} {value}")


def _graph_facts(name: str) -> dict[str, Any]:
    from spikerain_edge.inference import OnnxRuntimeEngine
    from spikerain_edge.models import find_model

    model = find_model(name)
    file, probe = model.graph, model.probe
    content = file.read()
    with OnnxRuntimeEngine(content, str(file.path)) as engine:
        spec = engine.spec
    probe_graph = str(probe.path) if probe else ""
    facts = {"file": str(file.path), "kind": "ONNX graph", "bytes": len(content)}
    return {**facts, "probe_graph": probe_graph, **asdict(spec), **_costs(spec)}


def _engine_facts(path: Path) -> dict[str, Any]:
    from spikerain_edge.engine_file import read_engine_file

    found = read_engine_file(path).header
    header = asdict(found)
    spec = header.pop("spec")
    facts = {"file": str(path), "kind": "TensorRT engine", "bytes": path.stat().st_size}
    return {**facts, "probe_graph": "", **spec, **_costs(found.spec), **header}


def _costs(spec: ModelSpec) -> dict[str, float]:
    """Returns the dense multiply-accumulates for an image of 256x256 pixels."""
    macs, analog = spec.macs(256, 256), spec.analog_macs(256, 256)
    return {"macs_at_256x256": macs, "analog_macs_at_256x256": analog}


def _lines(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """Selects the facts to print, as pairs of a title and a text."""
    height, width = facts["height"], facts["width"]
    macs, analog = facts["macs_at_256x256"], facts["analog_macs_at_256x256"]
    full_precision = len(facts["full_precision"])
    lines = [
        ("file", f"{facts['file']} ({facts['kind']})"),
        ("model", f"{facts['name']} (variant {facts['variant']})"),
        (
            "precision",
            facts["precision"] + (f", {full_precision} layers in fp32" if full_precision else ""),
        ),
        ("made for", {"any": "any runtime"}.get(facts["target"], facts["target"])),
        ("timesteps", f"T = {facts['timesteps']}, unrolled"),
        ("reads", "a frame and the one before it" if facts["previous_input"] else "one image"),
        ("neuron", f"LIF, tau {facts['tau']:g}, threshold {facts['threshold']:g}"),
        ("parameters", f"{facts['parameters']:,}"),
        (
            "input, output",
            f"{_names(facts)}: uint8 ({facts['batch']}, "
            f"{height or 'H'}, {width or 'W'}, 3) BGR"
            + ("" if height else f", multiples of {facts['stride']}"),
        ),
        (
            "layers",
            f"{len(facts['neurons'])} neuron layers, {len(facts['operations'])} convolutions",
        ),
        (
            "cost at 256x256",
            f"{macs / 1e9:.3f} dense GMACs, {analog / 1e9:.3f} of them analogue",
        ),
        ("firing rates", _rates(facts)),
        ("weights", f"sha256 {facts['weights_sha256']}"),
    ]
    if facts["source_sha256"]:
        lines.append(("made from", f"sha256 {facts['source_sha256']}"))
    if "library" in facts:
        lines += [
            ("built by", f"{facts['library']} {facts['library_version']}"),
            ("built for", f"{facts['gpu']}, compute capability {facts['capability']}"),
            ("sizes", ", ".join(_profile(profile) for profile in facts["profiles"])),
            ("engine", f"{facts['plan_bytes']:,} bytes, sha256 {facts['plan_sha256']}"),
            ("layers checked", "in the engine" if facts["inspected"] else "before the build only"),
        ]
    return lines


def _names(facts: dict[str, Any]) -> str:
    names = (facts["image_input"], facts["previous_input"], facts["image_output"])
    return ", ".join(filter(None, names))


def _rates(facts: dict[str, Any]) -> str:
    """Says which file reports firing rates: the probe graph of a model, if it has one."""
    if facts["probe"]:
        return "reported: this is a probe graph"
    if "library" in facts:
        return "not reported by an engine"
    return (
        f"from {facts['probe_graph']}" if facts["probe_graph"] else "not reported: no probe graph"
    )


def _profile(profile: dict[str, Any]) -> str:
    low, best, high = (profile[name] for name in ("minimum", "optimum", "maximum"))
    fixed = f"{best[1]}x{best[0]}"
    return fixed if low == high else f"{low[1]}x{low[0]} to {high[1]}x{high[0]}, best at {fixed}"
