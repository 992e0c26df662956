"""Measures the loss of quality by FP16 and INT8: PSNR against FP32, and share of changed spikes.

Runs the graphs in ONNX Runtime on the central part of every image in a folder. The first images
calibrate the scales of the integer convolutions and are not measured.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from spikerain_edge.images import Image
from spikerain_edge.images.metrics import psnr
from spikerain_edge.models import find_model
from spikerain_edge.spec import METADATA_KEY, ModelSpec
from spikerain_export.precision import (
    Int8Target,
    rounded_weights,
    to_half,
    to_int8,
    with_constants,
)
from spikerain_export.truth import Scene

Described = tuple[onnx.ModelProto, ModelSpec]
Outcome = tuple[list[Image], list[list[npt.NDArray[np.bool_]]]]


def load(name: str) -> Described:
    """Returns an FP32 graph without metadata, and its description."""
    model = onnx.load_from_string(find_model(name).graph.read())
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    del model.metadata_props[:]
    return model, ModelSpec.from_json(metadata[METADATA_KEY])


def middle(path: Path, side: int, stride: int) -> Image:
    """Returns the central part of an image; its sides are multiples of `stride` up to `side`."""
    image = cv2.imread(str(path))
    if image is None:
        raise SystemExit(f"{path} cannot be decoded as an image; move it out of the folder")
    sides = [min(length, side) // stride * stride for length in image.shape[:2]]
    top, left = ((whole - kept) // 2 for whole, kept in zip(image.shape, sides, strict=False))
    return np.ascontiguousarray(image[top : top + sides[0], left : left + sides[1]])


def outcome(described: Described, images: list[Image]) -> Outcome:
    """Returns the output images and the spikes (B, C, H, W) of a graph for all images."""
    model, spec = described
    names = [name for layer in spec.neurons for name in layer.spikes]
    tapped = onnx.ModelProto()
    tapped.CopyFrom(model)
    # Without a type, which depends on the precision: ONNX Runtime infers it.
    tapped.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    session = onnxruntime.InferenceSession(
        tapped.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    pictures, spikes = [], []
    for image in images:
        picture, *steps = session.run([spec.image_output, *names], {spec.image_input: image[None]})
        pictures.append(picture[0])
        last = steps[0].dtype == np.uint8
        fired: list[Any] = [np.asarray(step) > 0 for step in steps]
        spikes.append([np.moveaxis(step, 3, 1) if last else step for step in fired])
    return pictures, spikes


def row(name: str, expected: Outcome, actual: Outcome) -> str:
    """Returns a row of the table."""
    pairs = list(zip(expected[0], actual[0], strict=True))
    flat = [
        np.concatenate([picture.reshape(-1) for picture in side[0]]) for side in (expected, actual)
    ]
    differing = [
        np.mean(before != after)
        for first, second in zip(expected[1], actual[1], strict=True)
        for before, after in zip(first, second, strict=True)
    ]
    worst = min(psnr(before, after) for before, after in pairs)
    return f"{name:<34}{psnr(*flat):>9.2f} dB{worst:>9.2f} dB{np.mean(differing):>9.2%}"


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="nano", help="shipped FP32 model or ONNX file")
    parser.add_argument("--images", type=Path, required=True, help="folder of rainy images")
    parser.add_argument(
        "--side", type=int, default=256, help="largest side of the central part in pixels"
    )
    parser.add_argument("--count", type=int, default=10, help="number of images to measure")
    parser.add_argument(
        "--calibrate", type=int, default=4, help="number of images to calibrate scales with"
    )
    options = parser.parse_args()

    model, spec = load(options.model)
    paths = sorted(path for path in options.images.iterdir() if path.is_file())
    images = [
        middle(path, options.side, spec.stride)
        for path in paths[: options.calibrate + options.count]
    ]
    if len(images) <= options.calibrate:
        parser.error(
            f"{options.images} has {len(images)} images, but more than --calibrate "
            f"{options.calibrate} are needed; use a smaller --calibrate"
        )
    seen, measured = images[: options.calibrate], images[options.calibrate :]
    scenes = list(map(Scene, seen))

    def in_int8(target: Int8Target) -> Described:
        weights = rounded_weights(model, spec, scenes, target)
        return to_int8(with_constants(model, weights), spec, target, scenes)

    rewrites: dict[str, Callable[[], Described]] = {
        "fp16": lambda: to_half(model, spec),
        "fp16, nothing kept in fp32": lambda: to_half(model, spec, keep=()),
        "fp16, potentials in fp32 too": lambda: to_half(
            model, spec, keep=("neurons", "means", "picture")
        ),
        "int8 for tensorrt": lambda: in_int8("tensorrt"),
        "int8 for tensorrt, nearest weights": lambda: to_int8(model, spec, "tensorrt"),
        "int8 for onnxruntime": lambda: in_int8("onnxruntime"),
        "the same, nearest weights": lambda: to_int8(model, spec, "onnxruntime", scenes),
    }
    expected = outcome((model, spec), measured)
    print(f"{spec.name}, {len(measured)} images of at most {options.side}x{options.side}")
    print(f"{'':<34}{'all':>9}   {'worst':>9}   {'spikes':>9}")
    for name, rewrite in rewrites.items():
        print(row(name, expected, outcome(rewrite(), measured)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
