"""The JSON document follows its schema and can be read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from spikerain_edge.profiling.document import Report, as_json, json_schema, rounded

EXAMPLE = Path(__file__).with_name("report.json")
SCHEMA = Path(__file__).parents[2] / "docs/profile.schema.json"


@pytest.fixture
def report() -> Report:
    return msgspec.json.decode(EXAMPLE.read_bytes(), type=Report)


def test_the_committed_schema_equals_the_generated_one() -> None:
    assert json.loads(SCHEMA.read_text()) == json_schema(), (
        "run: python -m spikerain_edge.profiling.document > docs/profile.schema.json"
    )


def test_a_report_follows_the_schema_and_can_be_read_back(report: Report) -> None:
    document = json.loads(as_json(report))
    assert document == json.loads(EXAMPLE.read_text())
    schema = json.loads(SCHEMA.read_text())
    jsonschema_rs.meta.validate(schema)
    jsonschema_rs.validate(schema, document)


def test_every_field_of_the_schema_has_a_description() -> None:
    definitions = json_schema()["$defs"]
    for name, record in definitions.items():
        assert record["description"], name
        for field, content in record["properties"].items():
            refers = "$ref" in json.dumps(content)
            assert "description" in content or refers, f"{name}.{field}"


@pytest.mark.parametrize("spoil", ["unknown", "energy_mj", "imgsz"])
def test_the_schema_rejects_documents_that_are_not_reports(report: Report, spoil: str) -> None:
    document: dict[str, Any] = json.loads(as_json(report))
    row = document["rows"][0]
    if spoil == "energy_mj":
        del row["energy_mj"]["snn-derain-as-ann"]
    else:
        row[spoil] = [256]
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.validate(json.loads(SCHEMA.read_text()), document)


def test_floats_are_rounded_to_seven_digits(report: Report) -> None:
    long = msgspec.structs.replace(report.rows[0], fps=1 / 3, gsops=123456789.0)
    row = rounded(msgspec.structs.replace(report, rows=[long])).rows[0]
    assert (row.fps, row.gsops) == (0.3333333, 123456800.0)
    assert row.imgsz == report.rows[0].imgsz


def test_an_infinite_figure_is_rejected(report: Report) -> None:
    broken = msgspec.structs.replace(report.rows[0], fps=float("nan"))
    with pytest.raises(ValueError, match="cannot hold nan"):
        rounded(msgspec.structs.replace(report, rows=[broken]))
