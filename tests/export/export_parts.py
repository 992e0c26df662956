"""Models, scenes and damaged files for the export tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnx
from precision_parts import photograph

from spikerain_edge.models import find_model
from spikerain_edge.spec import METADATA_KEY
from spikerain_export.artefact import seal, unseal
from spikerain_export.origin import Origin, open_origin
from spikerain_export.truth import Scene
from spikerain_training.checkpoint import save_network
from spikerain_training.network import SpikeRain

TRAINED = Path(__file__).parents[2] / "training" / "checkpoints" / "nano"


def checkpoint(network: SpikeRain, folder: Path) -> Path:
    save_network(folder, network.config, network.state_dict())
    return folder


def origin_of(network: SpikeRain, folder: Path, **options: Any) -> Origin:
    return open_origin(str(checkpoint(network, folder)), **options)


def rained_on(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The image with bright streaks drawn over it."""
    rainy, numbers = image.copy(), np.random.default_rng(1)
    for x, y in numbers.integers(0, (image.shape[1], image.shape[0]), (90, 2)).tolist():
        cv2.line(rainy, (x, y), (x + 2, y + 14), (255, 255, 255), 2)
    return rainy


def scenes() -> list[list[Scene]]:
    """A rainy scene with its clean image and one without, at two sizes."""
    clean = [photograph(height, width) for height, width in ((64, 72), (48, 64))]
    return [
        [Scene(rained_on(image), image), Scene(np.ascontiguousarray(image[::-1]))]
        for image in clean
    ]


def rainy_scenes() -> list[Scene]:
    """Scenes that choose scales: nothing is known of them but the rainy images."""
    return [Scene(scene.rainy) for scene in scenes()[0]]


def _respecified(content: bytes, edit: Callable[[dict[str, Any]], object]) -> bytes:
    """Returns the file with an edited description, as another version would have written it."""
    model = onnx.load_model_from_string(content)
    (entry,) = (each for each in model.metadata_props if each.key == METADATA_KEY)
    values = json.loads(entry.value)
    edit(values)
    entry.value = json.dumps(values)
    return model.SerializeToString()


def damaged_files(content: bytes) -> dict[str, tuple[bytes, str]]:
    """Returns files that must be rejected, each with its expected error message, by name."""
    model, spec = unseal(content, "the model")
    changed = bytearray(content)
    changed[len(content) // 3] ^= 1
    renamed = seal(model, replace(spec, graph_sha256=""))[0].replace(b'"name":"', b'"nome":"', 1)
    return {
        "empty": (b"", "is not a usable ONNX graph"),
        "corrupt": (b"no model at all" * 40, "is not a usable ONNX graph"),
        "truncated": (content[: len(content) // 2], "is not a usable ONNX graph"),
        "foreign": (model.SerializeToString(), "not a SpikeRain model"),
        "changed": (bytes(changed), ""),
        "grown": (content + b"\x3a\x00", ""),
        "older": (
            _respecified(content, lambda values: values.update(spec_version=2)),
            "nano has version 2 but this program reads version 3; "
            "export it again: spikerain-edge export nano",
        ),
        "newer": (
            _respecified(content, lambda values: values.update(spec_version=4)),
            "has version 4 but this program reads version 3; install a matching spikerain-edge",
        ),
        "incomplete": (
            _respecified(content, lambda values: values.pop("neurons")),
            "description is incomplete",
        ),
        "renamed": (renamed, "description is incomplete"),
    }


def shipped(name: str = "nano") -> bytes:
    return find_model(name).graph.read()
