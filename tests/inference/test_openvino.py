from __future__ import annotations

import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.images import Image
from spikerain_edge.images.metrics import psnr
from spikerain_edge.inference import Derainer, OnnxRuntimeEngine, backends, compiled_cache
from spikerain_edge.inference.backends import AUTO, OPENVINO, backend_named, chosen_for
from spikerain_edge.inference.compiled_cache import CompiledCache
from spikerain_edge.inference.openvino import OpenVinoEngine
from spikerain_edge.inference.openvino_graph import integer_layers, require_integers
from spikerain_edge.inference.providers import CPU
from spikerain_edge.models import find_model


@pytest.fixture(scope="module")
def content() -> bytes:
    return find_model("nano").graph.read()


@pytest.fixture(scope="module")
def probe_content() -> bytes:
    found = find_model("nano").probe
    assert found is not None
    return found.read()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> CompiledCache:
    return CompiledCache(tmp_path_factory.mktemp("compiled"))


@pytest.fixture
def engine(content: bytes, cache: CompiledCache) -> OpenVinoEngine:
    return OpenVinoEngine(content, "mine.onnx", 1, cache)


def random(height: int, width: int, seed: int = 0) -> Image:
    """Returns a batch of one random image."""
    return np.random.default_rng(seed).integers(0, 256, (1, height, width, 3), np.uint8)


@pytest.mark.slow
def test_it_makes_the_picture_of_onnx_runtime(engine: OpenVinoEngine, content: bytes) -> None:
    oracle = OnnxRuntimeEngine(content, "mine.onnx", threads=1)
    for size in ((64, 96), (40, 72)):
        images = random(*size)
        assert psnr(oracle.infer(images), engine.infer(images)) > 50


@pytest.mark.slow
def test_its_threads_may_run_on_every_core(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "mine.onnx").write_bytes(content)
    program = """
import os, sys
import numpy as np
from spikerain_edge import Derainer
with Derainer.load(sys.argv[1], provider="openvino", threads=2) as derainer:
    derainer(np.zeros((64, 64, 3), np.uint8))
    cores = {frozenset(os.sched_getaffinity(int(each))) for each in os.listdir("/proc/self/task")}
assert cores == {frozenset(os.sched_getaffinity(0))}, cores
"""
    # In a process of its own: threads of other tests could be bound.
    subprocess.run([sys.executable, "-c", program, tmp_path / "mine.onnx"], check=True)


@pytest.mark.slow
def test_its_probe_graph_reports_the_same_spikes(
    probe_content: bytes, cache: CompiledCache
) -> None:
    images = random(64, 96)
    engine = OpenVinoEngine(probe_content, "mine", 1, cache)
    oracle = OnnxRuntimeEngine(probe_content, "mine", threads=1)
    expected, found = oracle.activity(images), engine.activity(images)
    assert found.rates == pytest.approx(expected.rates, abs=1e-3)
    assert found.silent == pytest.approx(expected.silent, abs=0.1)
    picture, rates = engine.probe(images)
    assert psnr(oracle.infer(images), picture) > 50
    assert np.array_equal(rates, found.rates)


@pytest.mark.slow
def test_a_picture_belongs_to_the_caller(engine: OpenVinoEngine) -> None:
    first, second = random(64, 64, 1), random(64, 64, 2)
    made = engine.infer(first)
    kept = made.copy()
    other = engine.infer(second)
    assert np.array_equal(made, kept)
    made[:] = 0
    assert np.array_equal(engine.infer(second), other)


