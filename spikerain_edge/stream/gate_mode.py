"""Whether a run has a rain gate."""

from __future__ import annotations

from enum import Enum


class GateMode(str, Enum):
    """Whether frames pass unchanged while it does not rain."""

    OFF = "off"
    AUTO = "auto"
