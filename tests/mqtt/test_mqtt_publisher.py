from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikerain_edge.camera_now import CameraNow
from spikerain_edge.mqtt.broker import parse_broker
from spikerain_edge.mqtt.publisher import Publisher
from spikerain_edge.profiling.live import FrameCost, WholeCost
from spikerain_edge.serving.feed import Feed

FRAME = np.zeros((16, 16, 3), np.uint8)
ENTITIES = {
    *("rain", "intensity", "camera", "problem"),
    *("fps", "latency_ms", "age_ms", "whole_energy_mj"),
}


class Weather:
    """A run on which a test lets it rain."""

    stuck = 0.0

    def __init__(self) -> None:
        self.rain: dict[str, Any] = {"state": "unknown", "intensity": None, "bypassed": 0}
        self.away = False

    @property
    def now(self) -> list[CameraNow]:
        cost = FrameCost(3.0, 0.25, 0.8, 1.5, WholeCost("fp32", 2, 7.0, 9.1, 1.3, 0.4))
        return [CameraNow(self.away, False, deque([0.04]), deque([0.2]), cost, {})]

    def summary(self) -> dict[str, Any]:
        return {"cameras": [{"rain": self.rain}]}


def publisher(port: int, prefix: str = "") -> Publisher:
    url = f"mqtt://me:{{MQTT_PASSWORD}}@127.0.0.1:{port}/{prefix}"
    return Publisher(parse_broker(url), [Feed("gate")], 3600.0, "nano")


def states(broker: Any) -> list[dict[str, Any]]:
    return [json.loads(message) for message in broker.messages("/state")]


def configurations(broker: Any) -> dict[str, dict[str, Any]]:
    return {
        topic: json.loads(message)
        for topic, message in broker.received
        if topic.startswith("homeassistant/")
    }


def test_home_assistant_discovers_a_camera_and_its_state(broker: Any) -> None:
    broker.start()
    with publisher(broker.port).opened():
        broker.wait_until(lambda: bool(states(broker)))
        broker.wait_until(lambda: broker.messages("/availability") == ["online"])
        found = configurations(broker)
        assert {config["unique_id"].split("_", 2)[2] for config in found.values()} == ENTITIES
        assert len({config["unique_id"] for config in found.values()}) == len(found)
        (state,) = states(broker)
        for topic, config in found.items():
            assert topic.endswith("/config")
            assert config["availability_topic"] in dict(broker.received)
            assert config["state_topic"] in dict(broker.received)
            assert config["value_template"].removeprefix("{{ value_json.").split()[0] in state
            assert config["device"]["name"] == "gate"
    broker.wait_until(lambda: broker.messages("/availability") == ["online", "offline"])


@pytest.mark.slow
def test_what_is_told_follows_the_weather_and_the_camera(broker: Any) -> None:
    broker.start()
    run, sender = Weather(), publisher(broker.port)
    sender.watch(run)
    sender._status.feeds[0].show(FRAME, FRAME)

    def latest() -> dict[str, Any]:
        return states(broker)[-1]

    with sender.opened():
        broker.wait_until(lambda: bool(states(broker)))
        known = {"rain": "None", "intensity": "None", "camera": "ON", "problem": "OFF"}
        figures = {"latency_ms": 40.0, "age_ms": 200.0, "whole_energy_mj": 7.0}
        assert latest().items() >= {**known, **figures}.items()

        run.rain = {"state": "rain", "intensity": 3.5, "bypassed": 0}
        broker.wait_until(lambda: latest()["rain"] == "ON" and latest()["intensity"] == 3.5)
        run.rain = {"state": "dry", "intensity": 0.0, "bypassed": 9}
        broker.wait_until(lambda: latest()["rain"] == "OFF")
        run.away = True
        broker.wait_until(lambda: (latest()["camera"], latest()["problem"]) == ("OFF", "ON"))


def test_names_stay_the_same_and_follow_the_chosen_prefix(
    broker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ids(prefix: str) -> set[str]:
        broker.start()
        with publisher(broker.port, prefix).opened():
            broker.wait_until(lambda: bool(states(broker)))
        found = {config["unique_id"] for config in configurations(broker).values()}
        topics = {config["state_topic"] for config in configurations(broker).values()}
        assert all(topic.startswith(f"{prefix or 'spikerain'}/") for topic in topics)
        broker.stop()
        broker.received.clear()
        return found

    first = ids("garden/rain")
    monkeypatch.setattr("spikerain_edge.mqtt.discovery._machine", lambda: "another container")
    assert ids("garden/rain") == first
    assert ids("yard").isdisjoint(first)


def test_home_assistant_is_told_again_when_it_starts(broker: Any) -> None:
    broker.start()
    with publisher(broker.port).opened():
        broker.wait_until(lambda: len(broker.messages("/config")) == len(ENTITIES))
        broker.publish("homeassistant/status", "online")
        broker.wait_until(lambda: len(broker.messages("/config")) == 2 * len(ENTITIES))


@pytest.mark.slow
def test_a_broker_is_found_that_comes_late_or_comes_back(
    broker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with publisher(broker.port).opened():
        broker.wait_until(lambda: "it cannot be reached; trying again for ever" in caplog.text)
        broker.start()
        broker.wait_until(lambda: bool(states(broker)))
        broker.stop()
        broker.received.clear()
        broker.start()
        broker.wait_until(lambda: bool(states(broker)))
        assert broker.messages("/availability")[-1] == "online"
    told = [record.message for record in caplog.records if record.levelno > logging.INFO]
    assert told == [message for message, _ in groupby(told)]


def test_a_broker_that_is_silent_does_not_hold_up_the_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        broker = parse_broker(f"mqtt://127.0.0.1:{silent.getsockname()[1]}")
        with Publisher(broker, [Feed("gate")], 9.0, "nano").opened(), silent.accept()[0]:
            pass
    assert "mqtt states" not in {thread.name for thread in threading.enumerate()}


def test_a_wrong_password_is_told(
    broker: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broker.start()
    monkeypatch.setenv("MQTT_PASSWORD", "wrong")
    with publisher(broker.port).opened():
        reason = "it refuses the connection (not authorized)"
        broker.wait_until(lambda: reason in caplog.text)


@pytest.mark.slow
def test_a_run_goes_on_without_its_broker(spikerain: Callable[..., Any]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"mqtt://127.0.0.1:{unused.getsockname()[1]}"
        options = ("--imgsz", "32x32", "--max-frames", "2", "--mqtt", url)
        assert spikerain("--camera", "demo", *options).returncode == 0


@pytest.mark.slow
def test_the_broker_tells_of_a_run_that_was_killed_and_nobody_sees_the_password(
    broker: Any, secret: str, tmp_path: Path
) -> None:
    broker.start()
    url = f"mqtt://me:{{MQTT_PASSWORD}}@127.0.0.1:{broker.port}"
    options = ["--camera", "demo", "--imgsz", "32x32", "--threads", "1", "--mqtt", url, "-v"]
    program = Path(sys.executable).with_name("spikerain-edge")
    with (
        (tmp_path / "told").open("wb") as told,
        subprocess.Popen(
            [program, "run", *options], cwd=tmp_path, stdout=told, stderr=told, env=os.environ
        ) as process,
    ):
        broker.wait_until(lambda: broker.messages("/availability") == ["online"])
        line = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        process.kill()
    broker.wait_until(lambda: broker.messages("/availability") == ["online", "offline"])
    assert secret.encode() not in line + (tmp_path / "told").read_bytes()
    assert all(secret not in message for _, message in broker.received)
