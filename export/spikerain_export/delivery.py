"""Exports a model: converts it, verifies it, builds an engine if requested, and writes it last."""

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
from spikerain_export.artefact import require_writable, write_artefacts
from spikerain_export.candidate import Candidate, make
from spikerain_export.conversion import Request, require_convertible
from spikerain_export.engine_build import Built, build
from spikerain_export.gates import gates
from spikerain_export.origin import Origin
from spikerain_export.output_files import (
    graph_files,
    output_files,
    plan_path,
    require_replaceable,
)
from spikerain_export.progress import Progress
from spikerain_export.proving import Evidence, prove
from spikerain_export.tensorrt import BuildSettings
from spikerain_export.tensorrt.requirements import check_profiles
from spikerain_export.tensorrt.target import choose_library, find_target
from spikerain_export.truth import Scene
from spikerain_export.verification import FULL, PYTORCH, Proof

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Delivery:
    """The files and measurements of an export.

    Attributes:
        files: the written files, graph or engine first.
        proofs: the measurements, FP32 graph first; empty without verification.
        document: the whole report as plain values, for JSON.
        notes: remarks for the user, mostly about what was not verified; also logged.
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
    calibration: Sequence[Scene] = (),
    verify: bool = True,
    engine: BuildSettings | None = None,
    plan: bool = False,
    progress: Progress | None = None,
) -> Delivery:
    """Exports a model. Writes nothing unless every step succeeds.

    Args:
        origin: the FP32 model.
        request: precision, target and shape.
        output: file to write, an ONNX graph or an engine. The graph of an engine and the probe
            graph are written to the same folder.
        scenes: rainy images at several sizes, to verify the export on.
        calibration: other rainy scenes, that choose how INT8 rounds. Without them, INT8 for ONNX
            Runtime is refused, and the weights of other targets get the nearest level.
        verify: whether to verify the export and to fail if it misses its gate.
        engine: settings of a TensorRT engine to build; None to write a graph only.
        plan: whether to write the bare plan of the engine beside it, for other programs.
        progress: called with each step.

    Raises:
        InputError: the model cannot be exported as requested, a file cannot be written, or
            `progress` cancels.
        ModelError: the export does not pass verification; see `proving.prove`.
    """
    _require_outputs(output, origin, plan)
    require_convertible(origin, request)
    _require_kind(output, origin, engine)
    candidate = make(origin, request, calibration, progress)
    if engine is not None:
        require_replaceable(graph_files(candidate.artefact, output), output, origin.files)
    evidence = prove(candidate, scenes, progress) if verify else Evidence()
    built = None
    if engine is not None:
        built = build(candidate, engine, scenes if verify else (), progress)
    return write(candidate, output, evidence, built, plan=plan)


def write(
    candidate: Candidate,
    output: Path,
    evidence: Evidence | None = None,
    built: Built | None = None,
    *,
    plan: bool = False,
) -> Delivery:
    """Writes a candidate with its probe graph: either all files or none.

    Args:
        candidate: the converted model.
        output: file to write, an ONNX graph or an engine.
        evidence: its measurements, for the report.
        built: its engine, if `output` is an engine.
        plan: whether to write the bare plan of the engine beside it.

    Raises:
        InputError: a file cannot be written.
    """
    evidence = evidence or Evidence()
    contents = graph_files(candidate.artefact, output)
    document: dict[str, Any] = {"format": "onnx", "spec": asdict(candidate.artefact.graph.spec)}
    if built is not None:
        run = {"engine_run": built.psnr is not None, "engine_psnr": built.psnr}
        document = {"format": "engine", "header": asdict(built.file.header), **run}
        bare = {plan_path(output): built.file.plan} if plan else {}
        document["plan"] = next(map(str, bare), None)
        contents = {output: built.file.to_bytes(), **bare, **contents}
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
            f"the FP32 graph of {origin.graph.spec.name} was read from a file, so it was not "
            "compared with PyTorch: export the checkpoint folder to compare them"
        )
    if (request.precision, request.target) == ("fp16", "onnxruntime"):
        notes.append(_about_half_precision(evidence))
    if evidence.translation is not None:
        found = evidence.translation
        notes.append(
            f"the graph equals its PyTorch network in double precision: all {found.spikes} spikes "
            f"are equal, pictures differ by at most {found.picture:.0e} levels "
            f"({found.seconds:.1f} s)"
        )
    if built is not None and built.ahead_of_time:
        notes.append(
            "the engine was built ahead of time for another GPU and has not been run: test it on "
            "that GPU before you rely on it"
        )
    return notes


def _about_half_precision(evidence: Evidence) -> str:
    advice = "FP16 is for GPUs; for a CPU, export with --int8"
    if not evidence.proofs:
        return f"on most CPUs, fp16 is slower than fp32: {advice}"
    full, half = evidence.proofs[0].timing.median, evidence.proofs[-1].timing.median
    return f"on this CPU, fp16 runs at {full / half:.2f} times the speed of fp32: {advice}"


def _require_outputs(output: Path, origin: Origin, plan: bool) -> None:
    """Checks, before a long export, that its files can be written and overwrite no input."""
    beside = output_files(output, plan)
    # The graph beside an engine may be the input itself; `require_replaceable` compares them later.
    written = beside[: 1 + plan] if output.suffix == SUFFIX else beside
    require_distinct([str(path) for path in written], origin.files)
    for path in beside:
        require_writable(path)


def _require_kind(output: Path, origin: Origin, engine: BuildSettings | None) -> None:
    """Checks, before a long export, the output's suffix and, for an engine, sizes and GPU."""
    kind, suffix = ("an ONNX graph", ".onnx") if engine is None else ("an engine", SUFFIX)
    if output.suffix != suffix:
        raise InputError(
            f"{output} is not a name for {kind}: the name must end in {suffix}",
            f"use --output {output.with_suffix(suffix)}",
        )
    if engine is not None:
        check_profiles(origin.graph.spec, engine.profiles)
        find_target(choose_library(engine.capability), engine.capability, engine.device)


def _finite(value: Any) -> Any:
    """Replaces infinities and NaN by None, because JSON has neither."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(entry) for entry in value]
    return value
