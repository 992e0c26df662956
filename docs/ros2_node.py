"""A node of ROS 2 that derains the topic `image_raw` of a camera to the topic `image_derained`.

Needs rclpy and sensor_msgs of ROS 2, and spikerain-edge in the same Python.
"""

import numpy as np
import rclpy
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image

from spikerain_edge import Derainer


class DerainNode(Node):
    """Derains each image; while it is busy, the oldest of those that wait are dropped.

    A video model also reads the previous image.
    """

    def __init__(self) -> None:
        super().__init__("spikerain")
        model = self.declare_parameter("model", "nano").value
        self._stream = Derainer.load(model).stream()
        self._derained = self.create_publisher(Image, "image_derained", qos_profile_sensor_data)
        self.create_subscription(Image, "image_raw", self._derain, qos_profile_sensor_data)

    def _derain(self, message: Image) -> None:
        if message.encoding not in ("bgr8", "rgb8"):
            self.get_logger().error(f"{message.encoding} is not bgr8 or rgb8", once=True)
            return
        rows = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)
        image = rows[:, : 3 * message.width].reshape(message.height, message.width, 3)
        order = 1 if message.encoding == "bgr8" else -1
        taken = message.header.stamp.sec + message.header.stamp.nanosec * 1e-9
        clean = self._stream(np.ascontiguousarray(image[..., ::order]), taken)[..., ::order]
        message.step, message.data = 3 * message.width, clean.tobytes()
        self._derained.publish(message)


def main() -> None:
    """Runs the node until it is stopped."""
    rclpy.init()
    rclpy.spin(DerainNode())


if __name__ == "__main__":
    main()
