"""The files for a fleet, checked by the tools that read them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from test_deploy import run

FLEET = Path(__file__).parents[2] / "deploy" / "fleet"
PROMETHEUS = FLEET / "prometheus"


def test_prometheus_takes_the_configuration_and_the_rules(tmp_path: Path) -> None:
    folder = shutil.copytree(PROMETHEUS, tmp_path / "prometheus")
    (folder / "token").write_text("0123456789abcdef")
    checked = run("promtool", "check", "config", "--lint-fatal", folder / "prometheus.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_alerts_fire_when_they_should_and_only_then() -> None:
    tested = run("promtool", "test", "rules", PROMETHEUS / "alerts_test.yml")
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_alert_has_a_test_of_its_own() -> None:
    rules = (PROMETHEUS / "alerts.yml").read_text().split("- alert: ")[1:]
    tests = (PROMETHEUS / "alerts_test.yml").read_text()
    assert len(rules) == 8
    for rule in rules:
        assert f"alertname: {rule.split()[0]}" in tests


@pytest.mark.slow
@pytest.mark.parametrize("overlay", ["cpu", "jetson"])
def test_kubernetes_knows_every_field_of_the_manifests(tmp_path: Path, overlay: str) -> None:
    built = run("kubectl", "kustomize", FLEET / "kubernetes/overlays" / overlay)
    assert built.returncode == 0, built.stderr
    manifests = tmp_path / "manifests.yaml"
    manifests.write_text(built.stdout)
    checked = run("kubernetes-validate", "--strict", manifests)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "daemonset/spikerain-edge" in checked.stdout + checked.stderr
    assert ("runtimeClassName: nvidia" in built.stdout) is (overlay == "jetson")


def test_a_pod_runs_the_command_of_its_image_with_the_settings_of_the_fleet() -> None:
    base = FLEET / "kubernetes" / "base"
    pod = yaml.safe_load((base / "daemonset.yaml").read_text())["spec"]["template"]["spec"]
    settings = yaml.safe_load((base / "config.yaml").read_text())["data"]
    (container,) = pod["containers"]
    assert not {"args", "command"} & set(container), "serve.sh is the command of the image"
    script = (FLEET.parent / "serve.sh").read_text()
    read = {}
    for each in container["env"]:
        key = each.get("valueFrom", {}).get("configMapKeyRef", {}).get("key")
        if key:
            assert each["name"] in script
            read[key] = settings[key]
    assert read == settings
    (port,) = container["ports"]
    assert f"--serve 0.0.0.0:{port['containerPort']}" in settings["args"]
    places = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert settings["output"].startswith(places["recordings"])
    homes = [each["value"] for each in container["env"] if each["name"] == "HOME"]
    assert homes == [places["cache"]]
