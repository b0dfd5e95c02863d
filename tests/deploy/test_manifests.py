"""What is applied to a cluster: valid, confined, and with nothing secret in it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from carejourney.cli.running import SERVICES
from carejourney.service import DRAIN_SECONDS
from carejourney.settings import Settings
from tests.deploy.conftest import TREE

Resources = list[dict[str, Any]]
HTTP_DRAIN = 20


def _named(rendered: Resources, kind: str, name: str) -> dict[str, Any]:
    return next(r for r in rendered if (r["kind"], r["metadata"]["name"]) == (kind, name))


def _services(rendered: Resources) -> Iterator[tuple[str, dict[str, Any]]]:
    for service in (name.replace("_", "-") for name in SERVICES):
        yield service, _named(rendered, "StatefulSet", f"{service}-service")["spec"]


def _pods(rendered: Resources) -> Iterator[dict[str, Any]]:
    for resource in rendered:
        if "template" in resource.get("spec", {}):
            yield resource["spec"]["template"]["spec"]


def _containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod.get("initContainers", []), *pod["containers"]]


def test_every_resource_is_strictly_valid(rendered: Resources) -> None:
    for resource in rendered:
        kubernetes_validate.validate(resource, kubernetes_validate.latest_version(), strict=True)


def test_there_is_each_service_under_its_own_name_and_secrets(rendered: Resources) -> None:
    for service, spec in _services(rendered):
        pod = spec["template"]["spec"]
        assert pod["containers"][0]["args"] == ["run", service]
        assert pod["initContainers"][0]["args"] == ["migrate", service]
        assert pod["containers"][0]["envFrom"][0] == {"secretRef": {"name": f"{service}-database"}}
        assert pod["initContainers"][0]["envFrom"] == [{"secretRef": {"name": f"{service}-owner"}}]


def test_one_service_selects_no_pod_of_another(rendered: Resources) -> None:
    for service, spec in _services(rendered):
        own = {"app.kubernetes.io/name": service, "app.kubernetes.io/part-of": "carejourney"}
        assert spec["selector"]["matchLabels"] == own
        assert spec["template"]["metadata"]["labels"].items() >= own.items()
        assert _named(rendered, "Service", f"{service}-service")["spec"]["selector"] == own
        assert _named(rendered, "PodDisruptionBudget", f"{service}-service")["spec"]["selector"]["matchLabels"] == own


def test_a_worker_comes_back_under_its_old_name(rendered: Resources) -> None:
    for _, spec in _services(rendered):
        env = {e["name"]: e for e in spec["template"]["spec"]["containers"][0]["env"]}
        assert env["CAREJOURNEY_INSTANCE"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"


def test_a_pod_is_given_longer_than_the_service_takes_to_stop(rendered: Resources) -> None:
    for _, spec in _services(rendered):
        pod = spec["template"]["spec"]
        before = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert pod["terminationGracePeriodSeconds"] >= before + HTTP_DRAIN + DRAIN_SECONDS + 5


def test_living_and_being_ready_are_asked_separately(rendered: Resources) -> None:
    for _, spec in _services(rendered):
        container = spec["template"]["spec"]["containers"][0]
        assert container["livenessProbe"]["httpGet"]["path"] == "/health/live"
        assert container["readinessProbe"]["httpGet"]["path"] == "/health/ready"


def test_no_container_may_become_root_or_more(rendered: Resources) -> None:
    for pod in _pods(rendered):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for container in _containers(pod):
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_our_containers_write_nothing_but_scratch(rendered: Resources) -> None:
    for pod in _pods(rendered):
        for container in _containers(pod):
            if container["image"].startswith("carejourney"):
                assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_every_container_says_what_it_needs_and_may_use(rendered: Resources) -> None:
    for pod in _pods(rendered):
        for container in _containers(pod):
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
            assert "memory" in container["resources"]["limits"]


def test_no_secret_is_in_the_tree(rendered: Resources) -> None:
    assert not [r for r in rendered if r["kind"] == "Secret"]


def test_every_setting_given_is_one_that_a_service_reads(rendered: Resources) -> None:
    known = {f"CAREJOURNEY_{field}".upper() for field in Settings.model_fields}
    given = {name for r in rendered if r["kind"] == "ConfigMap" for name in r["data"]}
    for _, spec in _services(rendered):
        given |= {e["name"] for e in spec["template"]["spec"]["containers"][0]["env"]}
    assert given <= known


@pytest.fixture
def local_secrets(tmp_path: Path) -> Resources:
    script = TREE / "overlays" / "local" / "local_secrets.py"
    done = subprocess.run([sys.executable, str(script), str(tmp_path)], capture_output=True, check=True)
    items: Resources = json.loads(done.stdout)["items"]
    return items


def test_the_local_secrets_are_those_that_the_manifests_refer_to(rendered: Resources, local_secrets: Resources) -> None:
    made = {secret["metadata"]["name"] for secret in local_secrets}
    assert set(_secrets_named(rendered)) <= made
    for secret in local_secrets:
        kubernetes_validate.validate(secret, kubernetes_validate.latest_version(), strict=True)


def _secrets_named(found: Any) -> Iterator[str]:
    if isinstance(found, list):
        for one in found:
            yield from _secrets_named(one)
    elif isinstance(found, dict):
        for key, value in found.items():
            if key in ("secretRef", "secretKeyRef"):
                yield value["name"]
            elif key == "secretName":
                yield value
            else:
                yield from _secrets_named(value)
