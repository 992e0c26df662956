"""What the checks say of this machine, of a Jetson's files, and of what is missing."""

from __future__ import annotations

import errno
import fcntl
import shutil
import struct
from pathlib import Path

import pytest
from file_tree import tree

import spikerain_edge
from spikerain_edge.diagnosis.finding import Finding, Status
from spikerain_edge.diagnosis.machine import check_board, check_room
from spikerain_edge.diagnosis.media import check_cameras, check_codecs, check_gstreamer
from spikerain_edge.diagnosis.report import require_working
from spikerain_edge.diagnosis.runtimes import check_cache, check_cuda, check_models
from spikerain_edge.diagnosis.v4l2 import pixel_formats
from spikerain_edge.errors import ModelError
from spikerain_edge.models import shipped_models

PLUGINS = str(Path(spikerain_edge.__file__).parent / "gstreamer")
JETSON = {
    "proc/device-tree/model": "NVIDIA Jetson Orin Nano Developer Kit\0",
    "etc/nv_tegra_release": "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic\n",
    "var/lib/nvpmodel/status": "pmode:0002",
    "etc/nvpmodel.conf": "< POWER_MODEL ID=2 NAME=MAXN_SUPER >\n",
    "var/lib/dpkg/status": "Package: curl\nVersion: 1\n\nPackage: nvidia-jetpack\n"
    "Status: install ok installed\nVersion: 6.2+b77\n\nPackage: zsh\nVersion: 5\n",
}


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def test_a_jetson_is_named_with_its_release_and_power_mode(tmp_path: Path) -> None:
    board = by_name(list(check_board(tree(tmp_path, JETSON))))
    assert board["board"].detail == "NVIDIA Jetson Orin Nano Developer Kit"
    assert board["L4T"].detail == "36.4.3 (JetPack 6.2+b77)"
    assert board["power mode"].detail == "2 (MAXN_SUPER)"


def test_a_jetson_without_the_package_of_jetpack_is_known_by_its_release(tmp_path: Path) -> None:
    release = JETSON["etc/nv_tegra_release"]
    root = tree(tmp_path, {"etc/nv_tegra_release": release.replace("R36", "R38")})
    assert by_name(list(check_board(root)))["L4T"].detail == "38.4.3 (JetPack 7)"


def test_another_machine_has_no_release_of_a_jetson(tmp_path: Path) -> None:
    assert "L4T" not in by_name(list(check_board(tmp_path)))


def test_elements_of_a_jetson_are_asked_for_on_a_jetson_only(tmp_path: Path) -> None:
    if shutil.which("gst-inspect-1.0") is None:
        pytest.skip("GStreamer is not installed: apt-get install gstreamer1.0-tools")
    assert "nvarguscamerasrc" not in by_name(list(check_gstreamer(tmp_path)))
    found = by_name(list(check_gstreamer(tree(tmp_path, JETSON))))
    assert found["nvarguscamerasrc"].status is Status.ABSENT
    assert "nvidia-l4t-gstreamer" in found["nvarguscamerasrc"].fix
    assert found["GStreamer"].detail.startswith("version 1.")


@pytest.mark.parametrize(
    ("loader", "known", "plugins", "fix"),
    [
        (False, "", "", "gstreamer1.0-python3-plugin-loader"),
        (True, "", "", f"export GST_PLUGIN_PATH={PLUGINS}"),
        (True, "", PLUGINS, "deactivate"),
        (True, "spikerain", PLUGINS, ""),
    ],
)
def test_what_the_element_for_gstreamer_lacks_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    loader: bool,
    known: str,
    plugins: str,
    fix: str,
) -> None:
    text = f'#!/bin/sh\nfor name in "$@"; do :; done; test "$name" = "{known}"\n'
    for name in ("gst-launch-1.0", "gst-inspect-1.0"):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    if loader:
        tree(tmp_path, {"usr/lib/any-linux-gnu/gstreamer-1.0/libgstpython.so": ""})
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("GST_PLUGIN_PATH", plugins)
    found = by_name(list(check_gstreamer(tmp_path)))["spikerain"]
    assert found.status is (Status.ABSENT if fix else Status.OK)
    assert fix in found.fix


