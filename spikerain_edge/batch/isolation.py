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
        # The processes end together; one that a busy machine holds up must not be taken for dead.
        RAY_worker_register_timeout_seconds="600",
        RAY_agent_register_timeout_ms="600000",
        RAY_health_check_failure_threshold="100",
        RAY_gcs_server_port_wait_time_s="300",
        # Ray's default is 15, with which workers starve while other programs keep the cores busy.
        RAY_worker_niceness="0",
    )
