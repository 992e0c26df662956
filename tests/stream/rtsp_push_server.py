"""GStreamer's RTSP server, to which a client pushes H.264; writes what it receives as JPEGs.

Runs in the system's Python, which has Debian's bindings. Prints its URL, ends with its input.
"""

from __future__ import annotations

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service("0")
receiver = GstRtspServer.RTSPMediaFactory()
receiver.set_transport_mode(GstRtspServer.RTSPTransportMode.RECORD)
receiver.set_launch(
    "( rtph264depay name=depay0 ! h264parse ! openh264dec ! videoconvert ! jpegenc "
    f"! multifilesink sync=false location={sys.argv[1]}/%04d.jpg )"
)
server.get_mount_points().add_factory("/gate", receiver)
server.attach(None)
loop = GLib.MainLoop()
GLib.io_add_watch(GLib.IOChannel(0), GLib.PRIORITY_DEFAULT, GLib.IO_HUP, lambda *_: loop.quit())
print(f"rtsp://127.0.0.1:{server.get_bound_port()}/gate", flush=True)
loop.run()