def test_damaged_files_are_refused_before_openvino_reads_them(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never() -> None:
        raise AssertionError

    monkeypatch.setattr("spikerain_edge.inference.openvino.load_library", never)
    changed = bytearray(content)
    changed[len(content) // 2] ^= 1
    with pytest.raises(ModelError, match=r"mine\.onnx was changed after it was exported"):
        OpenVinoEngine(bytes(changed), "mine.onnx")
    with pytest.raises(ModelError, match="not a usable ONNX graph"):
        OpenVinoEngine(content[:1000], "mine.onnx")


def test_a_sealed_file_that_is_no_graph_is_refused(engine: OpenVinoEngine) -> None:
    graph = b"\x3a\x02no"  # a graph of two bytes that are no message
    spec = engine.spec.sealed(graph)
    with pytest.raises(ModelError, match=r"mine\.onnx is not a usable ONNX graph"):
        OpenVinoEngine(graph + spec.to_metadata(), "mine.onnx")


def test_other_names_than_the_description_states_are_refused(
    engine: OpenVinoEngine, content: bytes
) -> None:
    graph = content[: engine.spec.graph_bytes]
    spec = replace(engine.spec, image_output="picture").sealed(graph)
    with pytest.raises(ModelError, match="other inputs or outputs"):
        OpenVinoEngine(graph + spec.to_metadata(), "mine.onnx")


def test_an_int8_graph_for_onnx_runtime_is_refused_with_both_remedies() -> None:
    with pytest.raises(ModelError) as raised:
        Derainer.load("nano-int8", provider=OPENVINO)
    assert "an INT8 graph for onnxruntime" in str(raised.value)
    assert "--backend cpu" in str(raised.value)
    assert "spikerain-edge export nano --int8 --target openvino" in str(raised.value)


def test_a_closed_engine_says_so(engine: OpenVinoEngine) -> None:
    engine.close()
    with pytest.raises(ModelError, match="has been closed"):
        engine.infer(random(64, 64))


def test_images_of_another_stride_are_refused(engine: OpenVinoEngine) -> None:
    with pytest.raises(InputError, match="multiples of"):
        engine.infer(random(63, 64))


@pytest.mark.slow
def test_nothing_is_sent(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr("openvino_telemetry.Telemetry.__init__", refuse)
    engine = OpenVinoEngine(content, "mine.onnx", 1)
    assert engine.infer(random(64, 64)).shape == (1, 64, 64, 3)


class TestCache:
    def compiled(self, engine: OpenVinoEngine, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Returns a list that grows with each compilation and each load from the cache."""
        done: list[str] = []
        core = engine._core

        class Watched:
            def __getattr__(self, name: str) -> Any:
                if name in ("compile_model", "import_model"):
                    done.append(name)
                return getattr(core, name)

        monkeypatch.setattr(engine, "_core", Watched())
        return done

    def started(
        self, content: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> tuple[OpenVinoEngine, list[str]]:
        engine = OpenVinoEngine(content, "mine.onnx", 1, CompiledCache(folder))
        return engine, self.compiled(engine, monkeypatch)

    @pytest.mark.slow
    def test_the_second_start_does_not_compile(
        self, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        images = random(64, 64)
        first, done = self.started(content, tmp_path, monkeypatch)
        picture = first.infer(images)
        first.infer(images)
        assert done == ["compile_model"]
        second, again = self.started(content, tmp_path, monkeypatch)
        assert np.array_equal(second.infer(images), picture)
        assert again == ["import_model"]
        second.infer(random(32, 64))
        assert again == ["import_model", "compile_model"]

    @pytest.mark.slow
    def test_a_damaged_file_is_replaced(
        self,
        content: bytes,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        images = random(16, 16)
        picture = OpenVinoEngine(content, "mine.onnx", 1, CompiledCache(tmp_path)).infer(images)
        (file,) = tmp_path.iterdir()
        whole = file.read_bytes()
        file.write_bytes(whole[:4000])
        engine, done = self.started(content, tmp_path, monkeypatch)
        assert np.array_equal(engine.infer(images), picture)
        assert done == ["compile_model"]
        assert len(file.read_bytes()) > 4000

    def test_a_graph_of_another_version_is_compiled_again(self, tmp_path: Path) -> None:
        cache = CompiledCache(tmp_path)
        cache.store(key := cache.key("graph"), b"of another version")

        def load(file: object) -> None:
            raise RuntimeError

        assert cache.find(key, load) is None
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("kept", [b"", b"short", b"d" * 40])
    def test_a_file_without_its_digest_is_deleted(self, tmp_path: Path, kept: bytes) -> None:
        cache = CompiledCache(tmp_path)
        cache.path(key := cache.key("graph")).write_bytes(kept)
        assert cache.find(key, lambda file: file.read()) is None
        assert not list(tmp_path.iterdir())

    def test_it_is_bounded(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(compiled_cache, "MAX_FILES", 3)
        cache = CompiledCache(tmp_path)
        for number in range(5):
            cache.store(cache.key(number), bytes([number]))
        assert len(list(tmp_path.iterdir())) == 3
        assert cache.find(cache.key(4), lambda file: file.read()) == b"\x04"

    @pytest.mark.slow
    def test_a_folder_that_cannot_be_written_is_no_error(
        self, content: bytes, tmp_path: Path
    ) -> None:
        (tmp_path / "file").touch()
        engine = OpenVinoEngine(content, "mine.onnx", 1, CompiledCache(tmp_path / "file" / "in"))
        assert engine.infer(random(16, 16)).shape == (1, 16, 16, 3)


class TestChoice:
    @pytest.mark.parametrize(
        ("machine", "installed", "chosen"),
        [("x86_64", True, OPENVINO), ("aarch64", True, CPU), ("x86_64", False, CPU)],
    )
    def test_auto_is_openvino_on_x86_where_it_is_installed(
        self,
        engine: OpenVinoEngine,
        monkeypatch: pytest.MonkeyPatch,
        machine: str,
        installed: bool,
        chosen: str,
    ) -> None:
        monkeypatch.setattr("platform.machine", lambda: machine)
        monkeypatch.setattr(backends, "has_openvino", lambda: installed)
        assert chosen_for(engine.spec) == chosen

    @pytest.mark.parametrize(("precision", "target"), [("int8", "onnxruntime"), ("fp16", "any")])
    def test_auto_leaves_graphs_for_onnx_runtime_to_it(
        self, engine: OpenVinoEngine, precision: Any, target: Any
    ) -> None:
        assert chosen_for(replace(engine.spec, precision=precision, target=target)) == CPU

    @pytest.mark.slow
    def test_the_backend_says_what_was_chosen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("platform.machine", lambda: "x86_64")
        assert Derainer.load("nano", provider=AUTO).backend.startswith("openvino ")
        assert Derainer.load("nano-int8", provider=AUTO).backend.startswith("onnxruntime ")

    def test_a_missing_package_is_named_with_its_command(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(backends, "has_openvino", lambda: False)
        with pytest.raises(InputError, match=r"pip install 'spikerain-edge\[openvino\]'"):
            backend_named("OpenVINO")
        with pytest.raises(InputError, match="with --backend: auto, cpu"):
            backend_named("npu")


@pytest.mark.slow
def test_a_graph_that_does_not_run_in_integers_is_refused(engine: OpenVinoEngine) -> None:
    model = engine._model.clone()
    model.reshape({"image": [1, 16, 16, 3]})
    executed = engine._core.compile_model(model, "CPU").get_runtime_model()
    assert not integer_layers(executed)
    with pytest.raises(ModelError, match=r"runs \d+ of \d+ spiking convolutions of mine\.onnx in"):
        require_integers(executed, engine.spec, "mine.onnx")
