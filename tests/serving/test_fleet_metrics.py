"""The dashboard and the alerts ask for metrics that a run really has."""

from __future__ import annotations

import json
import re
from pathlib import Path

from serving_parts import Served

FLEET = Path(__file__).parents[2] / "deploy" / "fleet"
METRIC = re.compile(r"\b(?:spikerain|process)_[a-z_]+\b")
RAIN = {"rain": {"state": "rain", "intensity": 0.4, "bypassed": 7}}


def test_every_metric_of_the_dashboard_and_the_alerts_exists(served: Served) -> None:
    served.run.more = RAIN
    served.begin()
    served.show()
    exposed = {
        re.split(r"[{ ]", line, maxsplit=1)[0]
        for line in served.get("/metrics").text.splitlines()
        if not line.startswith("#")
    }
    dashboard = json.loads((FLEET / "grafana/spikerain.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    alerts = re.findall(r"expr: (.+)", (FLEET / "prometheus/alerts.yml").read_text())
    asked = set(METRIC.findall(" ".join([*queries, *alerts])))
    assert len(asked) > 12
    assert asked <= exposed
