"""Times model files in turn, each in a process of its own, from 8-bit image to 8-bit image.

    python benchmarks/files_in_turn.py before.onnx nano-int8 nano-int8-openvino.onnx@openvino

A name after @ is the back end, ONNX Runtime on the CPU without one. Ratios are to the first file.
`--clock processor` counts the time of the processor instead of the time that passes.
"""

from __future__ import annotations

import argparse
import os
import statistics
from pathlib import Path

from peers import Peer
from spikerain_edge.inference.backends import backend_named


def main() -> None:
    """Prints median, least and most milliseconds, frames a second and the ratio of medians."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", nargs="+", metavar="MODEL[@BACKEND]")
    parser.add_argument("--imgsz", default="640x480", help="width x height, or side")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--clock", choices=("wall", "processor"), default="wall")
    options = parser.parse_args()
    common = ["--imgsz", options.imgsz, "--threads", str(options.threads)]
    peers: dict[str, Peer] = {}
    for given in dict.fromkeys(options.files):
        model, _, backend = given.partition("@")
        provider = backend_named(backend or "cpu")
        peers[given] = Peer(["file", "--file", model, "--provider", provider, *common])
    broken = [given for given, peer in peers.items() if not peer.usable]
    if broken:
        raise SystemExit(f"cannot be used (see above): {', '.join(broken)}")
    times: dict[str, list[float]] = {given: [] for given in peers}
    for _ in range(options.repeats):
        for given, peer in peers.items():
            times[given].append(1e3 * peer.seconds(options.clock))
    for peer in peers.values():
        peer.close()
    first = statistics.median(times[options.files[0]])
    print(f"{options.imgsz}, {options.threads} threads, {options.clock} time")
    print(f"{'':<32}{'median ms':>10}{'least':>9}{'most':>9}{'fps':>7}{'ratio':>8}")
    for given, values in times.items():
        median = statistics.median(values)
        name = Path(given).name
        spread = f"{min(values):>9.1f}{max(values):>9.1f}"
        print(f"{name:<32}{median:>10.1f}{spread}{1e3 / median:>7.1f}{first / median:>7.2f}x")


if __name__ == "__main__":
    main()
