"""Verifies a candidate before it is written.

Compares it with its PyTorch network in double precision, with clean images, and, if it has a fixed
shape, with the graph of free size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spikerain_edge.inference.backends import made_for
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

# The accuracy of an untrained network means nothing: a few scenes are enough to time it.
_UNTRAINED_SCENES = 4


@dataclass(frozen=True)
class Evidence:
    """Measurements of a candidate.

    Attributes:
        translation: comparison with its network in double precision; None if the model was read
            from an ONNX file.
        proofs: measurements of each graph, FP32 first.
    """

    translation: Translation | None = None
    proofs: tuple[Proof, ...] = ()


def prove(
    candidate: Candidate, scenes: Sequence[Sequence[Scene]], progress: Progress | None = None
) -> Evidence:
    """Verifies a candidate.

    An unrolled FP32 graph must equal its network in double precision, trained or not. The graphs
    of a trained network must reach their gates. For INT8, FP16 is measured too, because users
    choose between the two; the FP16 graph need not reach its gate then.

    Args:
        candidate: the converted model.
        scenes: rainy images at several sizes, including the candidate's size if that is fixed.
        progress: called with each step.

    Raises:
        ModelError: the candidate fails a check; the message says by how much.
        InputError: no scene has the candidate's size, or `progress` cancels.
    """
    origin = candidate.origin
    translation = _translation(candidate, progress)
    show(progress, "comparing pictures and spikes")
    if not origin.trained:
        scenes = [group[:_UNTRAINED_SCENES] for group in scenes]
    if candidate.request.precision == "fp16" and origin.trained:
        every = (scene for group in scenes for scene in group)
        require_half_range(origin.graph.model, origin.graph.spec, every)
    proofs = measure(candidate.full, _others(candidate), scenes, _network(origin), progress)
    for proof in (proofs[0], proofs[-1]) if origin.trained else ():
        require(proof)
    free = candidate.free
    if free.probe is not None:
        backend = made_for(free.graph.spec)
        require_same_picture(free.content, free.probe, scenes[0][0], backend)
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
    """Returns the graphs to measure besides FP32; the graph to write comes last."""
    precision = candidate.request.precision
    if precision == "fp32":
        return []
    half = [convert(candidate.origin, Request("fp16"))] if precision == "int8" else []
    return [*half, candidate.free]


def _network(origin: Origin) -> Derain | None:
    """Returns the PyTorch network as a function on images, or None if there is no network."""
    network = origin.network
    if network is None:
        return None
    from spikerain_training.restore import restore

    return lambda *frames: restore(network, *frames)
