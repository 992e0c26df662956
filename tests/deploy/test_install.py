"""The installer and the service's script, run for real; only the board is stood in for."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
SERVE = DEPLOY / "serve.sh"
INSTALL = DEPLOY / "install.sh"

# Stands in for the program: writes its arguments to a file; `run` waits for its end.
PROGRAM = """#!/bin/sh
echo "$@" >> "$HOME/calls"
case $1 in
    run) trap 'kill $!; exit 129' HUP; sleep 60 & echo ready > "$HOME/running"; wait ;;
    export) until [ -e "$HOME/running" ]; do sleep 0.1; done
        test -e "$HOME/broken" && exit 4; while [ $# -gt 1 ]; do
        [ "$1" = --output ] && echo engine > "$2"; shift; done ;;
esac
"""


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """A home folder, with programs that stand in for those of a Jetson in `bin`."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/spikerain-edge"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    return tmp_path


def tensorrt(board: Path, version: str) -> None:
    python = board / "bin/python3"
    python.write_text(f"#!/bin/sh\necho {version}\n")
    python.chmod(0o755)


@contextmanager
def serving(board: Path, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """Runs the script within the context; all that it started is killed at the end."""
    environment = {"HOME": str(board), "PATH": f"{board}/bin:/usr/bin:/bin", **settings}
    with subprocess.Popen(
        [SERVE], env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def calls(board: Path) -> list[str]:
    return (board / "calls").read_text().splitlines()


def test_the_cpu_works_until_the_engine_is_built_and_then_the_service_starts_again(
    board: Path,
) -> None:
    tensorrt(board, "10.3.0")
    settings = {"SPIKERAIN_CAMERA": "rtsp://camera/stream", "SPIKERAIN_ARGS": "--keep 7d"}
    with serving(board, **settings) as process:
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 129
    engine = board / "engines/nano-640x480-10.3.0.engine"
    assert f"{engine} is ready" in said
    run = next(call for call in calls(board) if call.startswith("run"))
    assert "--camera rtsp://camera/stream" in run
    assert "--model nano " in run
    assert run.endswith("--keep 7d")

    with serving(board) as process:
        while not any(str(engine) in call for call in calls(board) if call.startswith("run")):
            assert process.poll() is None
    assert sum(call.startswith("export") for call in calls(board)) == 1


def test_an_engine_of_another_version_is_not_used(board: Path) -> None:
    (board / "engines").mkdir()
    (board / "engines/nano-640x480-10.3.0.engine").write_text("engine")
    tensorrt(board, "10.7.0")
    with serving(board) as process:
        process.communicate(timeout=60)
    assert (board / "engines/nano-640x480-10.7.0.engine").exists()


def test_a_model_given_by_its_path_gets_an_engine_for_each_content_of_the_file(board: Path) -> None:
    tensorrt(board, "10.3.0")
    model = board / "models/mine.onnx"
    model.parent.mkdir()
    for content in ("first", "second"):
        model.write_text(content)
        (board / "running").unlink(missing_ok=True)
        with serving(board, SPIKERAIN_MODEL=str(model)) as process:
            process.communicate(timeout=60)
        assert process.returncode == 129
    built = sorted(path.name for path in (board / "engines").iterdir())
    digests = [hashlib.sha256(content).hexdigest()[:12] for content in (b"first", b"second")]
    assert built == sorted(f"mine-{digest}-640x480-10.3.0.engine" for digest in digests)
    assert any(call.startswith(f"export {model} ") for call in calls(board))


def test_a_given_engine_is_run_as_it_is(board: Path) -> None:
    tensorrt(board, "10.3.0")
    with serving(board, SPIKERAIN_MODEL="/data/mine.engine") as process:
        while not (board / "running").exists():
            assert process.poll() is None
    assert "--model /data/mine.engine " in calls(board)[0]
    assert not (board / "engines").exists()


@pytest.mark.parametrize("reason", ["no TensorRT", "off", "fails"])
def test_the_cpu_keeps_working_where_there_is_no_engine(board: Path, reason: str) -> None:
    settings = {}
    if reason != "no TensorRT":
        tensorrt(board, "10.3.0")
    if reason == "off":
        settings["SPIKERAIN_ENGINE"] = "off"
    if reason == "fails":
        (board / "broken").touch()
    with serving(board, **settings) as process:
        if reason == "fails":
            assert process.stderr is not None
            assert any("the CPU keeps working" in line for line in process.stderr)
        while not (board / "running").exists():
            assert process.poll() is None
    assert "--model nano " in next(call for call in calls(board) if call.startswith("run"))


def run(*command: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        command, capture_output=True, text=True, env={**environment, **settings}, check=False
    )


@pytest.mark.slow
def test_what_is_installed_works_and_what_is_removed_leaves_nothing(tmp_path: Path) -> None:
    prefix = tmp_path / "place" / "spikerain"
    installed = run(INSTALL, "--prefix", prefix, "--no-start", PIP_CONSTRAINT=os.devnull)
    assert installed.returncode == 0, installed.stderr
    unit = (prefix / "share/spikerain-edge/spikerain-edge.service").read_text()
    assert f"ExecStart={prefix}/share/spikerain-edge/serve.sh" in unit
    assert "/opt/spikerain" not in unit

    program = prefix / "bin/spikerain-edge"
    doctor = run(program, "doctor", "--json")
    assert doctor.returncode == 0, doctor.stderr
    assert json.loads(doctor.stdout)["works"] is True
    derained = run(program, "run", "--camera", "demo", "--max-frames", "3", "--json", "-")
    assert json.loads(derained.stdout)["frames"] == 3

    removed = run(prefix / "share/spikerain-edge/uninstall.sh")
    assert removed.returncode == 0, removed.stderr
    assert list((tmp_path / "place").iterdir()) == []


def installed_with(machine: Path, *options: str, **settings: str) -> list[str]:
    """Runs the installer with stand-ins for venv and pip; returns the last arguments of both."""
    made = 'mkdir -p "$prefix/bin"; printf "#!/bin/sh\\necho \\$@ >%s" "$prefix/pip" '
    made += '> "$prefix/bin/python"; chmod +x "$prefix/bin/python"; echo "$@" > "$prefix/venv"'
    stand_in(machine / "bin/python3", f'for prefix in "$@"; do :; done; {made}')
    stand_in(machine / "bin/uname", "echo x86_64")
    prefix = machine / "place"
    path = f"{machine}/bin:/usr/bin:/bin"
    done = run(INSTALL, "--prefix", prefix, "--no-start", *options, PATH=path, **settings)
    assert done.returncode == 0, done.stderr
    _, packages = (prefix / "pip").read_text().split("install --quiet ")
    return [*(prefix / "venv").read_text().split()[2:-1], *packages.replace(str(ROOT), "").split()]


@pytest.mark.parametrize(("version", "grows"), [("252 (252.39-1~deb12u1)", 0), ("255 (255.4)", 1)])
def test_pauses_between_restarts_grow_where_systemd_can(
    tmp_path: Path, version: str, grows: int
) -> None:
    stand_in(tmp_path / "bin/systemctl", f"echo 'systemd {version}'; echo +PAM")
    installed_with(tmp_path)
    unit = (tmp_path / "place/share/spikerain-edge/spikerain-edge.service").read_text()
    assert unit.count("RestartSec=10s\n") == 1
    assert unit.count("RestartSec=10s\nRestartSteps=5\nRestartMaxDelaySec=60s\n") == grows


def test_a_desktop_gpu_gets_tensorrt_and_openvino(tmp_path: Path) -> None:
    stand_in(tmp_path / "bin/nvidia-smi", "")
    installed = installed_with(tmp_path, "--gpu")
    assert installed == ["[openvino,export,serve]", "tensorrt", "cuda-python"]


def test_a_machine_without_a_gpu_gets_openvino(tmp_path: Path) -> None:
    assert installed_with(tmp_path) == ["[openvino,serve]"]


@pytest.mark.parametrize(
    ("release", "bindings"), [("R36", "cuda-python>=12,<13"), ("R38", "cuda-python>=13,<14")]
)
def test_a_jetson_sees_its_tensorrt_and_gets_the_bindings_of_its_cuda(
    tmp_path: Path, release: str, bindings: str
) -> None:
    tegra = tmp_path / "nv_tegra_release"
    tegra.write_text(f"# {release} (release), REVISION: 4.3, GCID: 38968081, BOARD: generic\n")
    installed = installed_with(tmp_path, TEGRA_RELEASE=str(tegra))
    assert installed == ["--system-site-packages", "[export,serve]", bindings]
    refused = run(INSTALL, "--gpu", "--no-start", TEGRA_RELEASE=str(tegra))
    assert refused.returncode == 1
    assert "a Jetson has its TensorRT from JetPack" in refused.stderr


def test_a_machine_without_a_gpu_is_told_before_anything_is_installed(tmp_path: Path) -> None:
    stand_in(tmp_path / "bin/nvidia-smi", "exit 9")
    path = f"{tmp_path}/bin:/usr/bin:/bin"
    refused = run(INSTALL, "--prefix", tmp_path / "place", "--no-start", "--gpu", PATH=path)
    assert refused.returncode == 1
    assert "--gpu needs NVIDIA's driver" in refused.stderr
    assert not (tmp_path / "place").exists()


def stand_in(program: Path, text: str) -> None:
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)


def test_a_folder_with_other_files_is_neither_filled_nor_removed(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("kept")
    refused = run(INSTALL, "--prefix", tmp_path, "--no-start")
    assert refused.returncode == 1
    assert "is not empty" in refused.stderr
    scripts = tmp_path / "share/spikerain-edge"
    scripts.mkdir(parents=True)
    uninstall = scripts / "uninstall.sh"
    uninstall.write_bytes((DEPLOY / "uninstall.sh").read_bytes())
    uninstall.chmod(0o755)
    assert run(uninstall).returncode == 1
    assert (tmp_path / "mine").read_text() == "kept"


@pytest.mark.parametrize("script", ["install.sh", "uninstall.sh"])
def test_an_unknown_option_is_answered_with_the_usage(script: str) -> None:
    answered = run(DEPLOY / script, "--frob")
    assert answered.returncode == 2
    assert "usage:" in answered.stderr
