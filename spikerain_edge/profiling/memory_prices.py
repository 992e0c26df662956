"""Prices of operations and of memory, by number format; `memory_prices.json` names the sources."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

Precision = Literal["fp32", "fp16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


class MemoryPrices:
    """Prices in picojoules.

    Args:
        data: content of `memory_prices.json`.

    Attributes:
        sources: where the prices come from, a paragraph each.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.sources = [data[part]["source"] for part in ("operations", "bytes", "memory")]
        self._operations = data["operations"]["picojoules"]
        self._bytes = data["bytes"]
        access = data["memory"]["access_bytes"]
        self._levels = sorted(
            (int(kilobytes) * 1024, price / access)
            for kilobytes, price in data["memory"]["picojoules_by_kilobytes"].items()
        )

    @classmethod
    def load(cls) -> MemoryPrices:
        """Reads the prices that come with the package."""
        path = Path(__file__).with_name("memory_prices.json")
        return cls(json.loads(path.read_text()))

    def mac(self, precision: Precision) -> float:
        """A multiply-accumulate."""
        return float(self._operations[precision]["mac"])

    def accumulate(self, precision: Precision) -> float:
        """An accumulation."""
        return float(self._operations[precision]["accumulate"])

    def weight_bytes(self, precision: Precision) -> int:
        """Bytes of a weight."""
        return int(self._bytes["of_weights"][precision])

    def state_bytes(self, precision: Precision) -> int:
        """Bytes of a membrane potential, of a current and of an analogue feature."""
        return int(self._bytes["of_states"][precision])

    def byte(self, size: float) -> float:
        """A byte of a tensor.

        Args:
            size: bytes of the tensor; it lies in the smallest memory that holds it.
        """
        return next((price for limit, price in self._levels if size <= limit), self.largest)

    @property
    def largest(self) -> float:
        """A byte in the largest memory that is priced."""
        return float(self._levels[-1][1])
