"""Shows where ONNX Runtime spends the time of a graph on the CPU, operator by operator.

Each node counts with its least time of several runs, so that other work on the machine counts as
little as it can.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import onnxruntime

from operator_table import Runs, print_table
from spikerain_edge.inference.onnx_runtime import session_options
from spikerain_edge.models import find_model
from spikerain_edge.sealed_graph import read_description
from spikerain_edge.stream.demo import DemoScene

_CONVOLUTIONS = {"Conv", "FusedConv", "QLinearConv"}


def times(model: str, size: tuple[int, int], threads: int, runs: int) -> Runs:
    """Yields the name, the kind and the milliseconds of every run of every operator.

    Args:
        model: shipped model, or path of an ONNX file.
        size: height and width.
        threads: CPU threads.
        runs: how often the graph runs.
    """
    content = find_model(model).graph.read()
    options = session_options(read_description(content, model), threads=threads)
    options.enable_profiling = True
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        scene = DemoScene(*size)
        frames = [scene.rainy(moment)[None] for moment in (1, 0)]
        inputs = {
            each.name: frame for each, frame in zip(session.get_inputs(), frames, strict=False)
        }
        for _ in range(runs):
            session.run(None, inputs)
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    for event in events:
        name = event["name"]
        if event["cat"] == "Node" and name.endswith("_kernel_time"):
            yield name, event["args"]["op_name"], event["dur"] / 1e3


if __name__ == "__main__":
    print_table(__doc__ or "", times, _CONVOLUTIONS.__contains__)
