from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

SECRET = "se:cret/@ %"  # noqa: S105


class Mosquitto:
    """A real broker on this machine, which asks for a password, and what was published there."""

    def __init__(self, tool: str, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._tool = tool
        self._configuration = folder / "mosquitto.conf"
        passwords = folder / "passwords"
        passwords.touch(0o600)
        set_password = ["mosquitto_passwd", "-b", passwords, "me", SECRET]
        subprocess.run(set_password, check=True, timeout=60)
        # As root, mosquitto becomes another user, who cannot read the folder of a test.
        self._configuration.write_text(
            f"listener {self.port} 127.0.0.1\npassword_file {passwords}\nuser root\n"
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._client: Client | None = None
        self.received: list[tuple[str, str]] = []

    def start(self) -> None:
        self._process = subprocess.Popen(
            [self._tool, "-c", self._configuration], stderr=subprocess.DEVNULL
        )
        self.wait_until(self._answers)
        client = Client(CallbackAPIVersion.VERSION2)
        client.username_pw_set("me", SECRET)
        client.on_connect = lambda client, *_: client.subscribe("#")
        client.on_message = lambda client, userdata, message: self._take(
            message.topic, message.payload.decode()
        )
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        self._client = client

    def stop(self) -> None:
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(60)
        self._process = self._client = None

    def publish(self, topic: str, message: str) -> None:
        assert self._client is not None
        self._client.publish(topic, message)

    def messages(self, end: str) -> list[str]:
        """Messages so far of topics that end like this."""
        return [message for topic, message in tuple(self.received) if topic.endswith(end)]

    def wait_until(self, true: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not true():
            assert time.monotonic() < end, self.received
            time.sleep(0.02)

    def _take(self, topic: str, message: str) -> None:
        self.received.append((topic, message))

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mosquitto]:
    """A broker that has not been started; skips where Mosquitto is absent."""
    tool = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/opt/homebrew/sbin")
    if tool is None:
        pytest.skip("mosquitto is not installed here")
    monkeypatch.setenv("MQTT_PASSWORD", SECRET)
    mosquitto = Mosquitto(tool, tmp_path)
    yield mosquitto
    mosquitto.stop()


@pytest.fixture
def secret() -> str:
    return SECRET
