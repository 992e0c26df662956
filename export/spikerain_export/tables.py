"""The measurements of an export as a table for the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.table import Table

from spikerain_export.truth import Loss
from spikerain_export.verification import ITSELF, Proof


def proof_table(proofs: Sequence[Proof]) -> Table:
    """Makes a table with one row per graph: agreement, loss, spikes, file size and latency.

    The row of an FP32 graph that was read from a file shows no agreement: it has no reference.

    Args:
        proofs: the measurements, FP32 graph first.
    """
    full = proofs[0]
    table = Table(box=None, header_style="bold", title_justify="left", pad_edge=False)
    beside = "" if full.reference == ITSELF else f"fp32 with {full.reference}, "
    table.title = f"agreement (PSNR) of {beside}other graphs with fp32"
    sizes = list(full.psnr)
    headings = ("graph", *(f"dB at {size}" for size in sizes), "worst dB", "PSNR-Y lost (95 %)")
    milliseconds = f"ms at {sizes[0]} (spread)"
    for heading in (*headings, "SSIM lost", "spikes that differ", "MB", milliseconds, "speed"):
        table.add_column(heading, justify="left" if heading == "graph" else "right")
    for proof in proofs:
        itself = proof.reference == ITSELF
        agreement = _nothing(sizes) if itself else _agreement(proof, sizes)
        table.add_row(proof.precision, *agreement, *_costs(proof, full.timing.median))
    return table


def _nothing(sizes: Sequence[str]) -> list[str]:
    return [*("reference" for _ in sizes), *["-"] * 4]


def _agreement(proof: Proof, sizes: Sequence[str]) -> list[str]:
    shares = [layer.share for layer in proof.spikes]
    differing = "-"
    if shares:
        differing = f"{100 * sum(shares) / len(shares):.2f} % (layer: {100 * max(shares):.1f} %)"
    return [
        *(_decibels(proof.psnr[size]) for size in sizes),
        _decibels(proof.worst),
        "-" if proof.psnr_loss is None else _loss(proof.psnr_loss),
        "-" if proof.ssim_loss is None else f"{proof.ssim_loss:+.4f}",
        differing,
    ]


def _loss(loss: Loss) -> str:
    return f"{loss.mean:+.3f} dB ({loss.low:+.3f} to {loss.high:+.3f})"


def _costs(proof: Proof, full: float) -> list[str]:
    timing = proof.timing
    return [
        f"{proof.size_bytes / 1e6:.2f}",
        f"{timing.median:.0f} ({timing.least:.0f} to {timing.most:.0f})",
        f"{full / timing.median:.2f}x",
    ]


def _decibels(value: float) -> str:
    return "equal" if math.isinf(value) else f"{value:.1f}"
