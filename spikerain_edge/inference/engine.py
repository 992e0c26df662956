"""The engine protocol: images in, images out, on whatever executes the graph."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from spikerain_edge.spec import ModelSpec

Images = npt.NDArray[np.uint8]
Rates = npt.NDArray[np.float32]
_Opened = TypeVar("_Opened", bound="Closing")


@dataclass(frozen=True)
class Activity:
    """What the neurons did on one image, in the order of `ModelSpec.neurons`.

    Attributes:
        rates: share of the neurons that fire, float32 (layers, T).
        silent: share of the channels in which none fires at any timestep, float32 (layers,).
    """

    rates: Rates
    silent: Rates


class Closing(ABC):
    """Holds something until it is closed, at the latest where a `with` statement ends."""

    @abstractmethod
    def close(self) -> None:
        """Releases what is held; nothing can be run any more."""

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
        spec: what the graph says about itself.
        backend: runtime and device, as shown to the user.
    """

    spec: ModelSpec
    backend: str

    def infer(self, images: Images) -> Images:
        """Derains images.

        Args:
            images: uint8 (1, H, W, 3) BGR; H and W are multiples of the stride.

        Returns:
            New array of the same type and shape; it belongs to the caller.
        """
        ...

    def close(self) -> None:
        """Releases the device."""
        ...

    def __enter__(self) -> Engine: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
