from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from serving_parts import Served

from spikerain_edge.run_options import RunOptions
from spikerain_edge.session import Session

SCHEMA = Path(__file__).parents[2] / "docs" / "status.schema.json"


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Returns an object of JSON; a second value for a key would silently win otherwise."""
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), keys
    return dict(pairs)


@pytest.fixture(scope="module")
def schema() -> Any:
    loaded = json.loads(SCHEMA.read_text(), object_pairs_hook=unique)
    jsonschema_rs.meta.validate(loaded)
    return loaded


@pytest.mark.slow
def test_the_status_of_a_run_is_its_summary_and_follows_the_schema(
    served: Served, schema: Any
) -> None:
    page = served.page
    options = RunOptions(("demo",), (), size=(32, 32), max_frames=3, threads=1)
    session = Session(options, show=lambda _, before, after: page.feeds[0].show(before, after))
    page.watch(session)
    before = json.loads(served.get("/api/status").body)
    session.run()
    summary = json.loads(json.dumps(session.summary()))

    def status_now() -> Any:
        return json.loads(served.get("/api/status").body)

    served.wait_until(lambda: {**status_now(), "live": None} == {**summary, "live": None})
    after = status_now()
    for status in (before, after):
        jsonschema_rs.validate(schema, status)
    live = after["live"]
    assert live[0]["firing_rates"][0]["layer"] == "encoder1.0.neurons.0"


@pytest.mark.slow
def test_the_schema_tells_every_field_of_the_status(served: Served, schema: Any) -> None:
    session = Session(RunOptions(("demo",), (), size=(32, 32), max_frames=1, threads=1))
    served.page.watch(session)
    session.run()
    status = json.loads(served.get("/api/status").body)
    assert status.keys() <= schema["properties"].keys()
    assert status["live"][0].keys() <= schema["$defs"]["now"]["properties"].keys()
    assert status["cameras"][0].keys() <= {*schema["properties"], "camera"}
