"""TensorRT engine: runs a plan that was built for this GPU.

Only TensorRT and `cuda-python` are needed. Images go through pinned host memory and one stream.
Where a profile has one size, copies and kernels are captured once and launched as one CUDA graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np

from spikerain_edge.engine_file import EngineFile, read_engine_file
from spikerain_edge.engine_header import Profile
from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.inference.cuda import Cuda, open_cuda
from spikerain_edge.inference.engine import Closing, Images
from spikerain_edge.inference.tensorrt_library import Library, find_library, make_logger
from spikerain_edge.inference.tensorrt_run import Buffers, EngineRun
from spikerain_edge.spec import ModelSpec

_CHANNELS = 3


def choose_profile(images: Images, spec: ModelSpec, profiles: Sequence[Profile]) -> int:
    """The number of the profile that serves the images; a fixed one, where several would do.

    Args:
        images: uint8 (batch, H, W, 3) BGR.
        spec: the model.
        profiles: what the engine was built for.

    Raises:
        InputError: none serves them, or they are no images.
    """
    expected = (spec.batch, _CHANNELS)
    if images.ndim != 4 or images.dtype != np.uint8 or images.shape[0::3] != expected:
        raise InputError(
            f"expected uint8 ({spec.batch}, H, W, 3), got {images.dtype} {images.shape}",
            "make it with Derainer.prepare(image)",
        )
    height, width = images.shape[1:3]
    if height % spec.stride or width % spec.stride:
        raise InputError(
            f"height and width must be multiples of {spec.stride}: {images.shape}",
            "pad them with Derainer.prepare(image)",
        )
    serving = [n for n, profile in enumerate(profiles) if profile.serves((height, width))]
    if not serving:
        raise InputError(
            f"this engine takes images of {', '.join(map(str, profiles))}, not {width}x{height}",
            "resize them, or build an engine for them: spikerain-edge export MODEL "
            f"--format engine --imgsz {width}x{height}",
        )
    return min(serving, key=lambda number: not profiles[number].fixed)


def buffer_bytes(spec: ModelSpec, profiles: Sequence[Profile]) -> int:
    """Bytes of the largest images that any profile takes."""
    largest = [profile.maximum for profile in profiles]
    return max(spec.batch * height * width * _CHANNELS for height, width in largest)


def check_tensors(library: Library, engine: Any, file: EngineFile) -> None:
    """Looks whether a deserialised engine has the tensors and sizes that its header promises.

    Raises:
        ModelError: it has others.
    """
    module, spec = library.module, file.header.spec
    modes = {spec.image_input: module.TensorIOMode.INPUT}
    modes[spec.image_output] = module.TensorIOMode.OUTPUT
    found = {
        name: engine.get_tensor_mode(name)
        for name in map(engine.get_tensor_name, range(engine.num_io_tensors))
    }
    agrees = (
        found == modes
        and all(engine.get_tensor_dtype(name) == module.DataType.UINT8 for name in modes)
        and _profiles(engine, spec) == file.header.profiles
    )
    if not agrees:
        raise ModelError(
            f"the plan in {file.origin} has other inputs, outputs or sizes than its header says",
            f"build it again: {file.header.rebuild_command}",
        )


def _profiles(engine: Any, spec: ModelSpec) -> tuple[Profile, ...]:
    """The image sizes that an engine was built for, as the engine says."""
    fixed = tuple(engine.get_tensor_shape(spec.image_input))
    if -1 not in fixed:
        return (Profile.fixed_at((fixed[1], fixed[2])),)
    return tuple(
        Profile(
            *(
                (int(shape[1]), int(shape[2]))
                for shape in engine.get_tensor_profile_shape(spec.image_input, number)
            )
        )
        for number in range(engine.num_optimization_profiles)
    )


def open_engine(path: Path, device: int = 0) -> TensorRTEngine:
    """Opens an engine file.

    Raises:
        InputError: there is no such file, or TensorRT, `cuda-python` or the GPU is missing.
        ModelError: the file is no usable engine, or was built for something else.
    """
    file = read_engine_file(path)
    library = find_library(file.header.library)
    return TensorRTEngine(file, library=library, cuda=open_cuda(device))


class TensorRTEngine(Closing):
    """Runs an engine file with TensorRT.

    Every fixed profile gets an execution context at once, a profile of free size when it is first
    used; each takes memory for its intermediate images.

    Args:
        file: the engine.
        library: TensorRT; the flavour that built the engine unless given.
        cuda: the GPU; the first unless given.

    Raises:
        InputError: TensorRT, `cuda-python` or the GPU is missing.
        ModelError: the engine was built for something else, or TensorRT or CUDA fails.
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
            self._input, self._output = self._buffers(), self._buffers()
            fixed = [number for number, each in enumerate(self._profiles) if each.fixed]
            graphs = [self._run(number).capture(self._shape(number)) for number in fixed]
        except BaseException:
            with suppress(ModelError):  # what went wrong first is what the user has to know
                self.close()
            raise
        how = "CUDA graph" if graphs and all(graphs) else "no CUDA graph"
        self.backend = f"{library.name} {library.version} {cuda.gpu.name} ({how})"

    def infer(self, images: Images) -> Images:
        """Derains uint8 (batch, H, W, 3) BGR images of a size that the engine was built for.

        Returns:
            New array of the same type and shape; it belongs to the caller.

        Raises:
            InputError: type, shape or size cannot be served.
            ModelError: TensorRT or CUDA fails, or the engine has been closed.
        """
        if self._engine is None:
            raise ModelError(f"the engine {self.spec.name} has been closed", "load it again")
        number = choose_profile(images, self.spec, self._profiles)
        self._cuda.use()
        run = self._run(number)
        np.copyto(self._input.array[: images.size].reshape(images.shape), images)
        run.launch(images.shape)
        derained: Images = self._output.array[: images.size].reshape(images.shape).copy()
        return derained

    def close(self) -> None:
        """Releases the GPU; nothing can be run any more."""
        self._runs = {}
        self._engine = None
        self._closing.close()

    def _deserialise(self, library: Library, file: EngineFile) -> Any:
        self._runtime = library.module.Runtime(self._logger)
        engine = self._runtime.deserialize_cuda_engine(file.plan)
        if engine is None:
            raise ModelError(
                f"{library.name} {library.version} cannot load {file.origin} "
                f"({self._messages.reason()})",
                f"build it here: {file.header.rebuild_command}",
            )
        return engine

    def _shape(self, number: int) -> tuple[int, ...]:
        """Shape of the images that a profile was made for."""
        return (self.spec.batch, *self._profiles[number].optimum, _CHANNELS)

    def _buffers(self) -> Buffers:
        """Memory for the largest images; freed when the engine is closed."""
        size = buffer_bytes(self.spec, self._profiles)
        pinned = self._cuda.pin(size)
        self._closing.callback(self._cuda.call, "cudaFreeHost", pinned.address)
        device = self._cuda.allocate(size)
        self._closing.callback(self._cuda.call, "cudaFree", device)
        return Buffers(pinned.address, device, pinned.array)

    def _run(self, number: int) -> EngineRun:
        """What runs images of a profile; made when the profile is first used."""
        if number not in self._runs:
            context, messages = self._engine.create_execution_context(), self._messages
            remedy = "try smaller images, or close what else uses the GPU"
            messages.require(context, "has no memory for the intermediate images", remedy)
            if len(self._profiles) > 1:
                chosen = context.set_optimization_profile_async(number, int(self._stream))
                messages.require(chosen, f"does not take the profile {self._profiles[number]}")
                self._cuda.call("cudaStreamSynchronize", self._stream)
            run = EngineRun(self._cuda, self._stream, context, messages)
            run.bind(self.spec.image_input, self._input, self.spec.image_output, self._output)
            self._closing.callback(run.close)
            self._runs[number] = run
        return self._runs[number]
