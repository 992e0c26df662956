"""The accuracy that a graph must reach before it is written."""

from __future__ import annotations

from dataclasses import dataclass

from spikerain_edge.errors import ModelError
from spikerain_edge.spec import Precision
from spikerain_export.truth import Loss
from spikerain_export.verification import Proof

UNPROVEN = "or add --no-verify to write it anyway"
"""End of every error message about a failed verification: how to write the file anyway."""
_BETTER: dict[str, str] = {
    "fp32": "report this checkpoint as a bug",
    "fp16": "export it in fp32 (without --fp16)",
    "int8": "round it on images of your own camera (--data FOLDER), or export it in fp32 (without "
    "--int8)",
}


@dataclass(frozen=True)
class Gate:
    """Limits that a graph must meet.

    Attributes:
        psnr: lowest allowed PSNR against its reference, in dB.
        loss: largest allowed loss of PSNR on luma against the clean image, compared with the
            reference, in dB. A graph fails if the whole confidence interval of its mean loss lies
            above this limit, or if the mean is more than twice the limit.
    """

    psnr: float
    loss: float


def gates() -> dict[Precision, Gate]:
    """Returns the gate of each precision."""
    return {
        "fp32": Gate(psnr=40.0, loss=0.02),
        "fp16": Gate(psnr=38.0, loss=0.1),
        "int8": Gate(psnr=35.0, loss=0.1),
    }


def require(proof: Proof) -> None:
    """Checks that a graph reaches the gate of its precision.

    Raises:
        ModelError: the graph misses its gate; the message says by how much.
    """
    gate = gates()[proof.precision]
    reached = min(proof.psnr.values())
    remedy = f"nothing was written; {_BETTER[proof.precision]}, {UNPROVEN}"
    if reached < gate.psnr:
        raise ModelError(
            f"the {proof.precision} graph agrees with its reference to only {reached:.1f} dB; "
            f"at least {gate.psnr:g} dB are required",
            remedy,
        )
    loss = proof.psnr_loss
    if loss is not None and _too_much(loss, gate.loss):
        raise ModelError(
            f"the {proof.precision} graph loses {loss.mean:.3f} dB of PSNR against the clean "
            f"images (95 %: {loss.low:.3f} to {loss.high:.3f} over {loss.scenes} scenes); at most "
            f"{gate.loss:g} dB are allowed",
            remedy,
        )


def _too_much(loss: Loss, limit: float) -> bool:
    return loss.low > limit or loss.mean > 2 * limit
