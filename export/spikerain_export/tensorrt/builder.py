"""Builds a TensorRT engine from an ONNX file, for this GPU or ahead of time for another one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spikerain_edge.engine_file import EngineFile
from spikerain_edge.engine_header import AHEAD_OF_TIME, EngineHeader, Profile
from spikerain_edge.errors import ModelError
from spikerain_edge.inference.cuda import open_cuda
from spikerain_edge.inference.tensorrt_library import (
    Library,
    Messages,
    collector_paused,
    make_logger,
)
from spikerain_edge.spec import ModelSpec
from spikerain_export.progress import Progress
from spikerain_export.tensorrt.build_watch import BuildWatch, cancellable, make_monitor
from spikerain_export.tensorrt.requirements import check_graph, check_profiles
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
    """Settings of an engine build.

    Attributes:
        profiles: ranges of image sizes; a single fixed size makes an engine of fixed shape.
        workspace: GiB that a layer may use while it runs; None for half of the free memory.
        capability: compute capability to build for ahead of time, such as `8.6`, which needs
            TensorRT for RTX; None for the GPU of this machine.
        device: number of the GPU to build on.
        timings: file that keeps kernel timings for the next build, or None. TensorRT for RTX
            measures no timings and ignores it.
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
        content: ONNX file; the engine gets its precision.
        spec: its description.
        settings: settings of the build.
        progress: called with each step of the build.
        library: TensorRT; None to find it.
        target: GPU that the engine will run on; None to find it.

    Raises:
        InputError: the engine cannot be built with these settings, TensorRT or the GPU is
            missing, or the build was cancelled.
        ModelError: TensorRT cannot build the graph, or does not run it in its precision.
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


@collector_paused()
def _build(
    library: Library,
    content: bytes,
    spec: ModelSpec,
    settings: BuildSettings,
    target: Target,
    watch: BuildWatch,
) -> tuple[bytes, bool]:
    """Returns the plan, and whether the engine's layer information confirms its precision."""
    here = target.gpu != AHEAD_OF_TIME
    if here:
        open_cuda(settings.device).use()  # the current GPU is a setting of the thread
    # TensorRT holds no reference to logger and monitor: both must live until the plan is built.
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
    # TensorRT 10 needs a flag for strong typing; later versions have no other mode.
    flag = getattr(library.module.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    network = builder.create_network(0 if flag is None else 1 << int(flag))
    parser = library.module.OnnxParser(network, logger)
    if not parser.parse(content):
        raise ModelError(
            f"{library.name} {library.version} cannot read the graph ({_parser_error(parser)})",
            "export it again; if the error names an operator, try another --opset",
        )
    messages.errors.clear()
    return network


def _parser_error(parser: Any) -> str:
    if not parser.num_errors:
        return "it is not an ONNX file"
    error = parser.get_error(0)
    # An error without a node concerns the whole file.
    node = f"node {error.node_name()}: " if error.node_name() else ""
    return node + " ".join(error.desc().split())[:300]


def _check_tensors(network: Any, spec: ModelSpec) -> None:
    """Checks that a graph has exactly the inputs and the output that its description names.

    Raises:
        ModelError: the graph has other inputs or outputs.
    """
    inputs = [network.get_input(number).name for number in range(network.num_inputs)]
    outputs = [network.get_output(number).name for number in range(network.num_outputs)]
    if inputs != list(spec.image_inputs) or outputs != [spec.image_output]:
        raise ModelError(
            f"the graph has the input {', '.join(inputs)} and the output {', '.join(outputs)}, but "
            f"its description names {', '.join(spec.image_inputs)} and {spec.image_output}",
            "export it again from its checkpoint folder: spikerain-edge export CHECKPOINT",
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
    # TF32 would round float32 to a mantissa of ten bits, less than the requested precision.
    config.clear_flag(module.BuilderFlag.TF32)
    # Needed for `inspect_layers`, which reads the types of the layers.
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

    inputs = [network.get_input(number) for number in range(network.num_inputs)]
    if len(profiles) == 1 and profiles[0].fixed:
        for image in inputs:
            image.shape = shape(profiles[0].optimum)
    for profile in profiles:
        ranges = builder.create_optimization_profile()
        sizes = (profile.minimum, profile.optimum, profile.maximum)
        for image in inputs:
            ranges.set_shape(image.name, *map(shape, sizes))
        if config.add_optimization_profile(ranges) < 0:
            raise ModelError(
                f"TensorRT cannot build {spec.name} for images of {profile}",
                "choose another size with --imgsz",
            )


def _shaped(spec: ModelSpec, profiles: Sequence[Profile]) -> ModelSpec:
    """Returns the description of the engine, with its image size if that is fixed."""
    if len(profiles) == 1 and profiles[0].fixed:
        height, width = profiles[0].optimum
        return replace(spec, height=height, width=width)
    return spec


def _inspect(library: Library, plan: bytes, spec: ModelSpec) -> bool:
    """Loads the engine, which needs its GPU, and checks the types of its layers."""
    logger, messages = make_logger(library)
    runtime = library.module.Runtime(logger)
    engine = runtime.deserialize_cuda_engine(plan)
    messages.require(engine, "cannot load the engine that it has just built")
    return check_layers(inspect_layers(engine, library.module), spec)
