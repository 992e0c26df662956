"""The node of ROS 2 in docs/, between stand-ins of the few parts of ROS 2 that it uses."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from spikerain_edge.images import Image
from spikerain_edge.inference import Derainer

NODE = Path(__file__).parents[2] / "docs" / "ros2_node.py"


@dataclass
class Message:
    """The fields of `sensor_msgs/Image` that matter here."""

    height: int
    width: int
    step: int
    encoding: str
    data: bytes
    header: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(stamp=SimpleNamespace(sec=7, nanosec=40_000_000))
    )


class FakeNode:
    """Keeps what a node publishes, and the callback of its subscription."""

    def __init__(self, name: str) -> None:
        self.published: list[Message] = []
        self.errors: list[str] = []

    def declare_parameter(self, name: str, value: str) -> SimpleNamespace:
        return SimpleNamespace(value=value)

    def create_publisher(self, *_: object) -> SimpleNamespace:
        return SimpleNamespace(publish=self.published.append)

    def create_subscription(
        self, kind: object, topic: str, take: Callable[[Message], None], qos: object
    ) -> None:
        self.take = take

    def get_logger(self) -> SimpleNamespace:
        return SimpleNamespace(error=lambda text, once: self.errors.append(text))


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Any:
    parts = {
        "rclpy": {},
        "rclpy.node": {"Node": FakeNode},
        "rclpy.qos": {"qos_profile_sensor_data": None},
        "sensor_msgs": {},
        "sensor_msgs.msg": {"Image": Message},
    }
    for name, members in parts.items():
        module = ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)
    return runpy.run_path(str(NODE))["DerainNode"]()


def test_the_node_derains_both_orders_of_colours_and_padded_rows(
    node: Any, picture: Callable[..., Image], derainer: Derainer
) -> None:
    image = picture(height=32, width=40)
    expected = derainer(image)
    padded = np.pad(image.reshape(32, 120), ((0, 0), (0, 8)))
    node.take(Message(32, 40, 128, "bgr8", padded.tobytes()))
    node.take(Message(32, 40, 120, "rgb8", image[..., ::-1].tobytes()))

    shapes = [(message.height, message.width, message.step) for message in node.published]
    assert shapes == [(32, 40, 120)] * 2
    first, second = (
        np.frombuffer(message.data, np.uint8).reshape(32, 40, 3) for message in node.published
    )
    assert np.abs(first.astype(int) - expected).max() <= 1
    np.testing.assert_array_equal(second[..., ::-1], first)


def test_the_node_refuses_other_images(node: Any) -> None:
    node.take(Message(32, 40, 40, "mono8", bytes(32 * 40)))
    assert node.published == []
    assert node.errors == ["mono8 is not bgr8 or rgb8"]
