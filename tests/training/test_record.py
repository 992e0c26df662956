from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch

from spikerain_edge.errors import InputError
from spikerain_training.provenance import code_revision, git_revision
from spikerain_training.recipe import Recipe
from spikerain_training.record import (
    Data,
    append_session,
    read_sessions,
    recorded_data,
    recorded_recipe,
)
from spikerain_training.session import describe, fingerprint


def test_recipe_and_data_are_read_from_the_last_session(photographs: Path, tmp_path: Path) -> None:
    recipe = Recipe(steps=9, weather={"rain": 1.0, "snow": 0.5}, network={"width": 16}, seed=3)

    data = Data({photographs: 2.0}, {photographs: "right"}, photographs)

    append_session(tmp_path, describe(recipe, data, step=0, processes=1))

    assert recorded_recipe(tmp_path) == recipe
    assert recorded_data(tmp_path) == data


def test_a_record_without_newer_fields_can_be_read(photographs: Path, tmp_path: Path) -> None:
    session = describe(Recipe(), Data({photographs: 2.0}), step=0, processes=1)
    del session["rainy_half"], session["validation"]
    append_session(tmp_path, session)

    assert recorded_data(tmp_path) == Data({photographs: 2.0})


def test_a_record_with_one_rainy_half_for_all_folders_can_be_read(
    photographs: Path, pairs: Path, tmp_path: Path
) -> None:
    session = describe(Recipe(), Data({photographs: 1.0}, validation=pairs), step=0, processes=1)
    append_session(tmp_path, {**session, "rainy_half": "left"})

    expected = Data({photographs: 1.0}, {photographs: "left", pairs: "left"}, pairs)
    assert recorded_data(tmp_path) == expected


def test_fingerprints_change_with_validation_images_initial_weights_and_teacher(
    photographs: Path, tmp_path: Path
) -> None:
    def described(content: bytes) -> dict[str, Any]:
        (tmp_path / "weights.safetensors").write_bytes(content)
        (photographs / "1.png").write_bytes(content)
        recipe = Recipe(teacher=str(tmp_path), distillation=1.0)
        return describe(recipe, Data(validation=photographs), 0, 1, initial=tmp_path)

    first, second = described(b"one"), described(b"two")

    for name in ("validation", "initial", "teacher"):
        assert first[name]["folder"] == second[name]["folder"]
        assert first[name]["sha256"] != second[name]["sha256"]


def test_a_resumed_session_is_added_and_a_new_run_replaces_the_record(tmp_path: Path) -> None:
    for step in (0, 5, 7):
        append_session(tmp_path, describe(Recipe(seed=step), Data(), step, processes=2))
    assert [session["from_step"] for session in read_sessions(tmp_path)] == [0, 5, 7]
    assert recorded_recipe(tmp_path) == Recipe(seed=7)

    append_session(tmp_path, describe(Recipe(), Data(), step=0, processes=1))
    assert len(read_sessions(tmp_path)) == 1


def test_a_session_names_code_libraries_and_machine(tmp_path: Path) -> None:
    session = describe(Recipe(), Data(), step=0, processes=3)

    assert session["libraries"]["torch"] == torch.__version__
    assert session["processes"] == 3
    assert session["machine"]
    assert json.loads(json.dumps(session))["recipe"]["seed"] == 0


def test_names_of_files_need_not_be_text(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"stra\xdfe.jpg")).write_bytes(b"1")
    before = fingerprint(tmp_path, 1.0)
    (tmp_path / os.fsdecode(b"stra\xdfe.jpg")).rename(tmp_path / os.fsdecode(b"stra\xdee.jpg"))

    assert before.files == 1
    assert fingerprint(tmp_path, 1.0).sha256 != before.sha256


def test_the_fingerprint_changes_with_contents_and_names(photographs: Path) -> None:
    before = fingerprint(photographs, 1.0)
    assert before == fingerprint(photographs, 1.0)
    assert before.files == 3

    path = photographs / "1.png"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    changed = fingerprint(photographs, 1.0)
    path.write_bytes(content)
    path.rename(photographs / "7.png")
    renamed = fingerprint(photographs, 1.0)

    assert len({before.sha256, changed.sha256, renamed.sha256}) == 3


def test_the_revision_ends_in_dirty_if_files_were_changed(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=n", "-c", "user.email=e"]
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    assert git_revision(tmp_path) is None
    git("init")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-m", "first")
    commit = git("rev-parse", "HEAD")
    assert git_revision(tmp_path) == commit

    (tmp_path / "file").write_text("two")
    assert git_revision(tmp_path) == f"{commit}-dirty"


def test_code_installed_inside_another_project_has_no_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=n", "-c", "user.email=e"]
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        subprocess.run(command, check=True, capture_output=True)

    git("init")
    (tmp_path / "ours.py").write_text("")
    git("add", "ours.py")
    git("commit", "-m", "first")
    installed = tmp_path / "environment" / "code.py"
    installed.parent.mkdir()
    installed.write_text("")
    monkeypatch.chdir(tmp_path)

    assert code_revision(tmp_path / "ours.py") == git_revision(tmp_path)
    assert code_revision(installed) is None
    assert describe(Recipe(), Data(), 0, 1)["git_revision"] != git_revision(tmp_path)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"sessions": [1]}', '{"sessions": [{}]}', "[" * 100_000 + "]" * 100_000]
)
def test_a_damaged_record_is_refused_with_a_remedy(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)

    with pytest.raises(InputError, match=r"run\.json is damaged.*--config"):
        recorded_recipe(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        '"data": [{}]',
        '"data": 3',
        '"data": [{"folder": "f", "weight": 1}], "rainy_half": "top"',
        '"rainy_half": {"f": 3}',
        '"validation": {"file": 1}',
    ],
)
def test_damaged_data_in_a_record_are_refused_with_a_remedy(tmp_path: Path, damage: str) -> None:
    (tmp_path / "run.json").write_text('{"sessions": [{"recipe": {}, ' + damage + "}]}")

    with pytest.raises(InputError, match=r"run\.json is damaged.*--data"):
        recorded_data(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        '"data": [{"folder": "f", "weight": "much", "sha256": ""}]',
        '"data": [{"folder": "f", "weight": 1, "sha256": 3}]',
        '"teacher": {"folder": "f"}',
        '"teacher": "f"',
    ],
)
def test_a_damaged_session_is_refused(tmp_path: Path, damage: str) -> None:
    (tmp_path / "run.json").write_text('{"sessions": [{"recipe": {}, ' + damage + "}]}")

    with pytest.raises(InputError, match=r"run\.json is damaged"):
        read_sessions(tmp_path)


def test_a_run_without_a_record_has_no_recipe(tmp_path: Path) -> None:
    assert recorded_recipe(tmp_path) is None
    assert recorded_data(tmp_path) == Data()
