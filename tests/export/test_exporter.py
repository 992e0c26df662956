from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from skimage import data
from torch import Tensor

from spikerain_edge import Derainer, InputError, ModelError, ModelSpec
from spikerain_edge.spec import METADATA_KEY
from spikerain_export import export_checkpoint, export_network
from spikerain_training.checkpoint import save_network
from spikerain_training.network import SpikeRain

PHOTOGRAPH = np.ascontiguousarray(data.astronaut()[:80, :64, ::-1])


def test_a_checkpoint_becomes_a_graph_that_was_compared(nano: SpikeRain, tmp_path: Path) -> None:
    save_network(tmp_path / "checkpoint", nano.config, nano.state_dict())
    made = export_checkpoint(
        tmp_path / "checkpoint", tmp_path / "nano.onnx", images=[PHOTOGRAPH], name="mine"
    )
    assert made.parity is not None
    assert made.parity.psnr >= 50
    with Derainer.load(str(made.graph), probe=True) as derainer:
        assert derainer.spec == made.spec
        assert derainer.spec.name == "mine"
        assert derainer.can_probe


def test_a_graph_that_disagrees_is_not_written(nano: SpikeRain, tmp_path: Path) -> None:
    class Different(SpikeRain):
        def forward(self, image: Tensor) -> Tensor:
            return 1 - super().forward(image)

    different = Different(nano.config).eval()
    different.load_state_dict(nano.state_dict())
    with pytest.raises(ModelError, match="50 are asked for"):
        export_network(different, tmp_path / "wrong.onnx", images=[PHOTOGRAPH])
    assert not list(tmp_path.iterdir())


def test_the_same_network_gives_the_same_bytes(nano: SpikeRain, tmp_path: Path) -> None:
    files = [export_network(nano, tmp_path / f"{run}.onnx").graph for run in ("one", "two")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_the_digest_covers_graph_and_description_and_the_file_is_valid_onnx(
    nano: SpikeRain, tmp_path: Path
) -> None:
    made = export_network(nano, tmp_path / "nano.onnx")
    content = made.graph.read_bytes()
    assert made.spec.seals(content)
    renamed = dataclasses.replace(made.spec, name="other")
    assert not renamed.seals(content)
    model = onnx.load(made.graph)
    onnx.checker.check_model(model, full_check=True)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert ModelSpec.from_json(metadata[METADATA_KEY]) == made.spec


def test_a_folder_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no usable checkpoint"):
        export_checkpoint(tmp_path, tmp_path / "x.onnx", images=[])


def test_a_checkpoint_of_another_shape_is_refused(
    nano: SpikeRain, published: SpikeRain, tmp_path: Path
) -> None:
    save_network(tmp_path / "mixed", nano.config, published.state_dict())
    with pytest.raises(InputError, match="do not fit"):
        export_checkpoint(tmp_path / "mixed", tmp_path / "x.onnx", images=[])
    assert not (tmp_path / "x.onnx").exists()


def test_a_pickled_file_is_never_loaded(nano: SpikeRain, tmp_path: Path) -> None:
    save_network(tmp_path / "evil", nano.config, nano.state_dict())
    torch.save(nano.state_dict(), tmp_path / "evil" / "weights.safetensors")
    with pytest.raises(InputError, match="no usable checkpoint"):
        export_checkpoint(tmp_path / "evil", tmp_path / "x.onnx", images=[])


def test_nothing_may_follow_the_description(nano: SpikeRain, tmp_path: Path) -> None:
    made = export_network(nano, tmp_path / "nano.onnx")
    grown = onnx.ModelProto(graph=onnx.GraphProto(doc_string="more")).SerializeToString()
    made.graph.write_bytes(made.graph.read_bytes() + grown)
    with pytest.raises(ModelError, match="has been changed"):
        Derainer.load(str(made.graph))


def test_the_probe_graph_of_another_network_is_refused(
    nano: SpikeRain, published: SpikeRain, tmp_path: Path
) -> None:
    made = export_network(nano, tmp_path / "nano.onnx")
    other = export_network(published, tmp_path / "other.onnx")
    made.probe.write_bytes(other.probe.read_bytes())
    with pytest.raises(ModelError, match="not the probe graph"):
        Derainer.load(str(made.graph), probe=True)


@pytest.mark.parametrize("place", ["folder", "/proc/nowhere/model.onnx"])
def test_a_place_that_cannot_be_written_is_refused_first(
    nano: SpikeRain, tmp_path: Path, place: str
) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="cannot write"):
        export_network(nano, tmp_path / place, images=[PHOTOGRAPH])


def test_a_configuration_that_is_no_table_is_refused(nano: SpikeRain, tmp_path: Path) -> None:
    save_network(tmp_path / "listed", nano.config, nano.state_dict())
    (tmp_path / "listed" / "config.json").write_text("[1, 2]")
    with pytest.raises(InputError, match="no usable checkpoint"):
        export_checkpoint(tmp_path / "listed", tmp_path / "x.onnx", images=[])
