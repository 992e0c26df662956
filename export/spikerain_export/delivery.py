"""Exports a model: converts it, proves it, builds an engine if asked, writes files at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spikerain_edge.engine_file import SUFFIX, EngineFile
from spikerain_edge.engine_header import AHEAD_OF_TIME
from spikerain_edge.errors import InputError
from spikerain_edge.files import require_distinct
from spikerain_edge.images import Image
from spikerain_edge.inference import Derainer
from spikerain_export.agreement import prove_engine, require_same_at_its_shape, require_same_picture
from spikerain_export.artefact import require_place, write_artefacts
from spikerain_export.conversion import (
    Artefact,
    Request,
    convert,
    finish,
    require_convertible,
    rewrite,
)
from spikerain_export.origin import Origin
from spikerain_export.places import graph_files, places, require_replaceable
from spikerain_export.precision import require_half_range
from spikerain_export.tensorrt import BuildSettings, EngineCache, Progress, build_cached
from spikerain_export.tensorrt.builder import check_profiles
from spikerain_export.tensorrt.target import choose_library, find_target
from spikerain_export.verification import ITSELF, Derain, Proof, Scene, gates, prove, require

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Delivery:
    """What an export wrote and measured.

    Attributes:
        files: what was written; the graph or engine first.
        proofs: what was measured, the FP32 graph first; none without verification.
        document: all of it as plain values, for a JSON report.
        notes: lines that the user should read, most of them about what was not proven.
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
    tell: Tell = lambda message: None,
) -> Delivery:
    """Exports a model; nothing is written unless all of it succeeds.

    Args:
        origin: the FP32 model.
        request: precision, target and shape.
        output: file to write, an ONNX graph or an engine; an engine's graph comes to lie beside
            it, and the probe graph beside that.
        scenes: the same rainy images at several sizes, to prove the export on.
        calibration: rainy images (H, W, 3) uint8 BGR, others than the scenes, to choose the
            scales of ONNX Runtime's INT8 by.
        verify: whether to prove it and to refuse what misses its gate.
        engine: builds a TensorRT engine of these settings too.
        progress: told how the build of an engine gets on.
        tell: told what is being done.

    Raises:
        InputError: the request cannot be served or a file not be written.
        ModelError: the export is not what was asked for; see `verification.require`.
    """
    beside = places(output)
    require_distinct([str(path) for path in (beside if engine is None else [output])], origin.files)
    for path in beside:
        require_place(path)
    require_convertible(origin, request)
    _require_kind(output, origin, engine)
    tell(f"making the {request.precision} graph")
    graphs = rewrite(origin, request, calibration)
    artefact = free = finish(graphs, origin.opset)
    if request.batch != 1 or request.size:
        artefact = finish(graphs, origin.opset, request.batch, request.size)
    contents = graph_files(artefact, output)
    if engine is not None:
        require_replaceable(contents, output, origin.files)
    notes = _notes(origin, request)
    proofs: tuple[Proof, ...] = ()
    if verify:
        tell("comparing pictures and spikes")
        proofs = _proved(origin, free, scenes)
        if artefact is not free:
            require_same_at_its_shape(free, artefact, scenes)
    document: dict[str, Any] = {"format": "onnx", "spec": asdict(artefact.graph.spec)}
    if engine is not None:
        tell("building the engine")
        building = _Building(origin, engine, scenes if verify else (), notes.append)
        built = building.build(artefact, progress)
        document = {"format": "engine", "header": asdict(built.header), **building.run}
        contents = {output: built.to_bytes(), **contents}
    write_artefacts(contents)
    report = {
        **document,
        "files": [str(path) for path in contents],
        "reference": "pytorch" if origin.network else ITSELF,
        "gates": {name: asdict(gate) for name, gate in gates().items()},
        "scale_images": len(calibration),
        "proofs": [_finite(asdict(proof)) for proof in proofs],
        "note": origin.note,
        "notes": notes,
    }
    return Delivery(tuple(contents), proofs, report, tuple(notes))


def _notes(origin: Origin, request: Request) -> list[str]:
    if request.precision != "fp32" or origin.network is not None:
        return []
    return [
        f"the FP32 graph of {origin.graph.spec.name} is that of its file and was compared with "
        "nothing but itself: for a comparison with PyTorch export its checkpoint"
    ]


