"""All checks in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Iterator

from spikerain_edge.diagnosis import machine, media, runtimes
from spikerain_edge.diagnosis.finding import Check, Finding, Status
from spikerain_edge.errors import ModelError

CHECKS: tuple[Check, ...] = (
    runtimes.check_python,
    runtimes.check_extras,
    machine.check_board,
    machine.check_rails,
    machine.check_room,
    runtimes.check_onnx_runtime,
    runtimes.check_openvino,
    runtimes.check_tensorrt,
    runtimes.check_cuda,
    runtimes.check_cache,
    runtimes.check_models,
    media.check_codecs,
    media.check_gstreamer,
    media.check_cameras,
)
"""Checks of this machine; each yields its findings."""


def diagnose(checks: tuple[Check, ...] = CHECKS) -> Iterator[Finding]:
    """Runs the checks, one after another.

    Args:
        checks: the checks to run.
    """
    for check in checks:
        yield from check()


def require_working(findings: list[Finding]) -> None:
    """Checks that `spikerain-edge run` works on this machine.

    Raises:
        ModelError: something that every run needs is broken.
    """
    broken = [finding for finding in findings if finding.status is Status.BROKEN]
    if broken:
        first = broken[0]
        raise ModelError(f"run does not work here: {first.name}: {first.detail}", first.fix)
