"""Which graphs, sizes, workspaces and targets an engine can be built for."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from tensorrt_graphs import FIXED, settings, small_graph, small_spec

from spikerain_edge.engine_header import MAX_PROFILES, Profile
from spikerain_edge.errors import InputError
from spikerain_edge.inference.tensorrt_library import TENSORRT, Library
from spikerain_export.tensorrt import build_engine, target
from spikerain_export.tensorrt.requirements import check_profiles
from spikerain_export.tensorrt.target import find_target, workspace_bytes

FREE = Profile((8, 8), (16, 16), (32, 32))
GIB = 1 << 30


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
