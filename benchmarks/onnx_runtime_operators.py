"""Shows where ONNX Runtime spends the time of a graph on the CPU, operator by operator.

Each node counts with its least time of several runs, so that other work on the machine counts as
little as it can.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import onnxruntime

from spikerain_edge.inference.arena import save_memory
from spikerain_edge.models import find_model
from spikerain_edge.sizes import parse_shape
from spikerain_edge.stream.demo import DemoScene

_CONVOLUTIONS = {"Conv", "FusedConv", "QLinearConv"}


def least_times(model: str, size: tuple[int, int], threads: int, runs: int) -> dict[str, float]:
    """Returns the least milliseconds of each kind of operator.

    Args:
        model: shipped model, or path of an ONNX file.
        size: height and width.
        threads: CPU threads.
        runs: how often the graph runs.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.enable_profiling = True
    save_memory(options, probe=False)
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(
            find_model(model).graph.read(), options, providers=["CPUExecutionProvider"]
        )
        scene = DemoScene(*size)
        frames = [scene.rainy(moment)[None] for moment in (1, 0)]
        inputs = {
            each.name: frame for each, frame in zip(session.get_inputs(), frames, strict=False)
        }
        for _ in range(runs):
            session.run(None, inputs)
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return _by_kind(events)


def _by_kind(events: list[dict[str, Any]]) -> dict[str, float]:
    """Adds up the least time of each node by its kind of operator."""
    least: dict[str, float] = {}
    kinds: dict[str, str] = {}
    for event in events:
        name = event["name"]
        if event["cat"] != "Node" or not name.endswith("_kernel_time"):
            continue
        milliseconds = event["dur"] / 1e3
        least[name] = min(least.get(name, milliseconds), milliseconds)
        kinds[name] = event["args"]["op_name"]
    sums: dict[str, float] = defaultdict(float)
    for name, milliseconds in least.items():
        sums[kinds[name]] += milliseconds
    return dict(sums)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--imgsz", default="640x480")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    size = parse_shape(options.imgsz)
    sums = least_times(options.model, size, options.threads, options.runs)
    whole = sum(sums.values())
    for kind, milliseconds in sorted(sums.items(), key=lambda item: -item[1]):
        if milliseconds > whole / 1000:
            print(f"{kind:<30}{milliseconds:>8.1f} ms {100 * milliseconds / whole:>5.1f} %")
    convolutions = sum(value for kind, value in sums.items() if kind in _CONVOLUTIONS)
    print(f"outside convolutions: {100 * (1 - convolutions / whole):.0f} % of {whole:.0f} ms")


if __name__ == "__main__":
    main()
