"""Measures networks in PyTorch on one GPU: FP32, BF16 and FP16, in time and in agreement.

    python benchmarks/gpu.py --device cuda --seconds 240

Prints a table in Markdown. "Share of peak" compares the multiply-accumulates of a frame with those
of a large matrix product in the same precision on the same device: how far a network is from the
roof of the device. Measurements that the time does not allow are left out and named.
"""

from __future__ import annotations

import argparse
import copy
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, perf_counter

import torch
from torch import nn

from spikerain_edge.images.metrics import psnr
from spikerain_edge.sizes import parse_shape
from spikerain_edge.stream.demo import DemoScene
from spikerain_export.origin import Origin, open_origin
from spikerain_training.tensors import to_image, to_tensor

_CHECKPOINTS = Path(__file__).parents[1] / "training" / "checkpoints"
_TYPES = {"FP32": torch.float32, "BF16": torch.bfloat16, "FP16": torch.float16}
_RUNS = 10


@dataclass(frozen=True)
class Device:
    """A device of PyTorch and its name."""

    device: torch.device

    @property
    def name(self) -> str:
        """Name of the card, or of the kind of device."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        return self.device.type

    def seconds(self, work: Callable[[], object], runs: int = _RUNS) -> float:
        """Returns the median time of some work, after one run that is not counted."""
        times = []
        for _ in range(runs + 1):
            begin = perf_counter()
            work()
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            times.append(perf_counter() - begin)
        return statistics.median(times[1:])


def peak(device: Device, kind: torch.dtype, side: int) -> float:
    """Returns the multiply-accumulates per second of a square matrix product."""
    left, right = (torch.randn(side, side, device=device.device).to(kind) for _ in range(2))
    return side**3 / device.seconds(lambda: left @ right)


def peak_of_integers(device: Device, side: int) -> float:
    """Returns the multiply-accumulates per second of a product of signed bytes."""
    shape = (side, side)
    left, right = (
        torch.randint(-128, 128, shape, dtype=torch.int8, device=device.device) for _ in range(2)
    )
    return side**3 / device.seconds(lambda: torch._int_mm(left, right))


def opened(name: str) -> Origin:
    """Returns a model with its network: a checkpoint of this repository, or untrained."""
    folder = _CHECKPOINTS / name
    return open_origin(str(folder) if folder.is_dir() else name)


@torch.inference_mode()
def rows(
    origin: Origin, size: tuple[int, int], device: Device, peaks: dict[str, float], until: float
) -> Iterator[str]:
    """Yields a row of the table for each precision."""
    network = origin.network
    if network is None:
        raise SystemExit(f"{origin.graph.spec.name} has no checkpoint: name nano, tiny, s, m or l")
    image = DemoScene(*size).rainy(0)
    expected = None
    cells = f"| {origin.graph.spec.name} | {size[1]}x{size[0]} |"
    for name, kind in _TYPES.items():
        if monotonic() > until:
            yield f"{cells} {name} | left out: the time is over | | | |"
            continue
        moved: nn.Module = copy.deepcopy(network).to(device.device, kind).eval()
        given = to_tensor(image)[None].to(device.device, kind)
        picture = to_image(moved(given)[0].float().cpu())
        expected = picture if expected is None else expected
        seconds = device.seconds(lambda: moved(given))  # noqa: B023 (called at once)
        share = origin.graph.spec.macs(*size) / seconds / peaks[name]
        agreement = "" if picture is expected else f"{psnr(picture, expected):.1f}"
        figures = f"{1e3 * seconds:.2f} | {1 / seconds:.1f} | {agreement} | {share:.1%}"
        yield f"{cells} {name} | {figures} |"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--model", default="nano,tiny,s")
    parser.add_argument("--imgsz", default="640x480,1280x720,1920x1088")
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--side", type=int, default=8192, help="of the large matrix products")
    options = parser.parse_args()
    until = monotonic() + options.seconds
    device = Device(torch.device(options.device))
    torch.manual_seed(0)
    peaks = {name: peak(device, kind, options.side) for name, kind in _TYPES.items()}
    print(f"{device.name}, PyTorch {torch.__version__}. Large products, TMAC/s:", end=" ")
    print(", ".join(f"{name} {value / 1e12:.2f}" for name, value in peaks.items()), end=", ")
    print(f"INT8 {peak_of_integers(device, options.side) / 1e12:.2f}\n")
    print("| model | size | precision | ms | frames/s | dB to FP32 | share of peak |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for name in options.model.split(","):
        origin = opened(name)
        for size in map(parse_shape, options.imgsz.split(",")):
            for row in rows(origin, size, device, peaks, until):
                print(row, flush=True)


if __name__ == "__main__":
    main()
