"""What to measure: formats and back ends, and the files that they need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from spikerain_edge.errors import InputError
from spikerain_edge.inference.backends import OPENVINO, backend_named
from spikerain_edge.inference.providers import CPU
from spikerain_edge.inference.tensorrt_library import find_library
from spikerain_edge.models import find_model, shipped_models
from spikerain_edge.profiling.exported import export_file, is_untrained
from spikerain_edge.sizes import Size

FORMATS = ("fp32", "fp16", "int8")
BACKENDS = ("cpu", OPENVINO, "engine")
"""ONNX Runtime on the CPU, OpenVINO, and TensorRT engines."""
ENGINE = "engine"


@dataclass(frozen=True)
class Entry:
    """A format with a back end, as users name them."""

    format: str
    backend: str


def entries(formats: Sequence[str], backends: Sequence[str]) -> list[Entry]:
    """Returns what to measure; the first is in FP32, and all else refers to it.

    It is FP32 on ONNX Runtime and the CPU, unless FP32 is asked for on other back ends only.
    OpenVINO computes an FP16 graph in float32, so that pair is left out.

    Raises:
        InputError: a format does not exist.
    """
    for name in formats:
        if name not in FORMATS:
            raise InputError(f"{name!r} is not a format", f"choose from {', '.join(FORMATS)}")
    pairs = [Entry(form, backend) for form in formats for backend in backends]
    kept = [entry for entry in pairs if entry != Entry("fp16", OPENVINO)]
    full = Entry("fp32", "cpu")
    if all(entry.format != "fp32" for entry in kept):
        kept.append(full)
    return sorted(kept, key=lambda entry: (entry != full, entry.format != "fp32"))


class Files:
    """The files to measure; those that do not exist are exported into a folder.

    Args:
        folder: folder for exported files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[Path, Path | InputError] = {}

    def find(self, model: str, entry: Entry, size: Size) -> tuple[Path, str]:
        """Returns the file of a format, and the provider that runs it.

        Args:
            model: shipped model, path of an FP32 file, or untrained variant.
            entry: format and back end.
            size: height and width of the images; engines are built for one size.

        Raises:
            InputError: the back end is not installed, or the file cannot be made.
        """
        if entry.backend == ENGINE:
            find_library()
            return self._engine(model, entry, size), CPU
        provider = backend_named(entry.backend)
        if entry.format == "fp32":
            return self._full(model), provider
        if entry.format == "int8" and entry.backend == OPENVINO:
            options = ["--int8", "--target", "openvino"]
            return self._export(model, options, "int8-openvino.onnx"), provider
        shipped = f"{model}-{entry.format}"
        if shipped in shipped_models():
            return find_model(shipped).graph.path, provider
        return self._export(model, [f"--{entry.format}"], f"{entry.format}.onnx"), provider

    def _full(self, model: str) -> Path:
        if not is_untrained(model):
            return find_model(model).graph.path
        return self._make(model, [], self._folder / f"{model}.onnx")

    def _export(self, model: str, options: Sequence[str], suffix: str) -> Path:
        full = self._full(model)
        return self._make(str(full), options, self._folder / f"{full.stem}-{suffix}")

    def _engine(self, model: str, entry: Entry, size: Size) -> Path:
        text = f"{size[1]}x{size[0]}"
        precision = [] if entry.format == "fp32" else [f"--{entry.format}"]
        options = ["--format", "engine", *precision, "--imgsz", text]
        return self._export(model, options, f"{entry.format}-{text}.engine")

    def _make(self, model: str, options: Sequence[str], output: Path) -> Path:
        """Exports a file once; a failure is remembered too."""
        if output not in self._made:
            try:
                self._made[output] = export_file(model, options, output)
            except InputError as error:
                self._made[output] = error
        made = self._made[output]
        if isinstance(made, InputError):
            raise made
        return made


def split(values: Sequence[str] | None, usual: Sequence[str]) -> list[str]:
    """Splits values of an option at commas; the usual ones if there are none."""
    found = [part.strip() for value in values or () for part in value.split(",")]
    return list(dict.fromkeys(filter(None, found))) or list(usual)


def named(models: Sequence[str]) -> Iterator[str]:
    """Checks that models exist, before anything is measured.

    Raises:
        InputError: one does not exist.
    """
    for model in models:
        if not is_untrained(model):
            find_model(model)
        yield model
