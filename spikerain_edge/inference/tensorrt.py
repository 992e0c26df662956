"""The TensorRT engine: runs a plan that was built for this GPU.

It needs TensorRT and `cuda-python`. Images go through pinned host memory on one stream. For a
profile of a fixed size, copies and kernels are captured once and then launched as one CUDA graph.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np

from spikerain_edge.engine_file import EngineFile, read_engine_file
from spikerain_edge.engine_header import Profile
from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.inference.cuda import Cuda, open_cuda
from spikerain_edge.inference.engine import Closing, Images, inputs_of, require_images
from spikerain_edge.inference.tensorrt_library import (
    Library,
    collector_paused,
    find_library,
    make_logger,
)
from spikerain_edge.inference.tensorrt_run import Buffers, EngineRun
from spikerain_edge.spec import ModelSpec

_CHANNELS = 3


def choose_profile(images: Images, spec: ModelSpec, profiles: Sequence[Profile]) -> int:
    """Chooses the profile for images, preferably one of a fixed size.

    Args:
        images: uint8 (batch, H, W, 3) BGR.
        spec: description of the model.
        profiles: image sizes that the engine was built for.

    Returns:
        The index of the profile.

    Raises:
        InputError: the type or shape of the images is not supported, or no profile accepts their
            size.
    """
    require_images(images, spec)
    height, width = images.shape[1:3]
    serving = [n for n, profile in enumerate(profiles) if profile.serves((height, width))]
    if not serving:
        best_height, best_width = profiles[0].optimum
        raise InputError(
            f"this engine takes images of {', '.join(map(str, profiles))}, not {width}x{height}",
            f"derain in tiles: --tile auto, scale them: --imgsz {best_width}x{best_height}, or "
            "build another engine: spikerain-edge export MODEL --format engine --imgsz "
            f"{width}x{height}",
        )
    return min(serving, key=lambda number: not profiles[number].fixed)


def buffer_bytes(spec: ModelSpec, profiles: Sequence[Profile]) -> int:
    """Size in bytes of the largest images that any profile accepts."""
    largest = [profile.maximum for profile in profiles]
    return max(spec.batch * height * width * _CHANNELS for height, width in largest)


def check_tensors(library: Library, engine: Any, file: EngineFile) -> None:
    """Checks that a deserialised engine has the tensors and sizes that its header states.

    Raises:
        ModelError: a name, type or size differs from the header.
    """
    module, spec = library.module, file.header.spec
    modes = dict.fromkeys(spec.image_inputs, module.TensorIOMode.INPUT)
    modes[spec.image_output] = module.TensorIOMode.OUTPUT
    found = {
        name: engine.get_tensor_mode(name)
        for name in map(engine.get_tensor_name, range(engine.num_io_tensors))
    }
    agrees = (
        found == modes
        and all(engine.get_tensor_dtype(name) == module.DataType.UINT8 for name in modes)
        and all(_profiles(engine, name) == file.header.profiles for name in spec.image_inputs)
    )
    if not agrees:
        raise ModelError(
            f"the plan in {file.origin} has other inputs, outputs or sizes than its header states",
            f"build it again: {file.header.rebuild_command}",
        )


def _profiles(engine: Any, image_input: str) -> tuple[Profile, ...]:
    """Reads from a deserialised engine which sizes of an input it was built for."""
    fixed = tuple(engine.get_tensor_shape(image_input))
    if -1 not in fixed:
        return (Profile.fixed_at((fixed[1], fixed[2])),)
    return tuple(
        Profile(
            *(
                (int(shape[1]), int(shape[2]))
                for shape in engine.get_tensor_profile_shape(image_input, number)
            )
        )
        for number in range(engine.num_optimization_profiles)
    )


def open_engine(path: Path, device: int = 0) -> TensorRTEngine:
    """Opens an engine file.

    Raises:
        InputError: the file, TensorRT, `cuda-python` or the GPU is missing.
        ModelError: the file is not a usable engine, or was built for another machine.
    """
    file = read_engine_file(path)
    library = find_library(file.header.library)
    return TensorRTEngine(file, library=library, cuda=open_cuda(device))


class TensorRTEngine(Closing):
    """Runs an engine file with TensorRT.

    Each profile has its own execution context, which holds memory for intermediate results. It is
    created at once for a profile of a fixed size, and on first use for other profiles.

    Args:
        file: the engine file.
        library: TensorRT library; by default the one that built the engine.
        cuda: CUDA runtime; by default on the first GPU.

    Raises:
        InputError: TensorRT, `cuda-python` or the GPU is missing.
        ModelError: the engine was built for another machine, or TensorRT or CUDA fails.
    """

    spec: ModelSpec
    backend: str

    def __init__(
        self, file: EngineFile, *, library: Library | None = None, cuda: Cuda | None = None
    ) -> None:
        library = library or find_library(file.header.library)
        self._cuda = cuda = cuda or open_cuda()
        file.require_match(library.name, library.version, cuda.gpu.name, cuda.gpu.capability)
        self.spec, self._profiles = file.header.spec, file.header.profiles
        self._logger, self._messages = make_logger(library)
        self._runs: dict[int, EngineRun] = {}
        self._closing = ExitStack()
        cuda.use()
        try:
            self._engine = self._deserialise(library, file)
            check_tensors(library, self._engine, file)
            self._stream = cuda.stream()
            self._closing.callback(cuda.call, "cudaStreamDestroy", self._stream)
            self._inputs = {name: self._buffers() for name in self.spec.image_inputs}
            self._output = self._buffers()
            fixed = [number for number, each in enumerate(self._profiles) if each.fixed]
            graphs = [self._run(number).capture(self._shape(number)) for number in fixed]
        except BaseException:
            with suppress(ModelError):  # the first error is the one to report
                self.close()
            raise
        note = "CUDA graph" if graphs and all(graphs) else "no CUDA graph"
        self.backend = f"{library.name} {library.version} {cuda.gpu.name} ({note})"

    @property
    def largest(self) -> Profile:
        """The profile of the largest images; one that accepts any up to its size comes first."""
        return max(self._profiles, key=lambda each: (not each.fixed, math.prod(each.maximum)))

    def infer(self, images: Images, previous: Images | None = None) -> Images:
        """Derains images of a size that the engine was built for; see `Engine.infer`.

        Raises:
            InputError: the type, shape or size of the images is not supported.
            ModelError: TensorRT or CUDA fails, or the engine has been closed.
        """
        if self._engine is None:
            raise ModelError(f"the engine {self.spec.name} has been closed", "load it again")
        number = choose_profile(images, self.spec, self._profiles)
        inputs = inputs_of(images, previous, self.spec)
        self._cuda.use()
        run = self._run(number)
        for name, given in inputs.items():
            pinned = self._inputs[name].array[: images.size]
            np.copyto(pinned.reshape(images.shape), given)
        run.launch(images.shape)
        derained: Images = self._output.array[: images.size].reshape(images.shape).copy()
        return derained

    def close(self) -> None:
        """Releases the GPU; the engine cannot be used afterwards."""
        self._runs = {}
        self._engine = None
        self._closing.close()

    @collector_paused()
    def _deserialise(self, library: Library, file: EngineFile) -> Any:
        self._runtime = library.module.Runtime(self._logger)
        engine = self._runtime.deserialize_cuda_engine(file.plan)
        if engine is None:
            raise ModelError(
                f"{library.name} {library.version} cannot load {file.origin} "
                f"({self._messages.reason()})",
                f"build it on this machine: {file.header.rebuild_command}",
            )
        return engine

    def _shape(self, number: int) -> tuple[int, ...]:
        """Shape of images at the optimum size of a profile."""
        return (self.spec.batch, *self._profiles[number].optimum, _CHANNELS)

    def _buffers(self) -> Buffers:
        """Allocates memory for the largest images; `close` frees it."""
        size = buffer_bytes(self.spec, self._profiles)
        pinned = self._cuda.pin(size)
        self._closing.callback(self._cuda.call, "cudaFreeHost", pinned.address)
        device = self._cuda.allocate(size)
        self._closing.callback(self._cuda.call, "cudaFree", device)
        return Buffers(pinned.address, device, pinned.array)

    def _run(self, number: int) -> EngineRun:
        """Returns the execution context of a profile and creates it on first use."""
        if number not in self._runs:
            messages = self._messages
            with collector_paused():
                context = self._engine.create_execution_context()
            remedy = "close other programs that use the GPU, or use smaller images"
            messages.require(context, "has no memory for intermediate results", remedy)
            if len(self._profiles) > 1:
                chosen = context.set_optimization_profile_async(number, int(self._stream))
                messages.require(chosen, f"cannot select the profile {self._profiles[number]}")
                self._cuda.call("cudaStreamSynchronize", self._stream)
            run = EngineRun(self._cuda, self._stream, context, messages)
            run.bind(self._inputs, {self.spec.image_output: self._output})
            self._closing.callback(run.close)
            self._runs[number] = run
        return self._runs[number]
