"""Shows where OpenVINO spends the time of a graph, operator by operator.

Each operator counts with its least time of several runs, so that other work on the machine counts
as little as it can.
"""

from __future__ import annotations

import argparse
from collections import defaultdict

import openvino

from spikerain_edge.models import find_model
from spikerain_edge.sizes import parse_shape
from spikerain_edge.stream.demo import DemoScene


def least_times(model: str, size: tuple[int, int], threads: int, runs: int) -> dict[str, float]:
    """Returns the least milliseconds of each operator by its kind and kernel.

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
    least: dict[str, float] = {}
    kinds: dict[str, str] = {}
    for _ in range(runs):
        request.infer(inputs)
        for each in request.get_profiling_info():
            milliseconds = each.real_time.total_seconds() * 1e3
            least[each.node_name] = min(least.get(each.node_name, milliseconds), milliseconds)
            kinds[each.node_name] = f"{each.node_type} {each.exec_type}"
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
            print(f"{kind:<50}{milliseconds:>8.1f} ms {100 * milliseconds / whole:>5.1f} %")
    convolutions = sum(value for kind, value in sums.items() if kind.startswith("Convolution"))
    print(f"outside convolutions: {100 * (1 - convolutions / whole):.0f} % of {whole:.0f} ms")


if __name__ == "__main__":
    main()
