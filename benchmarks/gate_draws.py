"""Exports checkpoints in every precision over several draws of scenes and prints the verdicts.

The verdict of a gate must not depend on which scenes are drawn. Nothing is written.
"""

from __future__ import annotations

import argparse
import sys

from spikerain_edge.errors import ModelError
from spikerain_export.candidate import Candidate, make
from spikerain_export.commands.flags import sizes_for
from spikerain_export.commands.scenes import collect_images
from spikerain_export.conversion import Request
from spikerain_export.gates import require
from spikerain_export.origin import Origin, open_origin
from spikerain_export.verification import Proof, measure

SIZES = sizes_for(None)
"""Height and width of the many scenes and of the few, as `spikerain-edge export` has them."""


def main() -> int:
    """Prints a row for each checkpoint and precision; returns 1 if the verdicts of a row differ."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("checkpoints", nargs="+", help="checkpoint folders")
    parser.add_argument("--draws", type=int, default=5, help="draws of 24 scenes")
    options = parser.parse_args()
    same = True
    for checkpoint in options.checkpoints:
        origin = open_origin(checkpoint)
        for request in (Request("fp32"), Request("fp16"), Request("int8")):
            candidate = _candidate(origin, request)
            proofs = [_proof(candidate, seed) for seed in range(options.draws)]
            verdicts = [_verdict(proof) for proof in proofs]
            same &= len(set(verdicts)) == 1
            print(f"{origin.graph.spec.name} {request.precision}", *map(_cell, proofs), sep=" | ")
            print("verdicts:", *verdicts, flush=True)
    return 0 if same else 1


def _candidate(origin: Origin, request: Request) -> Candidate:
    scales = request.precision == "int8"
    return make(origin, request, collect_images(None, SIZES, scales=scales).scales)


def _proof(candidate: Candidate, seed: int) -> Proof:
    """Measures the candidate on one draw; FP32 is compared with PyTorch."""
    network = candidate.origin.network
    if network is None:
        raise SystemExit("name checkpoint folders, such as training/checkpoints/nano")
    from spikerain_training.restore import restore

    scenes = collect_images(None, SIZES, scales=False, seed=seed).proof
    others = [] if candidate.request.precision == "fp32" else [candidate.free]
    return measure(candidate.full, others, scenes, lambda image: restore(network, image))[-1]


def _verdict(proof: Proof) -> str:
    try:
        require(proof)
    except ModelError:
        return "refused"
    return "passed"


def _cell(proof: Proof) -> str:
    loss = proof.psnr_loss
    known = "-" if loss is None else f"{loss.mean:+.3f} ({loss.low:+.3f} to {loss.high:+.3f})"
    return f"{known} dB, {min(proof.psnr.values()):.1f} dB"


if __name__ == "__main__":
    sys.exit(main())
