"""Exports a model: makes it, proves it, builds an engine if asked, and writes it at the end."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spikerain_edge.engine_file import SUFFIX
from spikerain_edge.errors import InputError
from spikerain_edge.files import require_distinct
from spikerain_edge.images import Image
from spikerain_export.artefact import require_place, write_artefacts
from spikerain_export.candidate import Candidate, make
from spikerain_export.conversion import Request, require_convertible
from spikerain_export.engine_build import Built, build
from spikerain_export.gates import gates
from spikerain_export.origin import Origin
from spikerain_export.places import graph_files, places, require_replaceable
from spikerain_export.progress import Progress
from spikerain_export.proving import Evidence, prove
from spikerain_export.tensorrt import BuildSettings
from spikerain_export.tensorrt.builder import check_profiles
from spikerain_export.tensorrt.target import choose_library, find_target
from spikerain_export.truth import Scene
from spikerain_export.verification import FULL, PYTORCH, Proof

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Delivery:
    """What an export wrote and measured.

    Attributes:
        files: what was written; the graph or engine first.
        proofs: what was measured, the FP32 graph first; none without verification.
        document: all of it as plain values, for a JSON report.
        notes: what the user should know, most of it about what was not proven; logged too.
    """

    files: tuple[Path, ...]
    proofs: tuple[Proof, ...]
    document: dict[str, Any]
    notes: tuple[str, ...] = ()


def deliver(
    origin: Origin,
    request: Request,
    output: Path,
    scenes: Sequence[Sequence[Scene]],
    *,
    calibration: Sequence[Image] = (),
    verify: bool = True,
    engine: BuildSettings | None = None,
    progress: Progress | None = None,
) -> Delivery:
    """Exports a model; nothing is written unless all of it succeeds.

    Args:
        origin: the FP32 model.
        request: precision, target and shape.
        output: file to write, an ONNX graph or an engine; an engine's graph comes to lie beside
            it, and the probe graph beside that.
        scenes: rainy images at several sizes, to prove the export on.
        calibration: rainy images (H, W, 3) uint8 BGR, others than the scenes, to choose the
            scales of ONNX Runtime's INT8 by.
        verify: whether to prove it and to refuse what misses its gate.
        engine: builds a TensorRT engine of these settings too.
        progress: told what is being done.

    Raises:
        InputError: the request cannot be served, a file not be written, or `progress` cancels.
        ModelError: the export is not what was asked for; see `proving.prove`.
    """
    _require_places(output, origin)
    require_convertible(origin, request)
    _require_kind(output, origin, engine)
    candidate = make(origin, request, calibration, progress)
    if engine is not None:
        require_replaceable(graph_files(candidate.artefact, output), output, origin.files)
    evidence = prove(candidate, scenes, progress) if verify else Evidence()
    built = None
    if engine is not None:
        built = build(candidate, engine, scenes if verify else (), progress)
    return write(candidate, output, evidence, built)


def write(
    candidate: Candidate,
    output: Path,
    evidence: Evidence | None = None,
    built: Built | None = None,
) -> Delivery:
    """Writes a candidate with its probe graph, all of it or nothing.

    Args:
        candidate: what to write.
        output: file to write, an ONNX graph or an engine.
        evidence: what is known about it, for the report.
        built: its engine, where `output` is one.

    Raises:
        InputError: a file cannot be written.
    """
    evidence = evidence or Evidence()
    contents = graph_files(candidate.artefact, output)
    document: dict[str, Any] = {"format": "onnx", "spec": asdict(candidate.artefact.graph.spec)}
    if built is not None:
        run = {"engine_run": built.psnr is not None, "engine_psnr": built.psnr}
        document = {"format": "engine", "header": asdict(built.file.header), **run}
        contents = {output: built.file.to_bytes(), **contents}
    write_artefacts(contents)
    notes = _notes(candidate, evidence, built)
    for note in notes:
        _log.info("%s", note)
    report = {
        **document,
        "files": [str(path) for path in contents],
        "reference": PYTORCH if candidate.origin.network else FULL,
        "gates": {name: asdict(gate) for name, gate in gates().items()},
        "scale_images": candidate.scale_images,
        "translation": evidence.translation and asdict(evidence.translation),
        "proofs": [asdict(proof) for proof in evidence.proofs],
        "note": candidate.origin.note,
        "notes": notes,
    }
    return Delivery(tuple(contents), evidence.proofs, _finite(report), tuple(notes))


def _notes(candidate: Candidate, evidence: Evidence, built: Built | None) -> list[str]:
    notes = []
    request, origin = candidate.request, candidate.origin
    if request.precision == "fp32" and origin.network is None and evidence.proofs:
        notes.append(
            f"the FP32 graph of {origin.graph.spec.name} is that of its file and was compared with "
            "nothing but itself: to compare it with PyTorch, export its checkpoint"
        )
    if (request.precision, request.target) == ("fp16", "onnxruntime"):
        notes.append(_about_half_precision(evidence))
    if evidence.translation is not None:
        found = evidence.translation
        notes.append(
            f"the graph is its PyTorch network in double precision: {found.spikes} spikes equal, "
            f"pictures within {found.picture:.0e} levels ({found.seconds:.1f} s)"
        )
    if built is not None and built.ahead_of_time:
        notes.append(
            "the engine was built ahead of time for another GPU and has not been run: run it "
            "there before you rely on it"
        )
    return notes


def _about_half_precision(evidence: Evidence) -> str:
    advice = "FP16 is for GPUs; for a CPU, export with --int8"
    if not evidence.proofs:
        return f"on most CPUs the fp16 graph is slower than fp32: {advice}"
    full, half = evidence.proofs[0].timing.median, evidence.proofs[-1].timing.median
    return f"on this CPU the fp16 graph has {full / half:.2f} times the speed of fp32: {advice}"


def _require_places(output: Path, origin: Origin) -> None:
    """Checks, before a long export, that its files can be written and that none is read."""
    beside = places(output)
    # An engine's graph may be the one that it is built from: it is compared before it is written.
    written = [output] if output.suffix == SUFFIX else beside
    require_distinct([str(path) for path in written], origin.files)
    for path in beside:
        require_place(path)


def _require_kind(output: Path, origin: Origin, engine: BuildSettings | None) -> None:
    """Checks, before a long export, that name, sizes and machine allow what is to be written."""
    kind, suffix = ("an ONNX graph", ".onnx") if engine is None else ("an engine", SUFFIX)
    if output.suffix != suffix:
        raise InputError(
            f"{output} is not a name for {kind}: its suffix must be {suffix}",
            f"name it with --output {output.with_suffix(suffix)}",
        )
    if engine is not None:
        check_profiles(origin.graph.spec, engine.profiles)
        find_target(choose_library(engine.capability), engine.capability, engine.device)


def _finite(value: Any) -> Any:
    """Plain values with none in the place of infinities, since JSON has no infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(entry) for entry in value]
    return value
