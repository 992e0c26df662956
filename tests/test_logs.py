"""Tests for the formats of messages."""

from __future__ import annotations

import json
import logging

from spikerain_edge.logs import JsonFormatter


def test_json_has_the_extra_fields_of_a_message_but_not_those_of_record_factories() -> None:
    record = logging.LogRecord("stream", logging.INFO, "", 1, "lost %d frames", (3,), None)
    record.frames, record._ray_timestamp_ns = 3, 1
    written = json.loads(JsonFormatter().format(record))
    assert written.pop("time")
    assert written == {
        "level": "INFO",
        "logger": "stream",
        "message": "lost 3 frames",
        "frames": 3,
    }
