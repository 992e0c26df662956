from __future__ import annotations

import json
import shutil
import subprocess

import cv2
import numpy as np
import pytest
from serving_parts import Served, read_until

from spikerain_edge.serving import pictures


def shade_of(jpeg: bytes) -> float:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return float(image.mean())


def test_a_page_is_ready_while_its_newest_frame_is_fresh(served: Served) -> None:
    assert served.get("/readyz").status == 503
    served.show()
    assert served.get("/readyz").status == 200

    served.clock.now += 11
    assert served.get("/readyz").status == 503
    assert served.get("/healthz").status == 200

    served.show()
    assert served.get("/readyz").status == 200


def test_a_run_that_makes_no_step_for_a_minute_is_not_healthy(served: Served) -> None:
    served.begin()
    assert served.get("/healthz").status == 200
    served.run.stuck = 61.0
    assert served.get("/healthz").status == 503


def test_a_snapshot_is_the_newest_frame(served: Served) -> None:
    assert served.get("/snapshot.jpg").status == 503
    served.show(shade=90)
    after, before = served.get("/snapshot.jpg"), served.get("/snapshot.jpg?view=before")

    assert after.headers["content-type"] == "image/jpeg"
    assert shade_of(after.body) == pytest.approx(90, abs=2)
    assert shade_of(before.body) == pytest.approx(200, abs=2)
    assert served.get("/snapshot.jpg?view=sideways").status == 400
    assert served.get("/stream.mjpg?view=sideways").status == 400
    assert served.get("/snapshot.jpg?camera=0").status == 200
    for camera in ("1", "-1", "zero", "00"):
        assert served.get(f"/snapshot.jpg?camera={camera}").status == 404


def test_a_stream_goes_on_with_each_new_frame(served: Served) -> None:
    served.show()
    with served.watch() as viewer:
        head = read_until(viewer, b"X-Frame: 1\r\n")
        assert b"multipart/x-mixed-replace" in head
        served.show()
        read_until(viewer, b"X-Frame: 2\r\n")


def test_a_stream_of_both_views_pairs_them(served: Served) -> None:
    served.show(shade=90)
    with served.watch("/stream.mjpg?view=both") as viewer:
        received = read_until(viewer, b"X-View: after\r\nX-Frame: 1\r\n")
    assert received.index(b"X-View: before\r\nX-Frame: 1\r\n") < received.index(b"X-View: after")


def test_nothing_is_encoded_while_nobody_watches_and_once_for_all_who_do(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    real = pictures.jpeg

    def counting(image: np.ndarray, quality: int, longest: int | None = None) -> bytes:
        encoded.append(int(image[0, 0, 0]))
        return real(image, quality, longest)

    monkeypatch.setattr(pictures, "jpeg", counting)
    for shade in range(1, 50):
        served.show(shade)
    assert encoded == []

    viewers = [served.watch() for _ in range(4)]
    for viewer in viewers:
        read_until(viewer, b"X-Frame: 49\r\n")
    assert encoded == [49]
    for viewer in viewers:
        viewer.close()
    served.wait_until(lambda: b'viewers{camera="gate"} 0' in metrics(served))
    served.show(50)
    assert encoded == [49]


def metrics(served: Served) -> bytes:
    served.begin()
    return served.get("/metrics").body


def test_the_status_is_the_summary_and_how_the_camera_is_doing(served: Served) -> None:
    starting = served.get("/api/status")
    assert starting.status == 503
    assert json.loads(starting.body)["live"][0]["state"] == "starting"

    served.begin()
    served.show()
    status = json.loads(served.get("/api/status").body)
    assert status["frames"] == 40
    assert status["live"][0]["state"] == "streaming"
    assert status["live"][0]["latency_ms"] == 40.0
    assert status["live"][0]["energy_mj"] == 1.5
    assert status["live"][0]["whole_energy_mj"] == 7.0
    assert status["live"][0]["firing_rates"][1] == {"layer": "down1.neuron", "rate": 0.5}

    served.run.away = True
    served.wait_until(
        lambda: json.loads(served.get("/api/status").body)["live"][0]["state"] == "away"
    )


@pytest.mark.slow
def test_the_history_has_a_point_each_second(served: Served) -> None:
    served.begin()

    def points() -> list[float | None]:
        return list(json.loads(served.get("/api/history").body)["cameras"][0]["latency_ms"])

    served.wait_until(lambda: points().count(40.0) >= 2)


def test_prometheus_finds_no_fault_with_the_metrics(served: Served) -> None:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not installed here (Debian package prometheus)")
    rain = {"state": "rain", "intensity": 0.4, "bypassed": 7}
    served.run.more = {"rain": rain, "restarts": {"cut": 2, "gap": 0}}
    served.show()
    text = metrics(served)
    checked = subprocess.run(
        [tool, "check", "metrics"], input=text, capture_output=True, check=False, timeout=60
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
    for line in (
        'spikerain_frames_total{camera="gate"} 40.0',
        'spikerain_inference_seconds{camera="gate",quantile="0.5"} 0.04',
        'spikerain_frame_energy_joules{camera="gate"} 0.0015',
        'spikerain_frame_whole_energy_joules{camera="gate"} 0.007',
        'spikerain_measured_energy_joules_total{rail="VDD_IN"} 220.0',
        'spikerain_output_frames_total{camera="gate",output="gate.mp4",result="dropped"} 2.0',
        'spikerain_rain_state{camera="gate",state="rain"} 1.0',
        'spikerain_rain_intensity{camera="gate"} 0.4',
        'spikerain_frames_bypassed_total{camera="gate"} 7.0',
        'spikerain_restarts_total{camera="gate",reason="cut"} 2.0',
        'spikerain_restarts_total{camera="gate",reason="gap"} 0.0',
    ):
        assert line in text.decode().splitlines()


@pytest.mark.parametrize("path", ["/", "/healthz", "/stream.mjpg", "/api/status", "/metrics"])
def test_head_has_no_body_and_other_methods_are_refused(served: Served, path: str) -> None:
    served.begin()
    head = served.get(path, "HEAD")
    assert (head.status, head.body) == (200, b"")
    for method in ("OPTIONS", "POST", "PUT", "DELETE", "TRACE"):
        assert served.get(path, method).status == 405


def test_the_streams_end_with_the_run(served: Served) -> None:
    served.show()
    with served.watch() as viewer:
        read_until(viewer, b"X-Frame: 1\r\n")
        thread = served.page._thread
        served.page._server.should_exit = True  # type: ignore[union-attr]
        thread.join(60)
        assert not thread.is_alive()
        while viewer.recv(1 << 16):
            pass
