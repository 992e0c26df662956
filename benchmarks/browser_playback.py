"""Plays a recording in Chromium and compares what it shows with PNGs of the same frames.

The demo is derained into PNGs, into a video of a file and into a recording as of a camera. Chromium
decodes the videos into a canvas. Prints the PSNR in dB of all colours and of the luma alone, in the
mean of some frames, and what is left of them by colours of half the resolution without any coding.
The exit code is 1 if Chromium does not play a video.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import cv2
import numpy as np

from spikerain_edge.images import Image
from spikerain_edge.stream.planes import to_planes

PROGRAM = str(Path(sys.executable).with_name("spikerain-edge"))
FRAMES, SHOWN = 24, range(2, 24, 4)
PAGE = """<video id=video muted></video><canvas id=canvas></canvas><script>
const send = text => fetch('/shown', {method: 'POST', body: text});
video.onerror = () => send('error: ' + video.error.message);
video.onloadeddata = async () => {
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  const shown = [];
  for (const time of TIMES) {
    await new Promise(done => {
      video.onseeked = () => setTimeout(done, 500);
      video.currentTime = time + 0.01;
    });
    canvas.getContext('2d').drawImage(video, 0, 0);
    shown.push(canvas.toDataURL('image/png').split(',')[1]);
  }
  send(JSON.stringify(shown));
};
fetch('VIDEO').then(file => file.blob()).then(blob => { video.src = URL.createObjectURL(blob); });
</script>"""


def shown_by_chromium(video: Path, times: Sequence[float]) -> list[Image]:
    """What Chromium shows at some seconds of a video, uint8 (H, W, 3) BGR."""
    page = PAGE.replace("TIMES", json.dumps(times)).replace("VIDEO", video.name)
    (video.parent / "page.html").write_text(page)
    answers: list[str] = []
    answered = threading.Event()

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *given: object) -> None:
            super().__init__(*given, directory=str(video.parent))

        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            answers.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            answered.set()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/page.html"
        browser = subprocess.Popen(  # noqa: S603 - a browser on our own page
            [shutil.which("chromium") or "chromium", "--headless=new", "--no-sandbox", url],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        answered.wait(120)
        browser.terminate()
        browser.wait()
        server.shutdown()
    if not answers or not answers[0].startswith("["):
        sys.exit(f"{video.name} does not play in Chromium: {(answers or ['no answer'])[0]}")
    coded = [np.frombuffer(base64.b64decode(each), np.uint8) for each in json.loads(answers[0])]
    return [np.asarray(cv2.imdecode(each, cv2.IMREAD_COLOR), np.uint8) for each in coded]


def to_bgr(planes: Image) -> Image:
    """Planes of YUV 4:2:0, uint8 (3 H / 2, W), as uint8 (H, W, 3) BGR."""
    return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420), np.uint8)


def luma(image: Image) -> Image:
    """Its luma, uint8 (H, W)."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2YUV)[..., 0], np.uint8)


def main() -> None:
    """Prints a row for each video."""
    run = [PROGRAM, "run", "--camera", "demo", "--model", "nano", "--imgsz", "640x368"]
    run += ["--max-frames", str(FRAMES)]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for options in (["--output", "file.mp4", "--output", "pngs/"], ["--output", "camera.mp4"]):
            segment = ["--segment", "10m"] if "camera.mp4" in options else []
            subprocess.run([*run, *options, *segment], cwd=folder, check=True)  # noqa: S603
        read = [cv2.imread(str(path)) for path in sorted((folder / "pngs").iterdir())]
        pngs = [np.asarray(image, np.uint8) for image in read]
        halved = [(to_bgr(to_planes(image, full=False)), image) for image in pngs]
        most = np.mean([cv2.PSNR(*pair) for pair in halved])
        print(f"colours of half the resolution: {most:.1f} dB")
        for video in sorted(folder.glob("*.mp4")):
            with av.open(str(video)) as container:
                times = [float(frame.time or 0) for frame in container.decode(video=0)]
            shown = shown_by_chromium(video, [times[number] for number in SHOWN])
            pairs = [(image, pngs[number]) for image, number in zip(shown, SHOWN, strict=True)]
            colours = np.mean([cv2.PSNR(*pair) for pair in pairs])
            lumas = np.mean([cv2.PSNR(luma(one), luma(other)) for one, other in pairs])
            size = video.stat().st_size / len(times) / 1000
            print(f"{video.name}: {colours:.1f} dB, luma {lumas:.1f} dB, {size:.0f} kB a frame")


if __name__ == "__main__":
    main()
