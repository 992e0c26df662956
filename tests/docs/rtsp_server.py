"""A camera that speaks RTSP on the loopback interface; prints its URL.

Runs in the system's Python, which has Debian's bindings of GStreamer's own RTSP server.
"""

from __future__ import annotations

import argparse
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

PICTURES = "videotestsrc is-live=true pattern=smpte ! video/x-raw,width=96,height=64,framerate=25/1"
STREAM = "videoconvert ! openh264enc gop-size=10 ! h264parse ! rtph264pay name=pay0 pt=96"

options = argparse.ArgumentParser()
options.add_argument("--port", default="0", help="a free one unless given")
options.add_argument("--password", help="of the user camera")
options.add_argument("--pictures", default=PICTURES, help="pipeline up to raw pictures")
options.add_argument("--stream", default=STREAM, help="pipeline from there to the packets")
options.add_argument("--watch", action="store_true", help="end when standard input ends")
given = options.parse_args()

Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(given.port)
camera = GstRtspServer.RTSPMediaFactory()
camera.set_launch(f"( {given.pictures} ! {given.stream} )")
camera.set_shared(True)
if given.password is not None:
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic("camera", given.password), token)
    server.set_auth(auth)
    roles = GstRtspServer.RTSPPermissions()
    roles.add_permission_for_role("viewer", "media.factory.access", True)
    roles.add_permission_for_role("viewer", "media.factory.construct", True)
    camera.set_permissions(roles)
server.get_mount_points().add_factory("/stream", camera)
server.attach(None)
print(f"rtsp://127.0.0.1:{server.get_bound_port()}/stream", flush=True)
loop = GLib.MainLoop()
if given.watch:
    ended = GLib.IOCondition.HUP
    GLib.io_add_watch(sys.stdin, GLib.PRIORITY_DEFAULT, ended, lambda *_: loop.quit())
loop.run()
