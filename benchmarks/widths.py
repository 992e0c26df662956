"""Compares the time of untrained variants of nano in INT8: other widths, growths and units.

    python benchmarks/widths.py --backend openvino

All variants derain the same image in turn, on one thread. The least processor time of each is
printed, and its ratio to nano's. Nothing is said about quality: the networks are not trained.
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from time import process_time

import torch

from spikerain_edge import Derainer
from spikerain_edge.inference.providers import CPU
from spikerain_edge.sizes import parse_shape
from spikerain_edge.stream.demo import DemoScene
from spikerain_export.artefact import seal
from spikerain_export.precision import Int8Target, to_int8
from spikerain_export.rainy_scenes import draw_scenes
from spikerain_export.unroll import unroll
from spikerain_training.config import NetworkConfig, variants
from spikerain_training.network import SpikeRain

# Width, growth and units; the first is nano.
_SHAPES = ((24, 16, 3), (24, 16, 2), (32, 32, 1), (32, 16, 2), (32, 16, 3), (32, 32, 2))


def exported(config: NetworkConfig, target: Int8Target, size: tuple[int, int]) -> tuple[bytes, int]:
    """Returns an untrained network as an INT8 file, and its multiply-accumulates."""
    torch.manual_seed(0)
    weights = {name: value.numpy() for name, value in SpikeRain(config).state_dict().items()}
    model, spec = unroll(config, weights, name="untrained")
    scenes = draw_scenes(2, (128, 128))
    return seal(*to_int8(model, spec, target, scenes))[0], spec.macs(*size)


def main() -> None:
    """Prints a row for each variant."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--backend", choices=(CPU, "openvino"), default=CPU)
    parser.add_argument("--imgsz", default="640x480")
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    size = parse_shape(options.imgsz)
    target: Int8Target = "openvino" if options.backend == "openvino" else "onnxruntime"
    image = DemoScene(*size).rainy(1)
    least = dict.fromkeys(_SHAPES, float("inf"))
    macs = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        loaded = {}
        for shape in _SHAPES:
            width, growth, units = shape
            config = replace(variants()["nano"], width=width, growth=growth, units=units)
            file = folder / f"{width}-{growth}-{units}.onnx"
            content, macs[shape] = exported(config, target, size)
            file.write_bytes(content)
            derainer = Derainer.load(str(file), provider=options.backend, threads=1)
            loaded[shape] = stack.enter_context(derainer)
            loaded[shape](image)
        for _ in range(options.runs):
            for shape, each in loaded.items():
                begin = process_time()
                each(image)
                least[shape] = min(least[shape], process_time() - begin)
    for shape, seconds in least.items():
        ratio = seconds / least[_SHAPES[0]]
        print(f"{shape}: {macs[shape] / 1e9:.1f} GMACs, {1e3 * seconds:.0f} ms, {ratio:.2f} x nano")


if __name__ == "__main__":
    main()
