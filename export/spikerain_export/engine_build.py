"""Builds an engine from a candidate and verifies it on this GPU, if it was built for this GPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spikerain_edge.engine_file import EngineFile
from spikerain_edge.engine_header import AHEAD_OF_TIME
from spikerain_edge.inference import Derainer
from spikerain_export.agreement import prove_engine
from spikerain_export.candidate import Candidate
from spikerain_export.progress import Progress, show
from spikerain_export.tensorrt import BuildSettings, EngineCache, build_cached
from spikerain_export.truth import Scene


@dataclass(frozen=True)
class Built:
    """A built engine.

    Attributes:
        file: the engine.
        psnr: lowest PSNR of an image against the FP32 graph, in dB; None if it was not run.
    """

    file: EngineFile
    psnr: float | None = None

    @property
    def ahead_of_time(self) -> bool:
        """Whether it was built for a GPU of another machine, so that it has not been run."""
        return self.file.header.gpu == AHEAD_OF_TIME


def build(
    candidate: Candidate,
    settings: BuildSettings,
    scenes: Sequence[Sequence[Scene]] = (),
    progress: Progress | None = None,
) -> Built:
    """Builds the engine of a candidate, or takes it from the cache; see `build_cached`.

    Args:
        candidate: the model to build it from.
        settings: settings of the build.
        scenes: rainy images at several sizes to verify it on; empty to skip verification.
        progress: called with each step of the build.

    Raises:
        InputError: an engine with these settings cannot be built here, no scene has its size, or
            `progress` cancels.
        ModelError: the engine cannot be built or does not reach its gate.
    """
    show(progress, "building the engine")
    reached: list[float] = []

    def accept(file: EngineFile) -> None:
        if scenes and file.header.gpu != AHEAD_OF_TIME:
            with Derainer.from_bytes(candidate.full.content) as full:
                device, held = settings.device, candidate.origin.trained
                reached.append(prove_engine(file, full, scenes, device=device, held=held))

    made, spec = candidate.artefact, candidate.artefact.graph.spec
    file = build_cached(
        made.content, spec, settings, EngineCache(), progress=progress, accept=accept
    )
    return Built(file, reached[0] if reached else None)
