"""Opens the model to export: shipped model, ONNX file, checkpoint or untrained variant."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import onnx

from spikerain_edge.errors import InputError
from spikerain_edge.inference.probe_graph import require_same_network
from spikerain_edge.models import find_model, shipped_models
from spikerain_edge.spec import ModelSpec
from spikerain_export.artefact import seal, unseal
from spikerain_export.opset import OPSET, at_opset
from spikerain_export.precision.graph import opset_of

if TYPE_CHECKING:
    from spikerain_training.network import SpikeRain

_UNTRAINED = ("s", "m", "l")


@dataclass(frozen=True)
class Graph:
    """An ONNX graph and its description, as stored in one file."""

    model: onnx.ModelProto
    spec: ModelSpec


@dataclass(frozen=True)
class Origin:
    """An FP32 model to export from.

    Attributes:
        graph: the graph without outputs for firing rates.
        probe: the probe graph, with firing rates, or None.
        sha256: SHA-256 of the ONNX file of `graph`, as read or as it would be written.
        opset: ONNX operator set of the files to write.
        network: the PyTorch network, or None if the model was read from an ONNX file.
        files: files that were read.
        trained: whether its weights were trained.
        note: a remark for the user; empty if there is none.
    """

    graph: Graph
    probe: Graph | None
    sha256: str
    opset: int = OPSET
    network: SpikeRain | None = None
    files: tuple[Path, ...] = ()
    trained: bool = True
    note: str = ""


def open_origin(model: str, *, name: str = "", opset: int | None = None) -> Origin:
    """Opens the model to export.

    Args:
        model: a shipped model's name, `s`, `m` or `l` (untrained), a checkpoint folder, or an
            exported ONNX file.
        name: name to give the model; empty keeps its own.
        opset: ONNX operator set to unroll to; only for checkpoints and untrained variants.

    Raises:
        InputError: no model has this name, `opset` is given for a file, or torch is needed but
            not installed.
        ModelError: a file is damaged, was changed after export, or is not a SpikeRain model.
    """
    if model in shipped_models() or Path(model).is_file():
        if opset:
            raise InputError(
                f"{model} is an ONNX file and keeps its operator set: --opset only applies to "
                "checkpoints",
                "leave out --opset, or export the checkpoint folder",
            )
        return _renamed(_from_files(model), name)
    if not Path(model).is_dir() and model not in _UNTRAINED:
        raise InputError(
            f"no model {model!r}",
            f"name a shipped model ({', '.join(shipped_models())}), an untrained variant "
            f"({', '.join(_UNTRAINED)}), a checkpoint folder or an ONNX file",
        )
    if find_spec("torch") is None:
        raise InputError(
            f"exporting {model} needs the package torch, which is not installed",
            "install it: pip install 'spikerain-edge[train,export]', or export an ONNX file",
        )
    return _from_network(model, name, opset or OPSET)


def _from_files(model: str) -> Origin:
    found = find_model(model)
    content = found.graph.read()
    graph = Graph(*unseal(content, str(found.graph.path)))
    digest, opset = hashlib.sha256(content).hexdigest(), opset_of(graph.model)
    if found.probe is None:
        return Origin(graph, None, digest, opset, files=(found.graph.path,))
    name = str(found.probe.path)
    probe = Graph(*unseal(found.probe.read(), name))
    require_same_network(graph.spec, probe.spec, name)
    return Origin(graph, probe, digest, opset, files=(found.graph.path, found.probe.path))


def origin_of(network: SpikeRain, name: str = "", opset: int = OPSET) -> Origin:
    """Unrolls a network in memory; needs torch.

    Args:
        network: the network to export, in evaluation mode.
        name: name of the model; by default the name of the variant.
        opset: ONNX operator set, 17 to 21.
    """
    from spikerain_export.exporter import unrolled

    graph, probe = (Graph(*pair) for pair in unrolled(network, name))
    content, _ = seal(at_opset(graph.model, opset), graph.spec)
    return Origin(graph, probe, hashlib.sha256(content).hexdigest(), opset, network)


def _from_network(model: str, name: str, opset: int) -> Origin:
    from spikerain_export.exporter import open_checkpoint, untrained

    if Path(model).is_dir():
        return origin_of(open_checkpoint(Path(model)), name, opset)
    note = (
        f"no trained weights of {model} are shipped: this model is untrained and only useful for "
        "measuring speed; its pictures are compared but need not pass a gate"
    )
    return replace(origin_of(untrained(model), name, opset), trained=False, note=note)


def _renamed(origin: Origin, name: str) -> Origin:
    if not name:
        return origin
    probe = origin.probe and replace(origin.probe, spec=replace(origin.probe.spec, name=name))
    graph = replace(origin.graph, spec=replace(origin.graph.spec, name=name))
    return replace(origin, graph=graph, probe=probe)
