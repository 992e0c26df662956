"""Compares probe graphs, graphs of fixed shape and engines with the verified graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from spikerain_edge.engine_file import EngineFile
from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.images import Image
from spikerain_edge.images.metrics import psnr
from spikerain_edge.inference import Derainer
from spikerain_edge.inference.backends import made_for, open_graph
from spikerain_edge.inference.cuda import open_cuda
from spikerain_edge.inference.providers import CPU
from spikerain_edge.inference.tensorrt import TensorRTEngine
from spikerain_export.conversion import Artefact
from spikerain_export.gates import UNPROVEN, gates
from spikerain_export.truth import Scene
from spikerain_export.verification import Derain

_REPORT = f"nothing was written; report this model as a bug, {UNPROVEN}"
_SHIFT = 8


def require_same_picture(content: bytes, probe: bytes, scene: Scene, backend: str = CPU) -> None:
    """Checks that a graph and its probe graph produce the same picture.

    Args:
        content: the graph.
        probe: its probe graph.
        scene: a rainy scene.
        backend: what runs them.

    Raises:
        ModelError: the pictures differ.
    """
    with Derainer.from_bytes(content, probe=probe, provider=backend) as derainer:
        if not np.array_equal(derainer.derain_and_probe(*scene.frames)[0], derainer(*scene.frames)):
            raise ModelError("the graph and its probe graph produce different pictures", _REPORT)


def require_same_at_its_shape(
    free: Artefact, fixed: Artefact, scenes: Sequence[Sequence[Scene]]
) -> None:
    """Checks that a graph of fixed shape produces the pictures of the graph of free size.

    Args:
        free: the verified graph, which takes one image of any size.
        fixed: the same graph for several images, for one size, or both.
        scenes: rainy images at several sizes.

    Raises:
        InputError: no scene has the size of the fixed graph.
        ModelError: the pictures agree less than the FP32 gate requires.
    """
    spec = fixed.graph.spec
    sized = [group for group in scenes if group[0].rainy.shape[:2] == (spec.height, spec.width)]
    if spec.height and not sized:
        raise _no_scene(f"{spec.width}x{spec.height}")
    shown = slots((sized or scenes)[0], spec.batch)
    height, width = shown[0].rainy.shape[:2]
    backend = made_for(spec)
    with Derainer.from_bytes(free.content, provider=backend) as derainer:
        wanted = [derainer(*scene.frames) for scene in shown]
        prepared = [[derainer.prepare(frame) for frame in scene.frames] for scene in shown]
        batches = [np.concatenate(frames) for frames in zip(*prepared, strict=True)]
    with open_graph(fixed.content, "the graph in memory", backend, None) as engine:
        made = engine.infer(*batches)[:, :height, :width]
    # The runtime may sum in another order, which can flip a few spikes.
    if _agreement(wanted, made) < gates()["fp32"].psnr:
        raise ModelError(
            "the graph of fixed shape and the graph of free size produce different pictures",
            _REPORT,
        )


def prove_engine(
    file: EngineFile,
    derain: Derain,
    scenes: Sequence[Sequence[Scene]],
    *,
    device: int = 0,
    held: bool = True,
) -> float:
    """Runs an engine on the GPU that it was built on and checks that it reaches its gate.

    Args:
        file: the engine.
        derain: the reference.
        scenes: rainy images at several sizes, one of which the engine takes.
        device: number of the GPU.
        held: whether the engine must reach the gate of its precision.

    Returns:
        The lowest PSNR of an image against the reference, in dB.

    Raises:
        InputError: the engine takes none of the sizes.
        ModelError: the engine cannot be run, or does not reach its gate.
    """
    spec, profiles = file.header.spec, file.header.profiles
    fitting = (
        group
        for group in scenes
        if any(profile.serves(group[0].rainy.shape[:2]) for profile in profiles)
        and not any(side % spec.stride for side in group[0].rainy.shape[:2])
    )
    group = next(fitting, None)
    if group is None:
        taken = ", ".join(map(str, profiles))
        raise _no_scene(taken)
    shown = slots(group, spec.batch)
    batches = [np.stack(frames) for frames in zip(*(each.frames for each in shown), strict=True)]
    with TensorRTEngine(file, cuda=open_cuda(device)) as engine:
        made = engine.infer(*batches)
    wanted = [derain(*scene.frames) for scene in shown]
    reached, asked = _agreement(wanted, made), gates()[spec.precision]
    if held and reached < asked.psnr:
        raise ModelError(
            f"the {spec.precision} engine agrees with its reference to only {reached:.1f} dB; "
            f"at least {asked.psnr:g} dB are required",
            f"nothing was written; build it in a higher precision, {UNPROVEN}",
        )
    return reached


def slots(scenes: Sequence[Scene], batch: int) -> list[Scene]:
    """Returns `batch` different rainy scenes, so that swapped slots of a batch are noticed.

    If there are too few scenes, they are repeated, shifted sideways.
    """
    rounds = [divmod(number, len(scenes)) for number in range(batch)]
    return [_shifted(scenes[index], _SHIFT * turn) for turn, index in rounds]


def _shifted(scene: Scene, columns: int) -> Scene:
    """A scene moved sideways, without its clean image."""
    frames = [np.roll(frame, columns, axis=1) for frame in scene.frames]
    return Scene(frames[0], previous=frames[1] if len(frames) > 1 else None)


def _agreement(wanted: Sequence[Image], made: npt.NDArray[np.uint8]) -> float:
    """Returns the lowest PSNR of an image of the batch, in dB."""
    return min(psnr(one, two) for one, two in zip(wanted, made, strict=True))


def _no_scene(size: str) -> InputError:
    return InputError(
        f"the export cannot be verified at {size}: no image has this size",
        "leave out --imgsz, or add --no-verify to skip the check",
    )
