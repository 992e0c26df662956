"""What Home Assistant is told about a camera, so that it shows its rain and its state."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

DISCOVERY = "homeassistant"
# Seconds between two states, and those after which Home Assistant takes a state for unknown.
INTERVAL = 30
_EXPIRES = 3 * INTERVAL
_MACHINE_ID = Path("/etc/machine-id")


@dataclass(frozen=True)
class Device:
    """A camera as a device of Home Assistant.

    Attributes:
        id: stays the same when the run or the machine is started again.
        name: what the camera is called.
        model: the network.
        prefix: what its topics begin with.
        availability: topic that says whether the run goes on.
    """

    id: str
    name: str
    model: str
    prefix: str
    availability: str

    @property
    def state_topic(self) -> str:
        """Topic of its state."""
        return f"{self.prefix}/{self.id}/state"


@dataclass(frozen=True)
class _Entity:
    key: str
    component: str
    name: str
    facts: Mapping[str, str]


_MEASURED = {"state_class": "measurement"}
_DIAGNOSTIC = {"entity_category": "diagnostic"}
_MILLISECONDS = {"unit_of_measurement": "ms", "device_class": "duration"}
_ENTITIES = (
    _Entity("rain", "binary_sensor", "Rain", {"device_class": "moisture"}),
    _Entity(
        "intensity",
        "sensor",
        "Rain intensity",
        {"unit_of_measurement": "levels", "icon": "mdi:weather-pouring", **_MEASURED},
    ),
    _Entity(
        "fps",
        "sensor",
        "Frame rate",
        {"unit_of_measurement": "fps", "icon": "mdi:filmstrip", **_MEASURED, **_DIAGNOSTIC},
    ),
    _Entity("latency_ms", "sensor", "Latency", {**_MILLISECONDS, **_MEASURED, **_DIAGNOSTIC}),
    _Entity("age_ms", "sensor", "Age of frames", {**_MILLISECONDS, **_MEASURED, **_DIAGNOSTIC}),
    _Entity(
        "whole_energy_mj",
        "sensor",
        "Energy per frame, estimated",
        {"unit_of_measurement": "mJ", "icon": "mdi:flash", **_MEASURED, **_DIAGNOSTIC},
    ),
    _Entity("camera", "binary_sensor", "Camera", {"device_class": "connectivity", **_DIAGNOSTIC}),
    _Entity("problem", "binary_sensor", "Problem", {"device_class": "problem", **_DIAGNOSTIC}),
)


def stable_id(*parts: str, prefix: str | None) -> str:
    """An identifier that stays the same as long as these texts do.

    Args:
        parts: what it stands for.
        prefix: takes the place of this machine's own identity, which changes in containers; None
            where the user chose none.
    """
    identity = _machine() if prefix is None else prefix
    return hashlib.sha256("\0".join((identity, *parts)).encode()).hexdigest()[:12]


def announcements(device: Device) -> Iterator[tuple[str, dict[str, Any]]]:
    """The topics and messages that describe a camera, one for each of its entities."""
    for entity in _ENTITIES:
        topic = f"{DISCOVERY}/{entity.component}/spikerain_{device.id}/{entity.key}/config"
        yield (
            topic,
            {
                "name": entity.name,
                "unique_id": f"spikerain_{device.id}_{entity.key}",
                "state_topic": device.state_topic,
                "value_template": f"{{{{ value_json.{entity.key} }}}}",
                "availability_topic": device.availability,
                "expire_after": _EXPIRES,
                **entity.facts,
                "device": {
                    "identifiers": [f"spikerain_{device.id}"],
                    "name": device.name,
                    "manufacturer": "spikerain-edge",
                    "model": device.model,
                    "sw_version": version("spikerain-edge"),
                },
                "origin": {"name": "spikerain-edge", "sw_version": version("spikerain-edge")},
            },
        )


def state_of(live: Mapping[str, Any], rain: Mapping[str, Any] | None) -> dict[str, Any]:
    """The state of a camera; Home Assistant takes the text `None` for unknown.

    Args:
        live: how the camera is doing now, as `/api/status` has it.
        rain: what the gate sees; None without a gate.
    """
    told = {"rain": "ON", "dry": "OFF"}
    intensity = None if rain is None else rain["intensity"]
    streaming = live["state"] == "streaming"
    state = {
        "rain": None if rain is None else told.get(rain["state"]),
        "intensity": intensity,
        **{key: live[key] for key in ("fps", "latency_ms", "age_ms", "whole_energy_mj")},
        "camera": "ON" if streaming else "OFF",
        "problem": "ON" if live["state"] in ("silent", "away", "ended") else "OFF",
        "state": live["state"],
    }
    return {key: "None" if value is None else value for key, value in state.items()}


def _machine() -> str:
    """What tells this machine from others."""
    try:
        found = _MACHINE_ID.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        found = ""
    return found or socket.gethostname()
