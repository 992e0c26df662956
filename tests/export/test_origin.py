from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from export_parts import TRAINED, checkpoint, damaged_files, origin_of, shipped
from graph_files import write_network
from precision_parts import photograph
from safetensors.torch import load_file, save_file

from spikerain_edge import InputError, ModelError
from spikerain_edge.inference import Derainer
from spikerain_edge.models import find_model
from spikerain_export.artefact import seal
from spikerain_export.conversion import Request, require_convertible
from spikerain_export.origin import open_origin
from spikerain_training.network import SpikeRain
from spikerain_training.restore import restore


def test_a_shipped_model_opens_by_name_and_by_file() -> None:
    named = open_origin("nano")
    filed = open_origin(str(find_model("nano").graph.path))
    assert named.graph.spec == filed.graph.spec
    assert named.probe is not None
    assert named.probe.spec.probe
    assert named.network is None
    assert named.trained
    assert named.sha256 == filed.sha256 == hashlib.sha256(shipped()).hexdigest()


@pytest.mark.slow
def test_the_shipped_model_has_the_weights_of_its_checkpoint() -> None:
    made = open_origin(str(TRAINED), name="nano")
    assert made.network is not None
    assert made.graph.spec.weights_sha256 == open_origin("nano").graph.spec.weights_sha256


@pytest.mark.slow
def test_the_graph_of_a_checkpoint_agrees_with_its_network(
    published: SpikeRain, tmp_path: Path
) -> None:
    origin = origin_of(published, tmp_path / "checkpoint", name="mine")
    content, _ = seal(origin.graph.model, origin.graph.spec)
    assert origin.graph.spec.name == "mine"
    assert origin.sha256 == hashlib.sha256(content).hexdigest()
    image = photograph(48, 64)
    with Derainer.from_bytes(content) as derainer:
        difference = derainer(image).astype(int) - restore(published, image)
    assert np.abs(difference).max() <= 1


@pytest.mark.slow
def test_an_untrained_variant_has_a_note_and_fixed_weights() -> None:
    origin = open_origin("s")
    assert origin.graph.spec.variant == "s"
    assert not origin.trained
    assert "untrained" in origin.note
    assert origin.sha256 == open_origin("s").sha256, "the random weights are fixed"


def test_renaming_a_model_also_renames_its_probe_graph() -> None:
    origin = open_origin("nano", name="mine")
    assert origin.probe is not None
    assert (origin.graph.spec.name, origin.probe.spec.name) == ("mine", "mine")
    assert origin.sha256 == hashlib.sha256(shipped()).hexdigest(), "the digest of the file read"


def test_a_file_without_a_probe_graph_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "alone.onnx").write_bytes(shipped())
    assert open_origin(str(tmp_path / "alone.onnx")).probe is None


def test_the_probe_graph_of_another_network_is_rejected(
    published: SpikeRain, tmp_path: Path
) -> None:
    made = write_network(published, tmp_path / "mine.onnx")
    made.graph.write_bytes(shipped())
    with pytest.raises(ModelError, match=r"mine\.probe\.onnx is not the probe graph"):
        open_origin(str(made.graph))


@pytest.mark.parametrize("kind", damaged_files(shipped()))
def test_a_damaged_file_gives_a_one_line_error(tmp_path: Path, kind: str) -> None:
    content, said = damaged_files(shipped())[kind]
    path = tmp_path / "mine.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError) as raised:
        open_origin(str(path))
    assert str(path) in str(raised.value)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    assert raised.value.exit_code == 4


@pytest.mark.parametrize("kind", damaged_files(shipped()))
def test_a_damaged_probe_graph_is_rejected_too(tmp_path: Path, kind: str) -> None:
    (tmp_path / "mine.onnx").write_bytes(shipped())
    (tmp_path / "mine.probe.onnx").write_bytes(damaged_files(shipped())[kind][0])
    with pytest.raises(ModelError, match=r"mine\.probe\.onnx"):
        open_origin(str(tmp_path / "mine.onnx"))


@pytest.mark.parametrize("model", ["pico", "nowhere/mine.onnx"])
def test_an_error_about_a_missing_model_lists_the_shipped_ones(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="nano") as raised:
        open_origin(model)
    assert raised.value.exit_code == 2


def test_a_file_keeps_its_operator_set() -> None:
    with pytest.raises(InputError, match="nano is an ONNX file and keeps its operator set"):
        open_origin("nano", opset=18)


def test_only_checkpoints_and_variants_need_torch(
    published: SpikeRain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = checkpoint(published, tmp_path / "checkpoint")
    monkeypatch.setitem(sys.modules, "torch", None)
    assert open_origin("nano").network is None
    for model in (str(folder), "s"):
        with pytest.raises(InputError, match=r"needs the package torch, .*; install it: pip"):
            open_origin(model)


def test_a_folder_without_a_checkpoint_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a checkpoint folder"):
        open_origin(str(tmp_path))


@pytest.mark.slow
def test_a_checkpoint_with_weights_of_another_shape_is_rejected(
    nano: SpikeRain, published: SpikeRain, tmp_path: Path
) -> None:
    folder = checkpoint(nano, tmp_path / "mixed")
    other = checkpoint(published, tmp_path / "other")
    # Files of older versions have no digest, which would be the first to differ.
    save_file(load_file(other / "weights.safetensors"), folder / "weights.safetensors")
    with pytest.raises(ModelError, match=r"does not match config\.json"):
        open_origin(str(folder))


def test_a_pickled_file_is_never_loaded(published: SpikeRain, tmp_path: Path) -> None:
    folder = checkpoint(published, tmp_path / "evil")
    torch.save(published.state_dict(), folder / "weights.safetensors")
    with pytest.raises(ModelError, match=r"weights\.safetensors is damaged"):
        open_origin(str(folder))


def test_a_configuration_that_is_not_a_table_is_rejected(
    published: SpikeRain, tmp_path: Path
) -> None:
    folder = checkpoint(published, tmp_path / "listed")
    (folder / "config.json").write_text("[1, 2]")
    with pytest.raises(ModelError, match=r"config\.json: the network configuration is not a table"):
        open_origin(str(folder))


def test_the_command_in_the_error_about_a_probe_graph_works(tmp_path: Path) -> None:
    for name, content in (("mine.onnx", find_model("nano").graph), ("mine.probe.onnx", None)):
        read = content or find_model("nano").probe
        assert read is not None
        (tmp_path / name).write_bytes(read.read())
    with pytest.raises(InputError) as raised:
        require_convertible(open_origin(str(tmp_path / "mine.probe.onnx")), Request())
    named = raised.value.remedy.rpartition("spikerain-edge export ")[2]
    require_convertible(open_origin(named), Request())
