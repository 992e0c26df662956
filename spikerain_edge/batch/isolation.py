"""Keeps a local Ray to this machine; Ray need not be imported for it."""

from __future__ import annotations

import os
import secrets


def isolate() -> None:
    """Sets the environment of a local Ray; Ray reads it when it is imported.

    It sends no usage data, listens on the loopback address alone, which is its mode for other
    systems than Linux, and takes a token from the environment rather than from the home folder.
    """
    os.environ.update(
        RAY_USAGE_STATS_ENABLED="0",
        RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0",
        RAY_AUTH_MODE="token",
        RAY_AUTH_TOKEN=secrets.token_hex(32),
        AUTOSCALER_METRIC_PORT="0",
    )
