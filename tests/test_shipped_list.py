"""The list of shipped models is checked before it is used."""

from __future__ import annotations

from pathlib import Path

import pytest

from spikerain_edge import models
from spikerain_edge.errors import ModelError

DIGEST = "0" * 64
WHOLE = f'{{"x": {{"graph": {{"file": "x.onnx", "sha256": "{DIGEST}"}}, "probe": {{}}}}}}'


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "[]",
        WHOLE,
        '{"x": {}}',
        WHOLE.replace("{}", f'{{"file": "../x.onnx", "sha256": "{DIGEST}"}}'),
        WHOLE.replace("{}", '{"file": "x.onnx", "sha256": ""}'),
    ],
)
def test_a_damaged_list_of_models_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    monkeypatch.setattr(models, "__file__", str(tmp_path / "__init__.py"))
    if content is not None:
        (tmp_path / "registry.json").write_text(content)
    with pytest.raises(ModelError, match=r"registry\.json is damaged; reinstall it: pip install"):
        models.find_model("x")


def test_every_listed_file_is_there_and_has_its_digest() -> None:
    for name in models.shipped_models():
        model = models.find_model(name)
        assert model.graph.read()
        assert model.probe is not None
        assert model.probe.read()
