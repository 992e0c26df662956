"""From an ONNX file to a TensorRT engine, on the GPU that is here or ahead of time for another."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spikerain_edge.engine_file import EngineFile
from spikerain_edge.engine_header import AHEAD_OF_TIME, MAX_PROFILES, EngineHeader, Profile
from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.inference.cuda import open_cuda
from spikerain_edge.inference.tensorrt_library import Library, Messages, make_logger
from spikerain_edge.spec import ModelSpec
from spikerain_export.progress import Progress
from spikerain_export.tensorrt.build_watch import BuildWatch, cancellable, make_monitor
from spikerain_export.tensorrt.target import (
    Target,
    capabilities,
    choose_library,
    find_target,
    workspace_bytes,
)
from spikerain_export.tensorrt.timing import load_timings, save_timings
from spikerain_export.tensorrt.typed import check_layers, check_types, inspect_layers

_CHANNELS = 3


@dataclass(frozen=True)
class BuildSettings:
    """What to build.

    Attributes:
        profiles: image sizes; one fixed one makes an engine of fixed shape.
        workspace: GiB that a layer may take while it runs; half of what is free unless given.
        capability: compute capability to build for ahead of time, such as `8.6`; the GPU that is
            here unless given. Needs TensorRT for RTX.
        device: number of the GPU to build on.
        timings: file that keeps how long kernels took, so that the next build need not measure
            again; none where not wanted. TensorRT for RTX measures nothing and keeps none.
    """

    profiles: tuple[Profile, ...]
    workspace: float | None = None
    capability: str | None = None
    device: int = 0
    timings: Path | None = None


def build_engine(
    content: bytes,
    spec: ModelSpec,
    settings: BuildSettings,
    *,
    progress: Progress | None = None,
    library: Library | None = None,
    target: Target | None = None,
) -> EngineFile:
    """Builds an engine.

    Args:
        content: ONNX file; its precision is the engine's.
        spec: its description.
        settings: what to build.
        progress: told how the build gets on.
        library: TensorRT; found unless given.
        target: where the engine will run; found unless given.

    Raises:
        InputError: the settings cannot be served, something is missing, or it was cancelled.
        ModelError: TensorRT cannot build the graph, or would not run it in its precision.
    """
    check_graph(spec)
    check_profiles(spec, settings.profiles)
    library = library or choose_library(settings.capability)
    target = target or find_target(library, settings.capability, settings.device)
    watch = BuildWatch(progress)
    plan, inspected = cancellable(
        lambda: _build(library, content, spec, settings, target, watch), watch
    )
    header = EngineHeader(
        spec=_shaped(spec, settings.profiles),
        library=library.name,
        library_version=library.version,
        gpu=target.gpu,
        capability=target.capability,
        profiles=settings.profiles,
        source_sha256=hashlib.sha256(content).hexdigest(),
        inspected=inspected,
        workspace=settings.workspace,
    )
    return EngineFile.seal(header, plan)


def check_graph(spec: ModelSpec) -> None:
    """Checks that a graph is one that engines are built from.

    Raises:
        InputError: it is not.
    """
    if spec.probe:
        raise InputError(
            f"{spec.name} is a probe graph, engines are built from the graph beside it",
            "name the file without .probe",
        )
    if spec.target == "onnxruntime":
        raise InputError(
            f"the {spec.precision} graph of {spec.name} was made for ONNX Runtime",
            "export it for TensorRT, as in: spikerain-edge export nano --format engine --int8",
        )


def check_profiles(spec: ModelSpec, profiles: Sequence[Profile]) -> None:
    """Checks that a graph can be built for these image sizes.

    Raises:
        InputError: it cannot.
    """
    if not 0 < len(profiles) <= MAX_PROFILES:
        raise InputError(
            f"an engine has 1 to {MAX_PROFILES} profiles, not {len(profiles)}", "give fewer sizes"
        )
    for profile in profiles:
        sizes = (profile.minimum, profile.optimum, profile.maximum)
        odd = [size for size in sizes if size[0] % spec.stride or size[1] % spec.stride]
        if odd:
            raise InputError(
                f"an engine of {spec.name} cannot take {odd[0][1]}x{odd[0][0]}",
                f"give multiples of {spec.stride}, such as --imgsz 640x480",
            )
        if not (profile.serves(profile.optimum) and min(profile.minimum) > 0):
            raise InputError(f"sizes out of order: {sizes}", "give smallest, usual and largest")
        if spec.height and sizes != ((spec.height, spec.width),) * 3:
            raise InputError(
                f"the graph of {spec.name} takes {spec.width}x{spec.height} only, not {profile}",
                "export it with free sizes, or build for this one",
            )


def _build(
    library: Library,
    content: bytes,
    spec: ModelSpec,
    settings: BuildSettings,
    target: Target,
    watch: BuildWatch,
) -> tuple[bytes, bool]:
    """The plan, and whether its own layer information confirms its precision."""
    here = target.gpu != AHEAD_OF_TIME
    if here:
        open_cuda(settings.device).use()  # CUDA keeps the current GPU per thread
    # TensorRT keeps no reference: logger and monitor must live until the plan is made.
    logger, messages = make_logger(library)
    builder = library.module.Builder(logger)
    network = _parse(library, builder, logger, messages, content)
    _check_tensors(network, spec)
    check_types(network, library.module, spec)
    config = _configure(library, builder, network, spec, settings, target)
    monitor = make_monitor(library, watch)
    config.progress_monitor = monitor
    built = builder.build_serialized_network(network, config)
    watch.require_finished()
    messages.require(built, "cannot build the engine", "try smaller images or less --workspace")
    if settings.timings is not None and library.keeps_timings:
        save_timings(config, settings.timings)
    plan = bytes(built)
    return plan, here and _inspect(library, plan, spec)


def _parse(library: Library, builder: Any, logger: Any, messages: Messages, content: bytes) -> Any:
    # Networks are strongly typed by request in TensorRT 10, in later ones anyway.
    flag = getattr(library.module.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    network = builder.create_network(0 if flag is None else 1 << int(flag))
    parser = library.module.OnnxParser(network, logger)
    if not parser.parse(content):
        raise ModelError(
            f"{library.name} {library.version} cannot read the graph ({_parser_error(parser)})",
            "export it again, with another --opset if it names an operator",
        )
    messages.errors.clear()
    return network


def _parser_error(parser: Any) -> str:
    if not parser.num_errors:
        return "it is not an ONNX file"
    error = parser.get_error(0)
    # Without a node the error is about the file as a whole.
    node = f"node {error.node_name()}: " if error.node_name() else ""
    return node + " ".join(error.desc().split())[:300]


def _check_tensors(network: Any, spec: ModelSpec) -> None:
    """The graph must have exactly the input and the output that its description names.

    Raises:
        ModelError: it has others.
    """
    inputs = [network.get_input(number).name for number in range(network.num_inputs)]
    outputs = [network.get_output(number).name for number in range(network.num_outputs)]
    if inputs != [spec.image_input] or outputs != [spec.image_output]:
        raise ModelError(
            f"the graph maps {', '.join(inputs)} to {', '.join(outputs)}, its description says "
            f"{spec.image_input} to {spec.image_output}",
            "export it again: spikerain-edge export CHECKPOINT",
        )


def _configure(
    library: Library,
    builder: Any,
    network: Any,
    spec: ModelSpec,
    settings: BuildSettings,
    target: Target,
) -> Any:
    module, config = library.module, builder.create_builder_config()
    # TF32 would round float32 to ten bits of mantissa: less than was asked for.
    config.clear_flag(module.BuilderFlag.TF32)
    # So that a finished engine says which types its layers have.
    config.profiling_verbosity = module.ProfilingVerbosity.DETAILED
    if target.gpu == AHEAD_OF_TIME:
        config.num_compute_capabilities = 1
        config.set_compute_capability(capabilities(module)[target.capability], 0)
    workspace = workspace_bytes(settings.workspace, target.free)
    if workspace is not None:
        config.set_memory_pool_limit(module.MemoryPoolType.WORKSPACE, workspace)
    if settings.timings is not None and library.keeps_timings:
        load_timings(config, settings.timings)
    _add_profiles(builder, config, network, spec, settings.profiles)
    return config


def _add_profiles(
    builder: Any, config: Any, network: Any, spec: ModelSpec, profiles: Sequence[Profile]
) -> None:
    def shape(size: tuple[int, int]) -> tuple[int, ...]:
        return (spec.batch, *size, _CHANNELS)

    image = network.get_input(0)
    if len(profiles) == 1 and profiles[0].fixed:
        image.shape = shape(profiles[0].optimum)
    for profile in profiles:
        ranges = builder.create_optimization_profile()
        sizes = (profile.minimum, profile.optimum, profile.maximum)
        ranges.set_shape(image.name, *map(shape, sizes))
        if config.add_optimization_profile(ranges) < 0:
            raise ModelError(
                f"TensorRT does not take images of {profile} for {spec.name}",
                "give another size with --imgsz",
            )


def _shaped(spec: ModelSpec, profiles: Sequence[Profile]) -> ModelSpec:
    """The description of the engine: of one size where it takes one only."""
    if len(profiles) == 1 and profiles[0].fixed:
        height, width = profiles[0].optimum
        return replace(spec, height=height, width=width)
    return spec


def _inspect(library: Library, plan: bytes, spec: ModelSpec) -> bool:
    """Loads the engine and asks it which types its layers have; needs its GPU."""
    logger, messages = make_logger(library)
    runtime = library.module.Runtime(logger)
    engine = runtime.deserialize_cuda_engine(plan)
    messages.require(engine, "cannot load what it has just built")
    return check_layers(inspect_layers(engine, library.module), spec)
