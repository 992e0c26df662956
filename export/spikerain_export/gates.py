"""What a graph must reach before it is written."""

from __future__ import annotations

from dataclasses import dataclass

from spikerain_edge.errors import ModelError
from spikerain_edge.spec import Precision
from spikerain_export.truth import Loss
from spikerain_export.verification import Proof

UNPROVEN = "or add --no-verify to write it anyway"
"""How to get a file that a proof refuses; the end of every such message."""
_BETTER: dict[str, str] = {
    "fp32": "report this checkpoint",
    "fp16": "export it in fp32 (without --fp16)",
    "int8": "choose its scales on images of your own camera (--data FOLDER), export it in fp32 "
    "(without --int8)",
}


@dataclass(frozen=True)
class Gate:
    """What a graph must reach.

    Attributes:
        psnr: least agreement with its reference in dB.
        loss: PSNR on luma against the truth, in dB, that it may lose beside its reference. It has
            lost more where the whole confidence interval of the mean lies above, or where the mean
            is twice as much.
    """

    psnr: float
    loss: float


def gates() -> dict[Precision, Gate]:
    """What each precision must reach."""
    return {
        "fp32": Gate(psnr=40.0, loss=0.02),
        "fp16": Gate(psnr=38.0, loss=0.1),
        "int8": Gate(psnr=35.0, loss=0.15),
    }


def require(proof: Proof) -> None:
    """Checks that a graph reaches the gate of its precision.

    Raises:
        ModelError: it does not; says by how much.
    """
    gate = gates()[proof.precision]
    reached = min(proof.psnr.values())
    remedy = f"nothing was written; {_BETTER[proof.precision]}, {UNPROVEN}"
    if reached < gate.psnr:
        raise ModelError(
            f"the {proof.precision} graph agrees with its reference to {reached:.1f} dB only, "
            f"{gate.psnr:g} are required",
            remedy,
        )
    loss = proof.psnr_loss
    if loss is not None and _too_much(loss, gate.loss):
        raise ModelError(
            f"the {proof.precision} graph loses {loss.mean:.3f} dB against the truth "
            f"({loss.low:.3f} to {loss.high:.3f} over {loss.scenes} scenes), {gate.loss:g} are "
            "allowed",
            remedy,
        )


def _too_much(loss: Loss, limit: float) -> bool:
    return loss.low > limit or loss.mean > 2 * limit
