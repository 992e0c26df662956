"""Builds small graphs with NVIDIA's own library."""

from __future__ import annotations

import gc
import hashlib
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from tensorrt_graphs import FIXED, reopened, settings, small_graph, small_spec

from spikerain_edge.engine_file import parse_engine_file
from spikerain_edge.engine_header import AHEAD_OF_TIME, Profile
from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.inference.tensorrt_library import TENSORRT_RTX, Library
from spikerain_export.tensorrt import build_engine

FREE = Profile((8, 8), (16, 16), (32, 32))
GIB = 1 << 30


@pytest.mark.slow
@pytest.mark.parametrize("profiles", [(FIXED,), (FREE,), (FIXED, Profile.fixed_at((32, 32)), FREE)])
def test_the_header_describes_the_engine(library: Library, profiles: tuple[Profile, ...]) -> None:
    content, spec = small_graph("fp32")
    built = build_engine(content, spec, settings(*profiles), library=library)
    header = parse_engine_file(built.to_bytes(), "x").header
    assert header == built.header
    assert (header.library, header.library_version) == (TENSORRT_RTX, library.version)
    assert (header.gpu, header.capability) == (AHEAD_OF_TIME, "8.6")
    assert header.profiles == profiles
    assert header.source_sha256 == hashlib.sha256(content).hexdigest()
    assert not header.inspected, "there is no GPU that could load it"
    assert (header.spec.height, header.spec.width) == ((16, 24) if profiles == (FIXED,) else (0, 0))
    # Every plan begins with NVIDIA's magic number.
    assert built.plan[:4] == b"vtrt"


@pytest.mark.slow
def test_the_same_graph_gives_the_same_engine(library: Library) -> None:
    content, spec = small_graph("fp32")
    one, other = (build_engine(content, spec, settings(), library=library) for _ in range(2))
    assert one.to_bytes() == other.to_bytes()


@pytest.mark.slow
def test_another_gpu_gives_another_engine(library: Library) -> None:
    content, spec = small_graph("fp32")
    one, other = (
        build_engine(content, spec, settings(capability=each), library=library)
        for each in ("8.6", "8.9")
    )
    assert one.plan != other.plan
    assert other.header.capability == "8.9"


@pytest.mark.slow
def test_progress_is_reported_step_by_step(library: Library) -> None:
    content, spec = small_graph("fp32")
    calls: list[tuple[str, int, int]] = []

    def progress(phase: str, done: int, steps: int) -> bool:
        calls.append((phase, done, steps))
        return True

    build_engine(content, spec, settings(), library=library, progress=progress)
    assert len({phase for phase, _, _ in calls}) > 3
    assert all(0 <= done <= steps for _, done, steps in calls)
    outermost, _, steps = calls[0]
    assert [done for phase, done, _ in calls if phase == outermost] == list(range(steps + 1))


@pytest.mark.slow
@pytest.mark.parametrize("after", [0, 3])
def test_a_build_can_be_cancelled(library: Library, after: int) -> None:
    content, spec = small_graph("fp32")
    calls = 0

    def progress(phase: str, done: int, steps: int) -> bool:
        nonlocal calls
        calls += 1
        return calls <= after

    with pytest.raises(InputError, match="was cancelled"):
        build_engine(content, spec, settings(), library=library, progress=progress)
    assert calls == after + 1, "called again after it had cancelled"


def test_nothing_is_collected_within_a_build(library: Library) -> None:
    """TensorRT holds a lock while it calls Python; destroying an old builder takes it too."""
    enabled = []

    def progress(phase: str, done: int, steps: int) -> bool:
        enabled.append(gc.isenabled())
        return True

    content, spec = small_graph("fp32")
    build_engine(content, spec, settings(), library=library, progress=progress)
    assert enabled
    assert not any(enabled)
    refused, other = small_graph("fp32", spec=small_spec("fp16"))
    with pytest.raises(ModelError):
        build_engine(refused, other, settings(), library=library)
    assert gc.isenabled()


@pytest.mark.slow
def test_an_exception_of_the_progress_function_reaches_the_caller(library: Library) -> None:
    content, spec = small_graph("fp32")

    def progress(phase: str, done: int, steps: int) -> bool:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        build_engine(content, spec, settings(), library=library, progress=progress)


@pytest.mark.slow
def test_ctrl_c_ends_a_build(library: Library) -> None:
    content, spec = small_graph("fp32")
    phases: list[str] = []
    before = signal.getsignal(signal.SIGINT)

    def progress(phase: str, done: int, steps: int) -> bool:
        phases.append(phase)
        if len(phases) == 3:
            signal.raise_signal(signal.SIGINT)
        return True

    with pytest.raises(KeyboardInterrupt):
        build_engine(content, spec, settings(), library=library, progress=progress)

    assert len(phases) < 50, "the build continued"
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.slow
def test_another_thread_can_build(library: Library) -> None:
    content, spec = small_graph("fp32")
    with ThreadPoolExecutor(1) as pool:
        built = pool.submit(build_engine, content, spec, settings(), library=library).result()
    assert built.plan


@pytest.mark.slow
def test_building_needs_neither_torch_nor_onnx() -> None:
    hidden = "import sys; sys.modules.update(torch=None, onnx=None); "
    names = "BuildSettings, EngineCache, build_cached, build_engine"
    program = f"{hidden}from spikerain_export.tensorrt import {names}"
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.slow
def test_the_error_about_an_unknown_operator_names_its_node(library: Library) -> None:
    model = reopened(small_graph("fp32", shift="Identity")[0])
    next(node for node in model.graph.node if node.name == "whole").op_type = "Det"
    with pytest.raises(ModelError) as raised:
        build_engine(model.SerializeToString(), small_spec("fp32"), settings(), library=library)
    message = str(raised.value)
    assert f"{TENSORRT_RTX} {library.version} cannot read the graph (node whole: " in message
    assert "\n" not in message


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"<html>404: not found</html>", b"\x08\x08garbage"])
def test_content_that_is_not_a_graph_is_rejected(library: Library, content: bytes) -> None:
    with pytest.raises(ModelError) as raised:
        build_engine(content, small_spec("fp32"), settings(), library=library)
    assert "\n" not in str(raised.value)


@pytest.mark.slow
def test_a_graph_with_other_tensors_than_its_description_is_rejected(library: Library) -> None:
    content, spec = small_graph("fp32")
    with pytest.raises(ModelError, match="output derained, but its description names image and x"):
        build_engine(content, replace(spec, image_output="x"), settings(), library=library)


@pytest.mark.slow
def test_tensorrt_receives_the_workspace(library: Library) -> None:
    content, spec = small_graph("fp32")
    limits: list[int] = []

    class Watched:
        def __init__(self, logger: Any) -> None:
            self._builder = library.module.Builder(logger)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._builder, name)

        def build_serialized_network(self, network: Any, config: Any) -> Any:
            limits.append(config.get_memory_pool_limit(library.module.MemoryPoolType.WORKSPACE))
            assert not config.get_flag(library.module.BuilderFlag.TF32)
            return self._builder.build_serialized_network(network, config)

    module = SimpleNamespace(**{**vars(library.module), "Builder": Watched})
    watched = Library(module, library.name, library.version)
    build_engine(content, spec, settings(workspace=0.5), library=watched)
    assert limits == [GIB // 2]
