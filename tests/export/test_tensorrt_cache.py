from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path

import pytest
from tensorrt_graphs import small_graph, small_spec

from spikerain_edge.caches import cache_folder
from spikerain_edge.diagnosis.runtimes import check_cache
from spikerain_edge.engine_file import EngineFile
from spikerain_edge.engine_header import AHEAD_OF_TIME, EngineHeader, Profile
from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.inference.compiled_cache import CompiledCache
from spikerain_edge.inference.tensorrt_library import Library
from spikerain_export.tensorrt import BuildSettings, EngineCache, build_cached
from spikerain_export.tensorrt import cache as cache_module
from spikerain_export.tensorrt.cache import header_key

FIXED, OTHER = Profile.fixed_at((16, 16)), Profile.fixed_at((24, 16))
HEADER = EngineHeader(
    spec=small_spec("fp32"),
    library="TensorRT",
    library_version="10.3.0",
    gpu="Orin",
    capability="8.7",
    profiles=(FIXED,),
    source_sha256="0" * 64,
)


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    return EngineCache(tmp_path / "engines")


def kept(cache: EngineCache, header: EngineHeader = HEADER) -> tuple[str, Path]:
    path = cache.store(EngineFile.seal(header, b"plan"))
    return header_key(header), path


def test_an_engine_is_found_again(cache: EngineCache) -> None:
    key, path = kept(cache)
    found = cache.find(key)
    assert found is not None
    assert found.plan == b"plan"
    assert path.parent == cache.folder


def test_an_engine_that_was_not_stored_is_not_found(cache: EngineCache) -> None:
    assert cache.find(header_key(HEADER)) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"source_sha256": "1" * 64},
        {"library": "TensorRT for RTX"},
        {"library_version": "10.13.3"},
        {"gpu": AHEAD_OF_TIME},
        {"capability": "11.0"},
        {"profiles": (OTHER,)},
        {"profiles": (FIXED, OTHER)},
        {"spec": small_spec("int8")},
        {"spec": replace(HEADER.spec, batch=2)},
        {"workspace": 0.5},
    ],
)
def test_everything_that_an_engine_depends_on_is_part_of_its_key(
    cache: EngineCache, changed: dict[str, object]
) -> None:
    kept(cache)
    assert cache.find(header_key(replace(HEADER, **changed))) is None


@pytest.mark.parametrize("place", [0, 30, 200, -1])
def test_a_damaged_engine_is_deleted(cache: EngineCache, place: int) -> None:
    key, path = kept(cache)
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    assert cache.find(key) is None
    assert not path.exists()


def test_an_engine_under_a_wrong_key_is_deleted(cache: EngineCache) -> None:
    key, path = kept(cache)
    path.write_bytes(EngineFile.seal(replace(HEADER, gpu="Thor"), b"plan").to_bytes())
    assert cache.find(key) is None
    assert not path.exists()


def test_the_least_recently_used_engine_is_deleted(
    cache: EngineCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "MAX_ENGINES", 3)
    keys = []
    for age in range(3):
        key, path = kept(cache, replace(HEADER, gpu=f"GPU {age}"))
        os.utime(path, (1000 + age, 1000 + age))
        keys.append(key)
    assert cache.find(keys[0]) is not None, "finding an engine counts as using it"
    newest, _ = kept(cache, replace(HEADER, gpu="another"))
    there = [cache.find(key) is not None for key in (*keys, newest)]
    assert there == [True, False, True, True]


def test_the_cache_folder_follows_xdg_cache_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder("engines") == tmp_path / "spikerain-edge" / "engines"
    monkeypatch.setenv("HOME", "/home/someone")
    for unusable in ("", "not/absolute"):
        monkeypatch.setenv("XDG_CACHE_HOME", unusable)
        assert cache_folder("engines") == Path("/home/someone/.cache/spikerain-edge/engines")


def test_a_user_without_a_home_folder_keeps_nothing_and_is_told_what_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(InputError, match="no home folder; set XDG_CACHE_HOME"):
        EngineCache()
    compiled = CompiledCache()
    compiled.store("a", b"graph")
    assert compiled.find("a", lambda content: content.read()) is None
    (finding,) = check_cache()
    assert (finding.status, finding.fix) == (
        "absent",
        "set XDG_CACHE_HOME to a folder that you can write to",
    )


def test_an_error_names_an_unwritable_cache_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot write .*; set XDG_CACHE_HOME"):
        kept(EngineCache(tmp_path / "file" / "engines"))


@pytest.mark.slow
def test_an_engine_is_built_only_once(cache: EngineCache, library: Library) -> None:
    content, spec = small_graph("fp32")
    phases: list[str] = []

    def progress(phase: str, done: int, steps: int) -> bool:
        phases.append(phase)
        return True

    def build(*profiles: Profile) -> EngineFile:
        settings = BuildSettings(profiles, capability="8.6")
        return build_cached(content, spec, settings, cache, progress=progress, library=library)

    first = build(FIXED)
    assert phases
    phases.clear()
    assert build(FIXED).to_bytes() == first.to_bytes()
    assert not phases, "the engine was built again"
    assert build(OTHER).header.profiles == (OTHER,)
    assert phases


@pytest.mark.slow
def test_another_workspace_gives_another_engine(cache: EngineCache, library: Library) -> None:
    content, spec = small_graph("fp32")
    for workspace in (0.25, 0.5, 0.25):
        settings = BuildSettings((FIXED,), workspace, capability="8.6")
        built = build_cached(content, spec, settings, cache, library=library)
        assert built.header.workspace == workspace
    assert len(list(cache.folder.glob("*.engine"))) == 2


@pytest.mark.slow
def test_an_engine_that_cannot_be_cached_is_returned_with_a_warning(
    library: Library, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content, spec = small_graph("fp32")
    (tmp_path / "file").touch()
    settings = BuildSettings((FIXED,), capability="8.6")
    cache = EngineCache(tmp_path / "file" / "engines")
    with caplog.at_level(logging.WARNING, logger="spikerain_export"):
        built = build_cached(content, spec, settings, cache, library=library)
    assert built.plan
    (line,) = caplog.messages
    assert "must be built again next time: cannot write" in line
    assert "set XDG_CACHE_HOME" in line


@pytest.mark.slow
def test_an_engine_that_fails_verification_is_not_kept(
    cache: EngineCache, library: Library
) -> None:
    content, spec = small_graph("fp32")
    settings = BuildSettings((FIXED,), capability="8.6")

    def refuse(file: EngineFile) -> None:
        raise ModelError("another picture", "")

    for _ in range(2):
        with pytest.raises(ModelError, match="another picture"):
            build_cached(content, spec, settings, cache, library=library, accept=refuse)
        assert not list(cache.folder.glob("*.engine"))
        # The second round finds an engine that was stored without verification.
        cache.store(build_cached(content, spec, settings, cache, library=library))


@pytest.mark.slow
def test_a_damaged_engine_is_built_again(cache: EngineCache, library: Library) -> None:
    content, spec = small_graph("fp32")
    settings = BuildSettings((FIXED,), capability="8.6")
    first = build_cached(content, spec, settings, cache, library=library)
    path = cache.path(header_key(first.header))
    path.write_bytes(path.read_bytes()[:-1])
    assert build_cached(content, spec, settings, cache, library=library).plan == first.plan
    assert path.read_bytes() == first.to_bytes()
