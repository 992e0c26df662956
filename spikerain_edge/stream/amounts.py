"""Lengths of time and amounts of memory as users write them."""

from __future__ import annotations

import re

from spikerain_edge.errors import InputError

_SECONDS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
_BYTES = {
    "b": 1,
    **{f"{prefix}ib": 1024**power for power, prefix in enumerate("kmgt", 1)},
    **{f"{prefix}b": 1000**power for power, prefix in enumerate("kmgt", 1)},
}


def parse_seconds(text: str, option: str) -> float:
    """Seconds of a length of time such as `90`, `10m` or `24h`.

    Args:
        text: a number, and s, m, h or d for seconds, minutes, hours or days.
        option: which option it is of.

    Raises:
        InputError: it is something else, or not more than 0.
    """
    return _parsed(text, _SECONDS, option, "a length of time such as 90s, 10m or 24h")


def parse_bytes(text: str, option: str) -> int:
    """Bytes of an amount such as `500MB` or `20GiB`.

    Args:
        text: a number and B, kB, MB, GB, TB, KiB, MiB, GiB or TiB.
        option: which option it is of.

    Raises:
        InputError: it is something else, or not more than 0.
    """
    return round(_parsed(text, _BYTES, option, "an amount such as 500MB or 20GiB"))


def is_bytes(text: str) -> bool:
    """Whether a text ends in a unit of bytes."""
    return text.lower().endswith("b")


def _parsed(text: str, units: dict[str, int], option: str, expected: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.strip().lower(), re.ASCII)
    if found is None or found[2] not in units or float(found[1]) == 0:
        raise InputError(f"{option} {text} is not valid", f"give {expected}")
    return float(found[1]) * units[found[2]]
