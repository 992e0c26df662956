"""Checks, before a build, that an engine can be built from a graph for some image sizes."""

from __future__ import annotations

from collections.abc import Sequence

from spikerain_edge.engine_header import MAX_PROFILES, Profile
from spikerain_edge.errors import InputError
from spikerain_edge.spec import ModelSpec


def check_graph(spec: ModelSpec) -> None:
    """Checks that engines can be built from a graph.

    Raises:
        InputError: it is a probe graph, or an INT8 graph for ONNX Runtime.
    """
    if spec.probe:
        raise InputError(
            f"{spec.name} is a probe graph; engines are built from the graph beside it",
            "export the file without .probe in its name",
        )
    if spec.target == "onnxruntime":
        raise InputError(
            f"the {spec.precision} graph of {spec.name} was made for ONNX Runtime, not TensorRT",
            "build from the FP32 model, for example: spikerain-edge export nano --format engine "
            "--int8",
        )


def check_profiles(spec: ModelSpec, profiles: Sequence[Profile]) -> None:
    """Checks that an engine can be built for these image sizes.

    Raises:
        InputError: there are too many sizes or none, a size is not a multiple of the stride, the
            sizes of a profile are out of order, or the graph has another fixed size.
    """
    if not 0 < len(profiles) <= MAX_PROFILES:
        raise InputError(
            f"an engine can have 1 to {MAX_PROFILES} profiles, not {len(profiles)}",
            "use fewer sizes",
        )
    for profile in profiles:
        sizes = (profile.minimum, profile.optimum, profile.maximum)
        odd = [size for size in sizes if size[0] % spec.stride or size[1] % spec.stride]
        if odd:
            raise InputError(
                f"an engine of {spec.name} cannot take images of {odd[0][1]}x{odd[0][0]}",
                f"use multiples of {spec.stride}, for example --imgsz 640x480",
            )
        if not (profile.serves(profile.optimum) and min(profile.minimum) > 0):
            raise InputError(
                f"the sizes of a profile are out of order: {sizes}",
                "give the smallest, the usual and the largest size, in this order",
            )
        if spec.height and sizes != ((spec.height, spec.width),) * 3:
            raise InputError(
                f"the graph of {spec.name} only takes {spec.width}x{spec.height}, not {profile}",
                f"build for its size (--imgsz {spec.width}x{spec.height}), or export the graph "
                "without --imgsz",
            )
