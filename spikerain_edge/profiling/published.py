"""The convention behind Table 1 of the SpikeRain paper, for comparison with it.

The table is reproduced to every printed digit by `FLOPs = T * c * (N / 128)^2` and 12.5 pJ for
each, with `c = 0.808 G`: what the operation counter thop finds for M at 128x128, rounded to three
decimals. thop knows layers by their class. It does not know the spiking network's convolution
class, so it counts what is left, over all T timesteps:

- multiply-accumulates of ARFE, the output convolution and the attention: every analogue
  convolution but the patch embedding (519.24 M + 4.85 M);
- four operations per element of a batch norm with an affine transform (239.08 M);
- one operation per element that a global pooling reads and one per element it writes: the
  attention pools each feature over T, H and W, and again the mean over channels (44.58 M).

The formula then multiplies by T once more.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from spikerain_edge.profiling.document import Table1, Table1Parts
from spikerain_edge.profiling.operations import GraphCount
from spikerain_edge.profiling.records import Table1Cost, Table1Row

REFERENCE_SIDE = 128
_EMBEDDING = "embed"
_POOLED_MEANS = ".attention.spatial"
_PICOJOULES = Decimal("12.5")


@dataclass(frozen=True)
class PublishedCount:
    """What the convention counts at 128x128.

    Attributes:
        convolutions: multiply-accumulates of the analogue convolutions but the embedding.
        batch_norm: operations of batch norm.
        pooling: operations of global pooling.
    """

    convolutions: int
    batch_norm: int
    pooling: int

    @property
    def total(self) -> int:
        """All three."""
        return self.convolutions + self.batch_norm + self.pooling


def published_count(reference: GraphCount) -> PublishedCount:
    """Applies the convention to a graph counted at 128x128.

    Batch norm is folded into the convolution before it, which has a bias for that and no other
    reason. The channel means that the temporal gate pools are what the attention's spatial
    convolution reads.
    """
    analog = [layer for layer in reference.layers if not layer.spiking]
    means = [layer.inputs for layer in analog if layer.name.endswith(_POOLED_MEANS)]
    normed = [layer.outputs for layer in reference.layers if layer.spiking and layer.biased]
    return PublishedCount(
        convolutions=sum(layer.macs for layer in analog if layer.name != _EMBEDDING),
        batch_norm=4 * sum(normed),
        pooling=sum(pool.inputs + pool.channels for pool in reference.pools)
        + sum(elements + 1 for elements in means),
    )


def published_cost(count: PublishedCount, timesteps: int, height: int, width: int) -> Table1Cost:
    """Applies the convention to an image size and rounds as the table does.

    Args:
        count: the count at 128x128.
        timesteps: `T`.
        height: rows.
        width: columns.
    """
    reference = _rounded(Decimal(count.total) / 10**9, "0.001")
    gflops = timesteps * reference * height * width / REFERENCE_SIDE**2
    millijoules = _PICOJOULES * gflops
    return Table1Cost(float(_rounded(gflops, "0.001")), float(_rounded(millijoules, "0.1")))


def printed_cost(variant: str, height: int, width: int) -> Table1Cost | None:
    """Returns the row of the paper's Table 1 for M at this size; None if it has no such row."""
    printed = {
        256: Table1Cost(12.928, 161.6),
        512: Table1Cost(51.712, 646.4),
        720: Table1Cost(102.263, 1278.3),
    }
    return printed.get(height) if variant == "m" and height == width else None


def table1_row(
    count: PublishedCount, variant: str, timesteps: int, height: int, width: int
) -> Table1Row:
    """Returns the convention's figures beside the printed ones."""
    cost = published_cost(count, timesteps, height, width)
    printed = printed_cost(variant, height, width)
    matches = None if printed is None else cost == printed
    return Table1Row(gflops=cost.gflops, mj=cost.mj, printed=printed, matches=matches)


def table1_summary(count: PublishedCount) -> Table1:
    """Returns the convention and how it differs from the dense count."""
    return Table1(
        gflops_at_128=count.total * 1e-9,
        parts=Table1Parts(
            convolutions=count.convolutions * 1e-9,
            batch_norm=count.batch_norm * 1e-9,
            pooling=count.pooling * 1e-9,
        ),
        explanation=(
            "Table 1 counts what a counter finds that does not know the spiking convolutions: the "
            "analogue convolutions without the patch embedding, batch norm and pooling, which "
            "already run over all timesteps, times T once more; and it prices each of these "
            "operations as a multiply-accumulate. The dense count has every convolution at every "
            "timestep once, and no batch norm, which inference folds away. The spike-based count "
            "prices spiking convolutions by the spikes that really occur. Table 1 is neither, so "
            "compare its numbers only with numbers made the same way."
        ),
    )


def _rounded(value: Decimal, step: str) -> Decimal:
    return value.quantize(Decimal(step), ROUND_HALF_UP)
