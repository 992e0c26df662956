"""Whether a run has a rain gate."""

from __future__ import annotations

from enum import Enum


class GateMode(str, Enum):
    """Whether frames pass untouched when it does not rain."""

    OFF = "off"
    AUTO = "auto"
