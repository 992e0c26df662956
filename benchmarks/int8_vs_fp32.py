"""Compares the speed of the INT8 graph with that of its FP32 graph in ONNX Runtime.

Both graphs are the same SpikeRain network, shipped or untrained, from 8-bit image to 8-bit image.
They run alternately in one process with the same number of CPU threads, so that other load on the
machine slows down both. The processor time is printed too. It is fairer if other programs use the
same cores, so its ratio decides. The exit code is 1 if the median ratio is below `--at-least`, or
if a spiking convolution does not compute with integers.
"""

from __future__ import annotations

import statistics
import sys
from time import perf_counter, process_time

import numpy as np
import onnx
import onnxruntime
import torch

from comparison import parse, row
from spikerain_edge.images import Image
from spikerain_edge.models import find_model, shipped_models
from spikerain_edge.spec import METADATA_KEY, ModelSpec
from spikerain_edge.weather import Rain, sample_style
from spikerain_export.artefact import seal
from spikerain_export.precision import integer_convolutions, to_int8
from spikerain_export.truth import Scene
from spikerain_export.unroll import unroll
from spikerain_training.config import variants
from spikerain_training.network import SpikeRain


def full_precision(variant: str) -> tuple[onnx.ModelProto, ModelSpec]:
    """Returns graph and description of the shipped model, or of an untrained network."""
    if variant in shipped_models():
        model = onnx.load_from_string(find_model(variant).graph.read())
        metadata = {entry.key: entry.value for entry in model.metadata_props}
        del model.metadata_props[:]
        return model, ModelSpec.from_json(metadata[METADATA_KEY])
    torch.manual_seed(0)
    network = SpikeRain(variants()[variant])
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    return unroll(network.config, weights, name=variant)


def rainy(side: int) -> Image:
    """Returns a grey gradient with rain, (side, side, 3) uint8 BGR."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(40, 200, side, dtype=np.float32)
    scene = np.repeat(((ramp[:, None] + ramp) / 2)[..., None], 3, axis=2).astype(np.uint8)
    return Rain(sample_style(rng), (side, side), 0).render(scene)


def session(content: bytes, threads: int) -> onnxruntime.InferenceSession:
    """Loads a graph in ONNX Runtime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def seconds(graph: onnxruntime.InferenceSession, image: Image) -> tuple[float, float]:
    """Returns the elapsed time and the processor time for one image, in seconds."""
    clock, processor = perf_counter(), process_time()
    graph.run(None, {graph.get_inputs()[0].name: image[None]})
    return perf_counter() - clock, process_time() - processor


def main() -> int:
    """Prints the table; returns 0 if the ratio is high enough, otherwise 1."""
    options = parse(__doc__, repeats=7, at_least=1.2)

    model, spec = full_precision(options.variant)
    image = rainy(options.side)
    int8, described = to_int8(model, spec, "onnxruntime", [Scene(image)])
    contents = [seal(model, spec)[0], seal(int8, described)[0]]
    integers = integer_convolutions(contents[1], described)
    before, after = (session(content, options.threads) for content in contents)
    for graph in (before, after):
        seconds(graph, image)
    pairs = [(seconds(before, image), seconds(after, image)) for _ in range(options.repeats)]

    origin = "shipped" if options.variant in shipped_models() else "untrained"
    print(
        f"SpikeRain {options.variant}, {origin}, {options.side}x{options.side}, "
        f"{options.threads} CPU threads, {options.repeats} pairs of runs; "
        f"{integers} integer convolutions"
    )
    print(f"{'':<28}{'median':>9}  {'min':>9}  {'max':>9}")
    for kind, name in enumerate(("elapsed time", "processor time")):
        slow = [pair[0][kind] for pair in pairs]
        fast = [pair[1][kind] for pair in pairs]
        ratios = [one / other for one, other in zip(slow, fast, strict=True)]
        print(row(f"FP32, {name}", slow, "s"))
        print(row(f"INT8, {name}", fast, "s"))
        print(row("ratio", ratios, "x"))
    ratio = statistics.median(ratios)
    if ratio < options.at_least:
        print(f"median ratio {ratio:.2f} is below {options.at_least:g}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
