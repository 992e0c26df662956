"""Builds small graphs with NVIDIA's own library."""

from __future__ import annotations

import gc
import hashlib
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tensorrt_graphs import real_library, reopened, small_graph, small_spec

from spikerain_edge.engine_file import parse_engine_file
from spikerain_edge.engine_header import AHEAD_OF_TIME, MAX_PROFILES, Profile
from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.inference.tensorrt_library import TENSORRT, TENSORRT_RTX, Library
from spikerain_export.tensorrt import BuildSettings, build_engine, target
from spikerain_export.tensorrt.requirements import check_profiles
from spikerain_export.tensorrt.target import find_target, workspace_bytes
from spikerain_export.tensorrt.timing import load_timings, save_timings

FIXED = Profile.fixed_at((16, 24))
FREE = Profile((8, 8), (16, 16), (32, 32))
GIB = 1 << 30


@pytest.fixture(scope="module")
def library() -> Library:
    return real_library()


def settings(*profiles: Profile, **changed: Any) -> BuildSettings:
    return BuildSettings(profiles or (FIXED,), **{"capability": "8.6", **changed})


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


def test_a_probe_graph_is_rejected() -> None:
    content, spec = small_graph("fp32")
    with pytest.raises(InputError, match="is a probe graph"):
        build_engine(content, replace(spec, probe=True), settings())


def test_a_graph_for_onnx_runtime_is_rejected() -> None:
    content, spec = small_graph("fp32")
    with pytest.raises(InputError, match="was made for ONNX Runtime"):
        build_engine(content, replace(spec, target="onnxruntime"), settings())


@pytest.mark.parametrize(
    ("profiles", "reason"),
    [
        ((), "1 to 16 profiles, not 0"),
        ((FIXED,) * (MAX_PROFILES + 1), "1 to 16 profiles"),
        ((Profile.fixed_at((20, 24)),), "cannot take images of 24x20; use multiples of 8"),
        ((Profile((8, 8), (16, 16), (36, 32)),), "cannot take images of 32x36"),
        ((Profile((32, 32), (16, 16), (8, 8)),), "out of order"),
        ((Profile((8, 8), (64, 8), (32, 32)),), "out of order"),
        ((Profile.fixed_at((0, 8)),), "out of order"),
    ],
)
def test_impossible_sizes_are_rejected(profiles: tuple[Profile, ...], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        check_profiles(small_spec("fp32"), profiles)


def test_a_graph_of_fixed_size_can_only_be_built_for_that_size() -> None:
    spec = replace(small_spec("fp32"), height=16, width=24)
    check_profiles(spec, (FIXED,))
    with pytest.raises(InputError, match="only takes 24x16, not 8x8 to 32x32"):
        check_profiles(spec, (FREE,))


def test_the_workspace_defaults_to_half_of_the_free_memory() -> None:
    assert workspace_bytes(None, 6 * GIB) == 3 * GIB
    assert workspace_bytes(None, None) is None
    assert workspace_bytes(1.5, 6 * GIB) == 3 * GIB // 2
    assert workspace_bytes(2, None) == 2 * GIB


@pytest.mark.parametrize(
    ("gib", "free"), [(0, None), (-1, None), (8, 6 * GIB), (float("nan"), None)]
)
def test_an_impossible_workspace_is_rejected(gib: float, free: int | None) -> None:
    with pytest.raises(InputError, match="is not possible"):
        workspace_bytes(gib, free)


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


@pytest.mark.slow
def test_the_error_about_an_unknown_capability_lists_the_known_ones(
    library: Library,
) -> None:
    with pytest.raises(InputError, match=r"capability 3\.0; choose one of .*8\.6, 8\.9, 12\.0"):
        find_target(library, "3.0")


@pytest.mark.slow
def test_the_error_about_a_missing_gpu_mentions_ahead_of_time_builds(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(device: int) -> None:
        raise InputError("CUDA finds no GPU here", "run where one is")

    monkeypatch.setattr(target, "open_cuda", absent)
    with pytest.raises(InputError, match=r"no GPU here; run where one is, or .*--capability X\.Y"):
        find_target(library, None)


def test_tensorrt_itself_does_not_build_ahead_of_time() -> None:
    with pytest.raises(InputError, match="cannot build engines ahead of time"):
        find_target(Library(SimpleNamespace(), TENSORRT, "10.3.0"), "8.7")


class Config:
    """Stands in for the builder configuration of TensorRT itself, which is not installed here."""

    def __init__(self, refused: bytes | None = None) -> None:
        self.given: bytes | None = None
        self._refused = refused

    def create_timing_cache(self, serialized_timing_cache: bytes) -> bytes:
        return serialized_timing_cache

    def set_timing_cache(self, cache: bytes, ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch
        if cache == self._refused:
            return False
        self.given = cache
        return True

    def get_timing_cache(self) -> Any:
        return SimpleNamespace(serialize=lambda: b"times")


def test_timings_of_one_build_are_used_by_the_next(tmp_path: Path) -> None:
    kept = tmp_path / "kept" / "x.timings"
    first, second, refusing = Config(), Config(), Config(refused=b"times")
    load_timings(first, kept)
    assert first.given == b"", "the first build has no timings"
    save_timings(first, kept)
    load_timings(second, kept)
    assert second.given == b"times"
    load_timings(refusing, kept)
    assert refusing.given == b"", "timings of another GPU are not used"


@pytest.mark.parametrize("damage", [b"", b"short", b"0" * 100])
def test_damaged_timings_are_ignored(tmp_path: Path, damage: bytes) -> None:
    kept, config = tmp_path / "x.timings", Config()
    kept.write_bytes(damage)
    load_timings(config, kept)
    assert config.given == b""


def test_timings_that_cannot_be_written_do_not_fail_the_build(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    save_timings(Config(), tmp_path / "file" / "x.timings")
    assert (tmp_path / "file").read_bytes() == b""


@pytest.mark.slow
def test_tensorrt_for_rtx_writes_no_timings(library: Library, tmp_path: Path) -> None:
    content, spec = small_graph("fp32")
    build_engine(content, spec, settings(timings=tmp_path / "x.timings"), library=library)
    assert not list(tmp_path.iterdir())
