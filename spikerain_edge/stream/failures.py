"""Several failures of a run as one."""

from __future__ import annotations

from collections.abc import Sequence

from spikerain_edge.errors import SpikeRainError

# Failures that one line of a message names beside the first.
_NAMED = 3


def together(failures: Sequence[BaseException]) -> BaseException:
    """The first failure, which names others too; a bug has the next one in its traceback."""
    first, *others = failures
    causes = [error.cause if isinstance(error, SpikeRainError) else repr(error) for error in others]
    if not isinstance(first, SpikeRainError):
        first.__context__ = next(iter(others), first.__context__)
        return first
    unsaid = [cause for cause in dict.fromkeys(causes) if cause != first.cause]
    if not unsaid:
        return first
    more = f"; and {len(unsaid) - _NAMED} more" if len(unsaid) > _NAMED else ""
    told = type(first)(f"{first.cause}; also: {'; '.join(unsaid[:_NAMED])}{more}", first.remedy)
    told.__cause__ = first
    return told
