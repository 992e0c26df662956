"""Publishes how a run is doing, on threads of its own."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from spikerain_edge.mqtt.broker import Broker
from spikerain_edge.mqtt.discovery import DISCOVERY, INTERVAL, Device, announcements, state_of
from spikerain_edge.mqtt.discovery import stable_id as stable
from spikerain_edge.serving.feed import Feed
from spikerain_edge.serving.status import Status, Watched

_log = logging.getLogger(__name__)
# Seconds between two looks at the run.
_STEP = 1.0
# Seconds that a broker may be silent, and those between two attempts to connect.
_KEEPALIVE = 20
_SOONEST, _LATEST = 1, 30
# Seconds that the last message and the end of the connection may take.
_END = 0.75
# What is published at once when it changes; the rest is every half minute.
_TELLING = ("rain", "camera", "problem", "state")


class Publisher:
    """Publishes the state of each camera to a broker, and connects again for ever.

    Args:
        broker: where to publish.
        feeds: the frames of the cameras.
        stall: seconds without a frame after which a camera counts as silent.
        model: what the network is called.
    """

    def __init__(self, broker: Broker, feeds: Sequence[Feed], stall: float, model: str) -> None:
        self._broker = broker
        self._status = Status(feeds, stall)
        chosen = broker.prefix if broker.prefixed else None
        run = stable("run", *(feed.name for feed in feeds), prefix=chosen)
        self._availability = f"{broker.prefix}/{run}/availability"
        self._devices = [
            Device(
                stable(feed.name, prefix=chosen),
                feed.name,
                model,
                broker.prefix,
                self._availability,
            )
            for feed in feeds
        ]
        self._sent: list[dict[str, Any]] = [{} for _ in feeds]
        self._ended = threading.Event()
        self._announce = threading.Event()
        self._told = ""
        self._client = self._make_client(f"spikerain_{run}")

    def watch(self, run: Watched) -> None:
        """Tells of this run from now on."""
        self._status.run = run

    @contextmanager
    def opened(self) -> Iterator[Publisher]:
        """Within it states are published; at its end the run is said to be offline."""
        network = threading.Thread(target=self._connect, name="mqtt network", daemon=True)
        states = threading.Thread(target=self._publish_states, name="mqtt states", daemon=True)
        for thread in (network, states):
            thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            self._announce.set()
            states.join(_END)
            if self._client.is_connected():
                last = self._client.publish(self._availability, "offline", qos=1, retain=True)
                with suppress(RuntimeError, ValueError):
                    last.wait_for_publish(_END)
            self._client.disconnect()
            network.join(_END)

    def _make_client(self, name: str) -> Client:
        client = Client(CallbackAPIVersion.VERSION2, client_id=name)
        client.will_set(self._availability, "offline", qos=1, retain=True)
        client.reconnect_delay_set(_SOONEST, _LATEST)
        if self._broker.user is not None:
            client.username_pw_set(self._broker.user, self._broker.password)
        if self._broker.tls:
            client.tls_set()
        client.on_connect = self._on_connect
        client.on_connect_fail = lambda client, userdata: self._tell("it cannot be reached")
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def _connect(self) -> None:
        self._client.connect_async(self._broker.host, self._broker.port, _KEEPALIVE)
        self._client.loop_forever(retry_first_connection=True)

    def _publish_states(self) -> None:
        due = 0.0
        while not self._ended.is_set():
            if self._client.is_connected():
                if self._announce.is_set():
                    self._announce.clear()
                    self._publish_announcements()
                    due = 0.0
                due = self._publish_news(due)
            self._announce.wait(_STEP)

    def _publish_announcements(self) -> None:
        for device in self._devices:
            for topic, message in announcements(device):
                self._client.publish(topic, json.dumps(message), qos=1, retain=True)
        self._client.publish(self._availability, "online", qos=1, retain=True)

    def _publish_news(self, due: float) -> float:
        """Publishes states that have changed, or all when it is time; returns when it is next."""
        now = time.monotonic()
        summary = self._status.summary()
        for camera, (device, live) in enumerate(
            zip(self._devices, self._status.live(), strict=True)
        ):
            rain = None if summary is None else summary["cameras"][camera].get("rain")
            state = state_of(live, rain)
            before = self._sent[camera]
            if now >= due or any(state[key] != before.get(key) for key in _TELLING):
                self._client.publish(device.state_topic, json.dumps(state), retain=True)
                self._sent[camera] = state
        return now + INTERVAL if now >= due else due

    def _on_connect(
        self,
        client: Client,
        userdata: object,
        flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._tell(f"it refuses the connection ({str(reason).lower()})")
            return
        if self._told:
            _log.info("MQTT: connected to %s", self._broker)
        self._told = ""
        client.subscribe(f"{DISCOVERY}/status")
        self._announce.set()

    def _on_disconnect(
        self,
        client: Client,
        userdata: object,
        flags: DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if not self._ended.is_set() and not self._told:
            self._tell("the connection is lost")

    def _on_message(self, client: Client, userdata: object, message: MQTTMessage) -> None:
        """Home Assistant has started: everything is announced again."""
        if message.payload == b"online":
            self._announce.set()

    def _tell(self, reason: str) -> None:
        """Warns once of each reason in a row."""
        if reason != self._told and not self._ended.is_set():
            self._told = reason
            _log.warning("MQTT broker %s: %s; trying again for ever", self._broker, reason)
