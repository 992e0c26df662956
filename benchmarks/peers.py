"""Compares the exported graphs with the same network in PyTorch and from SpikingJelly's modules.

All run in turn, each in a process of its own, from 8-bit image to 8-bit image. `--clock processor`
counts the time of the processor instead of the time that passes: other programs on the machine
disturb it less. `--spikingjelly2 FOLDER` adds SpikingJelly 2.0, installed into a folder with
`pip install --no-deps --target FOLDER spikingjelly==2.0.0`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from spikerain_edge.errors import SpikeRainError
from spikerain_export.benchmark.plan import Entry, Files

_PEER = Path(__file__).with_name("peer.py")
_FILES = (
    Entry("fp32", "cpu"),
    Entry("fp32", "openvino"),
    Entry("int8", "cpu"),
    Entry("int8", "openvino"),
)
REFERENCE = "SpikingJelly 0.0.0.0.14"


class Peer:
    """An implementation in a process of its own.

    Args:
        arguments: arguments of `peer.py`.
        path: folder to import packages from first; empty for none.
    """

    def __init__(self, arguments: list[str], path: str = "") -> None:
        known = os.environ.get("PYTHONPATH", "")
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [path, known]))}
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, the program beside it
            [sys.executable, str(_PEER), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the process has no pipes")
        self._asks, self._answers = self._process.stdin, self._process.stdout
        self.usable = self._answer() == "ready"

    def seconds(self, clock: str) -> float:
        """Derains one image and returns the time it took."""
        self._asks.write("\n")
        self._asks.flush()
        return float(self._answer().split()[clock == "processor"])

    def _answer(self) -> str:
        return self._answers.readline().strip()

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate()


def parse() -> argparse.Namespace:
    """Parses the options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--variant", default="s")
    parser.add_argument("--side", type=int, default=256, help="side of the square image in pixels")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--clock", choices=("wall", "processor"), default="wall")
    parser.add_argument("--spikingjelly2", metavar="FOLDER", default="")
    parser.add_argument("--no-compile", action="store_true", help="leave out torch.compile")
    return parser.parse_args()


def start(options: argparse.Namespace, folder: Path) -> dict[str, Peer]:
    """Starts all implementations that can run; says of the others why they cannot."""
    common = ["--imgsz", str(options.side), "--threads", str(options.threads)]
    network = ["--variant", options.variant, *common]
    peers = {
        REFERENCE: Peer(["spikingjelly", *network]),
        "PyTorch eager, our network": Peer(["eager", *network]),
    }
    if not options.no_compile:
        peers["torch.compile, our network"] = Peer(["compiled", *network])
        peers["torch.compile, SpikingJelly"] = Peer(["spikingjelly-compiled", *network])
    if options.spikingjelly2:
        peers["SpikingJelly 2.0"] = Peer(["spikingjelly", *network], options.spikingjelly2)
    files = Files(folder)
    for entry in _FILES:
        name = f"{entry.format} {entry.backend}"
        try:
            path, provider = files.find(options.variant, entry, (options.side, options.side))
        except SpikeRainError as error:
            print(f"{name}: {error}", file=sys.stderr)
            continue
        peers[name] = Peer(["file", "--file", str(path), "--provider", provider, *common])
    for name in [name for name, peer in peers.items() if not peer.usable]:
        print(f"{name}: did not start", file=sys.stderr)
        del peers[name]
    return peers


def table(times: Mapping[str, list[float]]) -> list[str]:
    """Returns the lines of the table: median, least and most seconds, and the ratio."""
    lines = [f"{'':<30}{'median s':>10}{'least':>9}{'most':>9}{'ratio of medians':>19}"]
    slow = statistics.median(times[REFERENCE]) if times.get(REFERENCE) else None
    for name, values in times.items():
        median = statistics.median(values)
        ratio = f"{slow / median:.2f} x" if slow else "-"
        lines.append(f"{name:<30}{median:>10.3f}{min(values):>9.3f}{max(values):>9.3f}{ratio:>19}")
    return lines


def in_turn(peers: Mapping[str, Peer], repeats: int, clock: str) -> dict[str, list[float]]:
    """Returns the seconds of each peer, which take turns; ends their processes."""
    times: dict[str, list[float]] = {name: [] for name in peers}
    for _ in range(repeats):
        for name, peer in peers.items():
            times[name].append(peer.seconds(clock))
    for peer in peers.values():
        peer.close()
    return times


def main() -> None:
    """Prints the table."""
    options = parse()
    with tempfile.TemporaryDirectory() as folder:
        peers = start(options, Path(folder))
        times = in_turn(peers, options.repeats, options.clock)
    print(
        f"SpikeRain {options.variant}, {options.side}x{options.side}, {options.threads} threads, "
        f"{options.repeats} rounds, {options.clock} time"
    )
    print("\n".join(table(times)))


if __name__ == "__main__":
    main()
