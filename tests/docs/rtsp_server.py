"""A camera that speaks RTSP, on a free port of the loopback interface; prints its URL.

Runs in the system's Python, which has Debian's bindings of GStreamer's own RTSP server.
"""

from __future__ import annotations

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

PICTURES = "videotestsrc is-live=true pattern=smpte ! video/x-raw,width=96,height=64,framerate=25/1"
STREAM = "videoconvert ! openh264enc gop-size=10 ! h264parse ! rtph264pay name=pay0 pt=96"

Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service("0")
camera = GstRtspServer.RTSPMediaFactory()
camera.set_launch(f"( {PICTURES} ! {STREAM} )")
camera.set_shared(True)
server.get_mount_points().add_factory("/stream", camera)
server.attach(None)
print(f"rtsp://127.0.0.1:{server.get_bound_port()}/stream", flush=True)
GLib.MainLoop().run()
