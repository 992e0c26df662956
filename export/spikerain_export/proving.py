"""Proves what is about to be written: as a translation, against the truth, and at its own shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spikerain_export.agreement import require_same_at_its_shape, require_same_picture
from spikerain_export.candidate import Candidate
from spikerain_export.conversion import Artefact, Request, convert
from spikerain_export.gates import require
from spikerain_export.origin import Origin
from spikerain_export.precision import require_half_range
from spikerain_export.progress import Progress, show
from spikerain_export.truth import Scene
from spikerain_export.verification import Derain, Proof, measure

if TYPE_CHECKING:
    from spikerain_export.translation import Translation

# An untrained network cannot be held to a truth: a few scenes show how fast it is.
_UNTRAINED_SCENES = 4


@dataclass(frozen=True)
class Evidence:
    """What is known about a candidate.

    Attributes:
        translation: the comparison with its network in double precision; none where it was made
            from a file.
        proofs: what was measured, the FP32 graph first.
    """

    translation: Translation | None = None
    proofs: tuple[Proof, ...] = ()


def prove(
    candidate: Candidate, scenes: Sequence[Sequence[Scene]], progress: Progress | None = None
) -> Evidence:
    """Checks that a candidate is what was asked for.

    FP32 graphs that were unrolled are their network in double precision, whatever its weights. The
    graphs of a trained network reach their gates. An INT8 graph is shown beside FP16 too, since a
    user chooses between them; that row is not required to reach its gate.

    Args:
        candidate: what is about to be written.
        scenes: rainy images at several sizes, one of them the candidate's own if it has one.
        progress: told what is being done.

    Raises:
        ModelError: it is not; says by how much.
        InputError: no scene has its size, or `progress` cancels.
    """
    origin = candidate.origin
    translation = _translation(candidate, progress)
    show(progress, "comparing pictures and spikes")
    if not origin.trained:
        scenes = [group[:_UNTRAINED_SCENES] for group in scenes]
    if candidate.request.precision == "fp16" and origin.trained:
        images = (scene.rainy for group in scenes for scene in group)
        require_half_range(origin.graph.model, origin.graph.spec, images)
    proofs = measure(candidate.full, _others(candidate), scenes, _network(origin), progress)
    for proof in (proofs[0], proofs[-1]) if origin.trained else ():
        require(proof)
    free = candidate.free
    if free.probe is not None:
        require_same_picture(free.content, free.probe, scenes[0][0].rainy)
    if candidate.artefact is not free:
        require_same_at_its_shape(free, candidate.artefact, scenes)
    return Evidence(translation, proofs)


def _translation(candidate: Candidate, progress: Progress | None) -> Translation | None:
    network, full = candidate.origin.network, candidate.full
    if network is None:
        return None
    from spikerain_export.translation import prove_translation

    show(progress, "comparing the graph with PyTorch in double precision")
    return prove_translation(network, [full.content, *([full.probe] if full.probe else [])])


def _others(candidate: Candidate) -> list[Artefact]:
    """What is shown beside the FP32 graph, what is written last."""
    precision = candidate.request.precision
    if precision == "fp32":
        return []
    half = [convert(candidate.origin, Request("fp16"))] if precision == "int8" else []
    return [*half, candidate.free]


def _network(origin: Origin) -> Derain | None:
    """The PyTorch network as a function on images, where there is one."""
    network = origin.network
    if network is None:
        return None
    from spikerain_training.restore import restore

    return lambda image: restore(network, image)