def test_without_gstreamer_the_package_to_install_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (finding,) = check_gstreamer(tmp_path)
    assert finding.status is Status.ABSENT
    assert "apt-get install gstreamer1.0-tools" in finding.fix


def test_little_memory_and_the_way_out_are_said(tmp_path: Path) -> None:
    files = {"proc/meminfo": "MemTotal: 2000000 kB\nMemAvailable: 300000 kB\n"}
    memory = by_name(list(check_room(tree(tmp_path, files), tmp_path)))["memory"]
    assert (memory.status, memory.detail) == (Status.ABSENT, "307 MB free")
    assert "--imgsz" in memory.fix


def test_the_driver_is_named_as_the_kernel_names_it(tmp_path: Path) -> None:
    assert next(check_cuda(tmp_path)).status is Status.ABSENT
    line = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06"
    root = tree(tmp_path, {"proc/driver/nvidia/version": f"{line}\nGCC version: 12\n"})
    assert next(check_cuda(root)).detail == line


def test_shipped_models_are_whole_and_one_of_them_derains() -> None:
    findings = list(check_models())
    assert {finding.name for finding in findings} == {*shipped_models(), "trial"}
    assert {finding.status for finding in findings} == {Status.OK}


def test_the_cache_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert next(check_cache()).detail.startswith("0 files, 0 MB")
    tree(tmp_path, {"spikerain-edge/engines/a.engine": "x" * 2_000_000})
    assert next(check_cache()).detail.startswith("1 files, 2 MB")


def test_what_recordings_need_is_here() -> None:
    codecs = by_name(list(check_codecs()))
    assert codecs["H.264 encoder"].status is Status.OK
    assert codecs["decoders"].detail.startswith("h264, hevc, mjpeg")


def test_no_camera_is_no_fault(tmp_path: Path) -> None:
    (finding,) = check_cameras(tmp_path)
    assert finding.status is Status.ABSENT


@pytest.mark.parametrize(
    ("error", "text"), [(errno.EACCES, "no permission"), (errno.ENODEV, "No such device")]
)
def test_a_camera_that_cannot_be_opened_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int, text: str
) -> None:
    root = tree(tmp_path, {"sys/class/video4linux/video0/name": "USB Camera\n"})

    def refuse(path: object, *rest: object) -> list[str]:
        raise OSError(error, "No such device")

    monkeypatch.setattr("spikerain_edge.diagnosis.media.pixel_formats", refuse)
    (finding,) = check_cameras(root)
    assert (finding.name, finding.detail) == ("/dev/video0", f"USB Camera: {text}")


def test_formats_of_a_camera_are_read_until_the_list_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's layout, after linux/videodev2.h: 64 bytes, the code at byte 44."""
    device = tmp_path / "video0"
    device.write_bytes(b"")

    def answer(descriptor: int, request: int, asked: bytes) -> bytes:
        index, kind = struct.unpack_from("=II", asked)
        assert (request, kind, len(asked)) == (0xC0405602, 1, 64)
        if index == 2:
            raise OSError(errno.EINVAL, "Invalid argument")
        return asked[:44] + (b"MJPG", b"YUYV")[index] + asked[48:]

    monkeypatch.setattr(fcntl, "ioctl", answer)
    assert pixel_formats(device) == ["MJPG", "YUYV"]


def test_a_file_has_no_formats(tmp_path: Path) -> None:
    device = tmp_path / "video0"
    device.write_bytes(b"")
    assert pixel_formats(device) == []


def test_what_every_run_needs_and_is_broken_is_an_error_with_its_fix() -> None:
    broken = Finding("models", "nano", Status.BROKEN, "it was changed", "reinstall it")
    require_working([Finding("video", "GStreamer", Status.ABSENT, "", "")])
    with pytest.raises(ModelError, match=r"nano: it was changed; reinstall it"):
        require_working([broken])