class _Building:
    """Builds an engine and runs it, where that is possible, before it is kept anywhere.

    Attributes:
        run: whether it has run, and the agreement with its reference in dB, for the report.

    Args:
        origin: the FP32 model.
        settings: what to build.
        scenes: what to run it on; none to leave it unproven.
        note: told what the user should read.
    """

    def __init__(
        self,
        origin: Origin,
        settings: BuildSettings,
        scenes: Sequence[Sequence[Scene]],
        note: Tell,
    ) -> None:
        self._origin = origin
        self._settings = settings
        self._scenes = scenes
        self._note = note
        self.run: dict[str, Any] = {"engine_run": False, "engine_psnr": None}

    def build(self, artefact: Artefact, progress: Progress | None) -> EngineFile:
        """The engine of a graph; see `build_cached`."""
        spec, cache = artefact.graph.spec, EngineCache()
        return build_cached(
            artefact.content,
            spec,
            self._settings,
            cache,
            progress=progress,
            accept=self._accept,
            tell=self._note,
        )

    def _accept(self, file: EngineFile) -> None:
        if file.header.gpu == AHEAD_OF_TIME:
            self._note(
                "the engine was built ahead of time for another GPU and has not been run: run it "
                "there before it is relied on"
            )
        elif self._scenes:
            with _reference(self._origin) as derain:
                device, held = self._settings.device, self._origin.trained
                reached = prove_engine(file, derain, self._scenes, device=device, held=held)
            self.run = _finite({"engine_run": True, "engine_psnr": reached})


def _proved(origin: Origin, made: Artefact, scenes: Sequence[Sequence[Scene]]) -> tuple[Proof, ...]:
    """Measures what was made beside the FP32 graph and requires its gate.

    INT8 is shown beside FP16 too, since a user chooses between them; that row is not required.
    Of an untrained network all is shown and nothing required.
    """
    precision = made.graph.spec.precision
    full = made if precision == "fp32" else convert(origin, Request())
    half = [convert(origin, Request("fp16"))] if precision == "int8" else []
    others = [] if made is full else [*half, made]
    if precision == "fp16" and origin.trained:
        images = (scene.rainy for group in scenes for scene in group)
        require_half_range(origin.graph.model, origin.graph.spec, images)
    proofs = prove(full, others, scenes, _network(origin))
    # Random weights amplify rounding: two exact implementations differ by more than any gate.
    for proof in (proofs[0], proofs[-1]) if origin.trained else ():
        require(proof)
    if made.probe is not None:
        require_same_picture(made.content, made.probe, scenes[0][0].rainy)
    return proofs


def _network(origin: Origin) -> Derain | None:
    """The PyTorch network as a function on images, where there is one."""
    network = origin.network
    if network is None:
        return None
    from spikerain_training.restore import restore

    return lambda image: restore(network, image)


@contextmanager
def _reference(origin: Origin) -> Iterator[Derain]:
    """What an export is compared with: the PyTorch network where there is one, or FP32 graph."""
    network = _network(origin)
    if network is not None:
        yield network
        return
    with Derainer.from_bytes(convert(origin, Request()).content) as derainer:
        yield derainer


def _require_kind(output: Path, origin: Origin, engine: BuildSettings | None) -> None:
    """Looks, before a long export, whether name, sizes and machine allow what is to be written."""
    kind, suffix = ("an ONNX graph", ".onnx") if engine is None else ("an engine", SUFFIX)
    if output.suffix != suffix:
        raise InputError(
            f"{output} is no name for {kind}: files are known by their suffix",
            f"name it {output.with_suffix(suffix)}",
        )
    if engine is not None:
        check_profiles(origin.graph.spec, engine.profiles)
        find_target(choose_library(engine.capability), engine.capability, engine.device)


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    """Infinite agreement as none, since JSON knows no infinity."""

    def clear(value: Any) -> Any:
        if isinstance(value, float) and not np.isfinite(value):
            return None
        if isinstance(value, dict):
            return {key: clear(entry) for key, entry in value.items()}
        if isinstance(value, (list, tuple)):
            return [clear(entry) for entry in value]
        return value

    return {key: clear(value) for key, value in values.items()}
