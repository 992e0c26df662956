"""Base of the records of a report."""

from __future__ import annotations

from typing import Any

from msgspec import Meta, Struct


def about(description: str, **limits: Any) -> Meta:
    """Describes a field in the schema.

    Args:
        description: in words, with the unit.
        limits: other arguments of `msgspec.Meta`, such as `ge`.
    """
    return Meta(description=description, **limits)


class Record(Struct, frozen=True, forbid_unknown_fields=True):
    """Base of everything in a report."""
