"""The interface of engines, which execute a graph on images, and what all engines share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from spikerain_edge.errors import InputError
from spikerain_edge.spec import ModelSpec

Images = npt.NDArray[np.uint8]
Rates = npt.NDArray[np.float32]
_Opened = TypeVar("_Opened", bound="Closing")


@dataclass(frozen=True)
class Activity:
    """Activity of the neuron layers on one image, in the order of `ModelSpec.neurons`.

    Attributes:
        rates: share of the neurons that fire, float32 (layers, T).
        silent: share of the channels whose neurons never fire, float32 (layers,).
    """

    rates: Rates
    silent: Rates


def require_images(images: Images, spec: ModelSpec) -> None:
    """Checks that a graph accepts the type, shape and stride of images.

    Raises:
        InputError: the images are not uint8 (batch, H, W, 3), or H or W is not a multiple of the
            stride.
    """
    if images.ndim != 4 or images.dtype != np.uint8 or images.shape[0::3] != (spec.batch, 3):
        raise InputError(
            f"expected uint8 ({spec.batch}, H, W, 3), got {images.dtype} {images.shape}",
            "prepare the image with Derainer.prepare(image)",
        )
    height, width = images.shape[1:3]
    if height % spec.stride or width % spec.stride:
        raise InputError(
            f"height and width must be multiples of {spec.stride}, got {images.shape}",
            "pad the image with Derainer.prepare(image)",
        )


def inputs_of(images: Images, previous: Images | None, spec: ModelSpec) -> dict[str, Images]:
    """Returns the inputs of a graph by name, after checking them.

    Args:
        images: uint8 (batch, H, W, 3) BGR; H and W are multiples of the stride.
        previous: the frame before each image, of the same shape. None takes the images themselves,
            as if nothing had changed. A model for single images does not read them.
        spec: description of the graph.

    Raises:
        InputError: the images or the previous frames have an unsupported type, shape or size.
    """
    require_images(images, spec)
    if spec.previous_input is None:
        return {spec.image_input: images}
    if previous is None:
        previous = images
    if previous.shape != images.shape or previous.dtype != np.uint8:
        raise InputError(
            f"the previous frame is {previous.dtype} {previous.shape}, but the image is uint8 "
            f"{images.shape}",
            "give the frame before the image, in the same size, or none",
        )
    return {spec.image_input: images, spec.previous_input: previous}


class Closing(ABC):
    """Base of objects that hold resources until `close` or the end of a `with` statement."""

    @abstractmethod
    def close(self) -> None:
        """Releases the resources; the object cannot be used afterwards."""

    def interrupt(self) -> None:  # noqa: B027 - not every runtime can
        """Ends a computation that runs on another thread, and those that follow, with an error.

        A runtime that cannot do this completes the computation.
        """

    def __enter__(self: _Opened) -> _Opened:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Engine(Protocol):
    """Executes one graph.

    Attributes:
        spec: description of the graph.
        backend: runtime and device, as shown to users.
    """

    spec: ModelSpec
    backend: str

    def infer(self, images: Images, previous: Images | None = None) -> Images:
        """Derains images.

        Args:
            images: uint8 (batch, H, W, 3) BGR; H and W are multiples of the stride.
            previous: the frame before each image, which video models read; see `inputs_of`.

        Returns:
            A new array of the same type and shape; the caller may change it.
        """
        ...

    def close(self) -> None:
        """Releases the device; the engine cannot be used afterwards."""
        ...

    def interrupt(self) -> None:
        """Ends a computation that runs on another thread; see `Closing.interrupt`."""
        ...

    def __enter__(self) -> Engine: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
