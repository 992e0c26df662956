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

from peers import Peer, in_turn
from spikerain_edge.inference.backends import backend_named


def main() -> None:
    """Prints milliseconds (median, least, most), frames a second and the ratio of medians."""
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
    times = in_turn(peers, options.repeats, options.clock)
    first = statistics.median(times[options.files[0]])
    print(f"{options.imgsz}, {options.threads} threads, {options.clock} time")
    print(f"{'':<32}{'median ms':>10}{'least':>9}{'most':>9}{'fps':>7}{'ratio':>8}")
    for given, values in times.items():
        median = statistics.median(values)
        spread = f"{1e3 * min(values):>9.1f}{1e3 * max(values):>9.1f}"
        rates = f"{1 / median:>7.1f}{first / median:>7.2f}x"
        print(f"{Path(given).name:<32}{1e3 * median:>10.1f}{spread}{rates}")


if __name__ == "__main__":
    main()
