"""Shows where OpenVINO spends the time of a graph, operator by operator.

Each operator counts with its least time of several runs, so that other work on the machine counts
as little as it can.
"""

from __future__ import annotations

import openvino

from operator_table import Runs, print_table
from spikerain_edge.models import find_model
from spikerain_edge.stream.demo import DemoScene


def times(model: str, size: tuple[int, int], threads: int, runs: int) -> Runs:
    """Yields the name, the kind with its kernel, and the milliseconds of every run.

    Args:
        model: shipped model, or path of an ONNX file.
        size: height and width.
        threads: CPU threads.
        runs: how often the graph runs.
    """
    core = openvino.Core()
    graph = core.read_model(find_model(model).graph.read())
    graph.reshape({port.any_name: [1, *size, 3] for port in graph.inputs})
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERF_COUNT": True,
    }
    request = core.compile_model(graph, "CPU", settings).create_infer_request()
    scene = DemoScene(*size)
    frames = [scene.rainy(moment)[None] for moment in (1, 0)]
    inputs = {port.any_name: frame for port, frame in zip(graph.inputs, frames, strict=False)}
    for _ in range(runs):
        request.infer(inputs)
        for each in request.get_profiling_info():
            kind = f"{each.node_type} {each.exec_type}"
            yield each.node_name, kind, each.real_time.total_seconds() * 1e3


if __name__ == "__main__":
    print_table(__doc__ or "", times, lambda kind: kind.startswith("Convolution"))
