"""Compares with what was proven what is written beside it or made of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from spikerain_edge.engine_file import EngineFile
from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.images import Image
from spikerain_edge.images.metrics import psnr
from spikerain_edge.inference import Derainer, OnnxRuntimeEngine
from spikerain_edge.inference.cuda import open_cuda
from spikerain_edge.inference.tensorrt import TensorRTEngine
from spikerain_export.conversion import Artefact
from spikerain_export.gates import UNPROVEN, gates
from spikerain_export.truth import Scene
from spikerain_export.verification import Derain

_REPORT = f"nothing was written; report this model, {UNPROVEN}"
_SHIFT = 8


def require_same_picture(content: bytes, probe: bytes, image: Image) -> None:
    """Checks that a graph and its probe graph make the same picture.

    Raises:
        ModelError: they do not.
    """
    with Derainer.from_bytes(content, probe=probe) as derainer:
        if not np.array_equal(derainer.derain_and_probe(image)[0], derainer(image)):
            raise ModelError("the probe graph makes another picture than the graph", _REPORT)


def require_same_at_its_shape(
    free: Artefact, fixed: Artefact, scenes: Sequence[Sequence[Scene]]
) -> None:
    """Checks that a graph of fixed shape does what the proven graph of free size does.

    Args:
        free: the graph of one image of free size.
        fixed: the same of several images, of one size, or both.
        scenes: rainy images at several sizes.

    Raises:
        InputError: no scene has the size.
        ModelError: it makes other pictures.
    """
    spec = fixed.graph.spec
    sized = [group for group in scenes if group[0].rainy.shape[:2] == (spec.height, spec.width)]
    if spec.height and not sized:
        raise _no_scene(f"{spec.width}x{spec.height}")
    images = slots((sized or scenes)[0], spec.batch)
    height, width = images[0].shape[:2]
    with Derainer.from_bytes(free.content) as derainer:
        wanted = [derainer(image) for image in images]
        batch = np.concatenate([derainer.prepare(image) for image in images])
    with OnnxRuntimeEngine(fixed.content, "the graph in memory") as engine:
        made = engine.infer(batch)[:, :height, :width]
    # Sums may be taken in another order, so that a few spikes differ.
    if _agreement(wanted, made) < gates()["fp32"].psnr:
        raise ModelError(
            "the graph makes another picture at its own shape than at free size", _REPORT
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
        held: whether it is held to the gate of its precision.

    Returns:
        The lowest agreement of an image with the reference in dB.

    Raises:
        InputError: the engine takes none of the sizes.
        ModelError: it cannot be run, or does not reach its gate.
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
    images = slots(group, spec.batch)
    with TensorRTEngine(file, cuda=open_cuda(device)) as engine:
        made = engine.infer(np.stack(images))
    reached, asked = _agreement([derain(image) for image in images], made), gates()[spec.precision]
    if held and reached < asked.psnr:
        raise ModelError(
            f"the {spec.precision} engine agrees with its reference to {reached:.1f} dB only, "
            f"{asked.psnr:g} are required",
            f"nothing was written; build it in higher precision, {UNPROVEN}",
        )
    return reached


def slots(scenes: Sequence[Scene], batch: int) -> list[Image]:
    """As many rainy images as a batch holds, all different: equal ones could change places.

    Where there are not enough scenes they come again, moved sideways.
    """
    rounds = [divmod(number, len(scenes)) for number in range(batch)]
    return [np.roll(scenes[index].rainy, _SHIFT * turn, axis=1) for turn, index in rounds]


def _agreement(wanted: Sequence[Image], made: npt.NDArray[np.uint8]) -> float:
    """The lowest agreement of an image of a batch, in dB."""
    return min(psnr(one, two) for one, two in zip(wanted, made, strict=True))


def _no_scene(size: str) -> InputError:
    return InputError(
        f"there is no scene of {size} to prove the export on",
        "give scenes of that size, or leave out --imgsz",
    )
