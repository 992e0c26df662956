"""Exports a model: converts it, proves it, builds an engine if asked, writes files at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikerain_edge.engine_file import SUFFIX, EngineFile, is_engine_file
from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.files import require_distinct
from spikerain_edge.inference import Derainer, OnnxRuntimeEngine
from spikerain_export.artefact import probe_path, require_place, write_together
from spikerain_export.conversion import (
    Artefact,
    Request,
    convert,
    finish,
    require_convertible,
    rewrite,
)
from spikerain_export.origin import Origin
from spikerain_export.tensorrt import BuildSettings, EngineCache, Progress, build_cached
from spikerain_export.tensorrt.builder import check_profiles
from spikerain_export.tensorrt.target import choose_library, find_target
from spikerain_export.verification import Derain, Proof, Scene, gates, prove, require
from spikerain_training.metrics import psnr

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Delivery:
    """What an export wrote and measured.

    Attributes:
        files: what was written; the graph or engine first.
        proofs: what was measured, the FP32 graph first; none without verification.
        document: all of it as plain values, for a JSON report.
    """

    files: tuple[Path, ...]
    proofs: tuple[Proof, ...]
    document: dict[str, Any]


def deliver(
    origin: Origin,
    request: Request,
    output: Path,
    scenes: Sequence[Sequence[Scene]],
    *,
    verify: bool = True,
    engine: BuildSettings | None = None,
    progress: Progress | None = None,
    tell: Callable[[str], None] = lambda message: None,
) -> Delivery:
    """Exports a model; nothing is written unless all of it succeeds.

    Args:
        origin: the FP32 model.
        request: precision, target and shape.
        output: file to write, an ONNX graph with its probe graph beside it, or an engine.
        scenes: the same rainy images at several sizes, to choose INT8 scales by and to prove the
            export on.
        verify: whether to prove it and to refuse what misses its gate.
        engine: builds a TensorRT engine of these settings instead of an ONNX file.
        progress: told how the build of an engine gets on.
        tell: told what is being done.

    Raises:
        InputError: the request cannot be served or the file not be written.
        ModelError: the export is not what was asked for; see `verification.require`.
    """
    written = (output,) if engine else (output, probe_path(output))
    require_distinct([str(path) for path in written], origin.files)
    for path in written:
        require_place(path)
    require_convertible(origin, request)
    _require_kind(output, origin, engine)
    tell(f"making the {request.precision} graph")
    rainy = [scene.rainy for scene in scenes[0]]
    graphs = rewrite(origin, request, rainy)
    free = finish(graphs, origin.opset)
    proofs: tuple[Proof, ...] = ()
    if verify:
        tell("comparing pictures and spikes")
        proofs = _proved(origin, free, scenes)
    artefact = free
    if request.batch != 1 or request.size:
        artefact = finish(graphs, origin.opset, request.batch, request.size)
        if verify:
            _require_same_at_its_shape(free, artefact, scenes)
    if engine is None:
        _write_graph(artefact, output)
        written = written if artefact.probe else (output,)
        document = {"format": "onnx", "spec": asdict(artefact.graph.spec)}
    else:
        tell("building the engine")
        built = _built(artefact, engine, progress)
        built.write(output)
        document = {"format": "engine", "header": asdict(built.header)}
    report = {
        **document,
        "files": [str(path) for path in written],
        "reference": "pytorch" if origin.network else "onnx fp32",
        "gates": {name: asdict(gate) for name, gate in gates().items()},
        "proofs": [_finite(asdict(proof)) for proof in proofs],
        "note": origin.note,
    }
    return Delivery(written, proofs, report)


def _proved(origin: Origin, made: Artefact, scenes: Sequence[Sequence[Scene]]) -> tuple[Proof, ...]:
    """Measures what was made beside the FP32 graph and requires its gate.

    INT8 is shown beside FP16 too, since a user chooses between them; that row is not required.
    Of an untrained network all is shown and nothing required.
    """
    precision = made.graph.spec.precision
    full = made if precision == "fp32" else convert(origin, Request())
    half = [convert(origin, Request("fp16"))] if precision == "int8" else []
    others = [] if made is full else [*half, made]
    proofs = prove(full, others, scenes, _network(origin))
    # Random weights amplify rounding: two exact implementations differ by more than any gate.
    for proof in (proofs[0], proofs[-1]) if origin.trained else ():
        require(proof)
    if made.probe is not None:
        _require_same_picture(made.content, made.probe, scenes[0][0].rainy)
    return proofs


def _network(origin: Origin) -> Derain | None:
    """The PyTorch network as a function on images, where there is one."""
    network = origin.network
    if network is None:
        return None
    from spikerain_training.restore import restore

    return lambda image: restore(network, image)


def _require_same_picture(content: bytes, probe: bytes, image: Image) -> None:
    with Derainer.from_bytes(content, probe=probe) as derainer:
        if not np.array_equal(derainer.derain_and_probe(image)[0], derainer(image)):
            raise ModelError(
                "the probe graph makes another picture than the graph",
                "nothing was written; report this network",
            )


def _require_same_at_its_shape(
    free: Artefact, fixed: Artefact, scenes: Sequence[Sequence[Scene]]
) -> None:
    """What was proven takes one image of any size: what is written must do the same."""
    spec = fixed.graph.spec
    image = next(
        (
            group[0].rainy
            for group in scenes
            if group[0].rainy.shape[:2] == (spec.height, spec.width)
        ),
        scenes[0][0].rainy,
    )
    if spec.height and image.shape[:2] != (spec.height, spec.width):
        raise InputError(f"there is no scene of {spec.width}x{spec.height} to prove the export on")
    with Derainer.from_bytes(free.content) as derainer:
        wanted = np.stack([derainer(image)] * spec.batch)
        batch = np.concatenate([derainer.prepare(image)] * spec.batch)
    with OnnxRuntimeEngine(fixed.content, "the graph in memory") as engine:
        made = engine.infer(batch)[:, : image.shape[0], : image.shape[1]]
    # Sums may be taken in another order, so that a few spikes differ.
    if psnr(wanted, made) < gates()["fp32"].psnr:
        raise ModelError(
            "the graph makes another picture at its own shape than at free size",
            "nothing was written; report this network",
        )


def _require_kind(output: Path, origin: Origin, engine: BuildSettings | None) -> None:
    """Looks, before a long export, whether name, sizes and machine allow what is to be written."""
    if is_engine_file(output) != (engine is not None):
        kind, suffix = ("an ONNX graph", ".onnx") if engine is None else ("an engine", SUFFIX)
        raise InputError(
            f"{output} is no name for {kind}: files are known by their suffix",
            f"name it {output.with_suffix(suffix)}",
        )
    if engine is not None:
        check_profiles(origin.graph.spec, engine.profiles)
        find_target(choose_library(engine.capability), engine.capability, engine.device)


def _write_graph(artefact: Artefact, output: Path) -> None:
    contents = {output: artefact.content}
    if artefact.probe is not None:
        contents[probe_path(output)] = artefact.probe
    write_together(contents)


def _built(artefact: Artefact, settings: BuildSettings, progress: Progress | None) -> EngineFile:
    spec = artefact.graph.spec
    return build_cached(artefact.content, spec, settings, EngineCache(), progress=progress)


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
