"""`spikerain-edge info`: describes a model file."""

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
    """Prints what a model or engine is: network, precision, sizes, what made it."""
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
    beside = str(probe.path) if probe else ""
    facts = {"file": str(file.path), "kind": "ONNX graph", "bytes": len(content)}
    return {**facts, "probe_graph": beside, **asdict(spec), **_costs(spec)}


def _engine_facts(path: Path) -> dict[str, Any]:
    from spikerain_edge.engine_file import read_engine_file

    found = read_engine_file(path).header
    header = asdict(found)
    spec = header.pop("spec")
    facts = {"file": str(path), "kind": "TensorRT engine", "bytes": path.stat().st_size}
    return {**facts, "probe_graph": "", **spec, **_costs(found.spec), **header}


def _costs(spec: ModelSpec) -> dict[str, float]:
    """Dense multiply-accumulates for an image of 256x256."""
    macs, analog = spec.macs(256, 256), spec.analog_macs(256, 256)
    return {"macs_at_256x256": macs, "analog_macs_at_256x256": analog}


def _lines(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """Selects the facts to print; lists of layers become their length."""
    height, width = facts["height"], facts["width"]
    macs, analog = facts["macs_at_256x256"], facts["analog_macs_at_256x256"]
    kept = facts["full_precision"]
    lines = [
        ("file", f"{facts['file']} ({facts['kind']})"),
        ("model", f"{facts['name']} (variant {facts['variant']})"),
        ("precision", facts["precision"] + (f", {len(kept)} layers in fp32" if kept else "")),
        ("made for", {"any": "any runtime"}.get(facts["target"], facts["target"])),
        ("timesteps", f"T = {facts['timesteps']}, unrolled"),
        ("neuron", f"LIF, tau {facts['tau']:g}, threshold {facts['threshold']:g}"),
        ("parameters", f"{facts['parameters']:,}"),
        (
            "input, output",
            f"{facts['image_input']}, {facts['image_output']}: uint8 ({facts['batch']}, "
            f"{height or 'H'}, {width or 'W'}, 3) BGR"
            + ("" if height else f", multiples of {facts['stride']}"),
        ),
        ("layers", f"{len(facts['neurons'])} of neurons, {len(facts['operations'])} convolutions"),
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


def _rates(facts: dict[str, Any]) -> str:
    """Where firing rates come from: a graph of their own, beside the graph that is run."""
    if facts["probe"]:
        return "reported: this is a probe graph"
    if "library" in facts:
        return "an engine reports none"
    return f"from {facts['probe_graph']}" if facts["probe_graph"] else "no probe graph beside it"


def _profile(profile: dict[str, Any]) -> str:
    low, best, high = (profile[name] for name in ("minimum", "optimum", "maximum"))
    fixed = f"{best[1]}x{best[0]}"
    return fixed if low == high else f"{low[1]}x{low[0]} to {high[1]}x{high[0]}, best at {fixed}"
