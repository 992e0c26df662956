"""A real Prometheus scrapes the metrics."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from serving_parts import Served

CONFIGURATION = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: spikerain
    authorization: {{credentials_file: {token}}}
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


@pytest.mark.slow
def test_a_real_prometheus_scrapes_the_metrics(closed: Served, secret: str, tmp_path: Path) -> None:
    tool = shutil.which("prometheus")
    if tool is None:
        pytest.skip("prometheus is not installed here")
    closed.begin()
    closed.show()
    token, configuration = tmp_path / "token", tmp_path / "prometheus.yml"
    token.write_text(secret)
    configuration.write_text(CONFIGURATION.format(token=token, port=closed.port))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [f"--config.file={configuration}", f"--storage.tsdb.path={tmp_path / 'data'}"]
    options.append(f"--web.listen-address=127.0.0.1:{port}")
    process = subprocess.Popen([tool, *options], stderr=subprocess.DEVNULL)
    try:
        closed.wait_until(lambda: value(port, "spikerain_frames_total") == "40")
        assert value(port, "up") == "1"
        assert value(port, 'spikerain_inference_seconds{quantile="0.5"}') == "0.04"
    finally:
        process.terminate()
        process.wait(60)


def value(port: int, query: str) -> str:
    """The value that Prometheus has for a query; empty if it has none yet."""
    found: dict[str, Any] = {}
    with suppress(OSError):
        url = f"http://127.0.0.1:{port}/api/v1/query?query={quote(query)}"
        with urlopen(url, timeout=10) as answer:
            found = json.load(answer)["data"]
    return str(found["result"][0]["value"][1]) if found.get("result") else ""
