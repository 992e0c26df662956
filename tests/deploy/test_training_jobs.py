"""Scripts and manifests that train on clusters; stand-ins replace the clusters' programs."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
import yaml
from test_deploy import DEPLOY, run

TRAINING = DEPLOY / "training"
SLURM = {"SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "gpu[1-2]", "SLURM_JOB_NUM_NODES": "2"}
SECONDS = 60


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    """A folder with stand-ins for torchrun and for Slurm's programs, which log their calls."""
    programs = {
        "torchrun": 'echo torchrun "$@" >> "$CALLS"',
        "srun": 'echo srun $NODES $PROCESSES $ENDPOINT $JOB >> "$CALLS"; shift; exec "$@"',
        "scontrol": 'echo scontrol "$@" >> "$CALLS"; printf "gpu1\\ngpu2\\n"',
        "scancel": 'echo scancel "$@" >> "$CALLS"; touch "$CALLS.over"',
    }
    (tmp_path / "bin").mkdir()
    for name, text in programs.items():
        program = tmp_path / "bin" / name
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    return tmp_path


def environment(cluster: Path, **settings: str) -> dict[str, str]:
    path = f"{cluster}/bin:/usr/bin:/bin"
    return {"PATH": path, "CALLS": str(cluster / "calls"), "HOME": str(cluster), **settings}


def call(script: str, cluster: Path, *arguments: str, **settings: str) -> list[str]:
    """Runs a script in the root of the repository and returns what it called, line by line."""
    done = subprocess.run(
        [TRAINING / script, *arguments],
        cwd=DEPLOY.parent,
        env=environment(cluster, **settings),
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return (cluster / "calls").read_text().splitlines()


def test_a_new_run_is_started_and_an_interrupted_one_goes_on(cluster: Path) -> None:
    output = cluster / "run"
    folders = ("photos", "held_out", str(output))
    (started,) = call("train.sh", cluster, *folders, "--workers", "4")
    assert started.startswith("torchrun --nnodes 1 --nproc-per-node gpu --standalone -m spikerain_")
    assert f"--data photos --validation held_out --output {output} --workers 4" in started
    (recipe,) = [word for word in started.split() if word.endswith(".toml")]
    assert Path(recipe).resolve() == DEPLOY.parent / "training/configs/nano.toml"

    output.mkdir()
    (output / "run.json").touch()
    resumed = call("train.sh", cluster, *folders, "--workers", "4")[-1]
    assert resumed.endswith(f"fit --resume --output {output} --workers 4")


def test_machines_meet_at_the_first_one(cluster: Path) -> None:
    settings = {"NODES": "2", "PROCESSES": "8", "ENDPOINT": "first:29500", "JOB": "mine"}
    (started,) = call("train.sh", cluster, "a", "b", "c", **settings)
    assert "--nnodes 2 --nproc-per-node 8 --rdzv-backend c10d" in started
    assert "--rdzv-endpoint first:29500 --rdzv-id mine" in started


def test_slurm_starts_one_torchrun_on_every_machine(cluster: Path) -> None:
    told = call("slurm.sh", cluster, "a", "b", "c", **SLURM, SLURM_GPUS_ON_NODE="4")
    assert told[0] == "scontrol show hostnames gpu[1-2]"
    assert told[1] == "srun 2 4 gpu1:20007 7"
    assert "--nnodes 2 --nproc-per-node 4" in told[2]
    assert len(told) == 3, "a run that is complete is not queued again"


def test_a_job_whose_time_is_over_saves_and_is_queued_again(cluster: Path) -> None:
    torchrun = 'echo ready; until [ -e "$CALLS.over" ]; do sleep 0.1; done; echo saved; exit 1'
    (cluster / "bin/torchrun").write_text(f"#!/bin/sh\n{torchrun}\n")
    command = [TRAINING / "slurm.sh", "a", "b", "c"]
    with subprocess.Popen(
        command,
        cwd=DEPLOY.parent,
        env=environment(cluster, **SLURM),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as job:
        assert job.stdout is not None
        try:
            assert job.stdout.readline() == "ready\n"
            job.send_signal(signal.SIGUSR1)
            assert "saved\n" in job.communicate(timeout=SECONDS)[0]
        finally:
            if job.poll() is None:
                os.killpg(job.pid, signal.SIGKILL)
    assert job.returncode == 0
    told = (cluster / "calls").read_text().splitlines()
    assert told[-2:] == ["scancel --signal=TERM 7.0", "scontrol requeue 7"]


def test_a_training_that_fails_fails_the_job(cluster: Path) -> None:
    (cluster / "bin/torchrun").write_text("#!/bin/sh\nexit 4\n")
    done = subprocess.run(
        [TRAINING / "slurm.sh", "a", "b", "c"],
        cwd=DEPLOY.parent,
        env=environment(cluster, **SLURM),
        capture_output=True,
        timeout=SECONDS,
    )
    assert done.returncode == 4
    assert "requeue" not in (cluster / "calls").read_text()


@pytest.mark.parametrize("script", ["train.sh", "slurm.sh"])
def test_a_script_asks_for_its_three_folders(script: str) -> None:
    done = run(str(TRAINING / script), "photos")
    assert done.returncode == 2
    assert "PHOTOS HELD_OUT OUTPUT" in done.stderr


@pytest.mark.slow
def test_kubernetes_knows_every_field_of_the_training_job() -> None:
    checked = run("kubernetes-validate", "--strict", TRAINING / "job.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_pods_of_a_training_job_find_each_other() -> None:
    service, job = yaml.safe_load_all((TRAINING / "job.yaml").read_text())
    pod, name = job["spec"]["template"]["spec"], job["metadata"]["name"]
    (container,) = pod["containers"]
    settings = {each["name"]: each["value"] for each in container["env"]}
    port = service["spec"]["ports"][0]["port"]
    assert settings["ENDPOINT"] == f"{name}-0.{pod['subdomain']}:{port}"
    assert pod["subdomain"] == service["metadata"]["name"]
    assert int(settings["NODES"]) == job["spec"]["completions"] == job["spec"]["parallelism"]
