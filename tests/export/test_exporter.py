from __future__ import annotations

import dataclasses
from pathlib import Path

import onnx
import pytest
from graph_files import write_network

from spikerain_edge import Derainer, InputError, ModelError, ModelSpec
from spikerain_edge.spec import METADATA_KEY
from spikerain_export.precision.graph import opset_of
from spikerain_training.network import SpikeRain


def test_graph_and_probe_graph_are_written_with_descriptions(
    nano: SpikeRain, tmp_path: Path
) -> None:
    made = write_network(nano, tmp_path / "nano.onnx", name="mine")
    with Derainer.load(str(made.graph), probe=True) as derainer:
        assert derainer.spec == made.spec
        assert derainer.spec.name == "mine"
        assert derainer.can_probe


@pytest.mark.parametrize(
    "opset", [17, *(pytest.param(each, marks=pytest.mark.slow) for each in (18, 21))]
)
def test_the_written_graphs_have_the_requested_operator_set(
    published: SpikeRain, tmp_path: Path, opset: int
) -> None:
    made = write_network(published, tmp_path / "small.onnx", opset=opset)
    for path in (made.graph, made.probe):
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
        assert opset_of(model) == opset


def test_the_same_network_gives_the_same_bytes(nano: SpikeRain, tmp_path: Path) -> None:
    files = [write_network(nano, tmp_path / f"{run}.onnx").graph for run in ("one", "two")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_the_digest_covers_graph_and_description_and_the_file_is_valid_onnx(
    nano: SpikeRain, tmp_path: Path
) -> None:
    made = write_network(nano, tmp_path / "nano.onnx")
    content = made.graph.read_bytes()
    assert made.spec.seals(content)
    renamed = dataclasses.replace(made.spec, name="other")
    assert not renamed.seals(content)
    model = onnx.load(made.graph)
    onnx.checker.check_model(model, full_check=True)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert ModelSpec.from_json(metadata[METADATA_KEY]) == made.spec


def test_data_after_the_description_is_rejected(nano: SpikeRain, tmp_path: Path) -> None:
    made = write_network(nano, tmp_path / "nano.onnx")
    grown = onnx.ModelProto(graph=onnx.GraphProto(doc_string="more")).SerializeToString()
    made.graph.write_bytes(made.graph.read_bytes() + grown)
    with pytest.raises(ModelError, match="was changed"):
        Derainer.load(str(made.graph))


@pytest.mark.slow
def test_the_probe_graph_of_another_network_is_rejected(
    nano: SpikeRain, published: SpikeRain, tmp_path: Path
) -> None:
    made = write_network(nano, tmp_path / "nano.onnx")
    other = write_network(published, tmp_path / "other.onnx")
    made.probe.write_bytes(other.probe.read_bytes())
    with pytest.raises(ModelError, match="not the probe graph"):
        Derainer.load(str(made.graph), probe=True)


@pytest.mark.parametrize("place", ["folder", "/proc/nowhere/model.onnx"])
def test_an_unwritable_output_is_rejected(nano: SpikeRain, tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="cannot write"):
        write_network(nano, tmp_path / place)
