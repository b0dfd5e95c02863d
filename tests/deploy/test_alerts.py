"""Alerts for the Prometheus operator: of metrics that there are, each with a page that says what to do."""

import json
import re
import subprocess
from os.path import relpath
from pathlib import Path
from typing import Any

import pytest
import yaml

from carejourney.telemetry import REGISTRY
from tests.deploy.conftest import TREE, renderer

ROOT = TREE.parents[1]
ALERTS = TREE / "alerts"
Rule = dict[str, Any]


def _rules() -> list[Rule]:
    listed = yaml.safe_load((ALERTS / "kustomization.yaml").read_text())["resources"]
    assert {file.name for file in ALERTS.glob("*.yaml")} == {*listed, "kustomization.yaml"}
    found = [one for name in listed for one in yaml.safe_load_all((ALERTS / name).read_text())]
    assert {(one["apiVersion"], one["kind"]) for one in found} == {("monitoring.coreos.com/v1", "PrometheusRule")}
    return [rule for one in found for group in one["spec"]["groups"] for rule in group["rules"]]


RULES = _rules()


def _metrics() -> dict[str, set[str]]:
    """The names Prometheus knows, with the labels of each."""
    found: dict[str, set[str]] = {}
    for collector, names in REGISTRY._collector_to_names.items():
        for name in names:
            found[name] = set(getattr(collector, "_labelnames", ()))
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_metrics_and_labels_that_there_are(rule: Rule) -> None:
    known, named = _metrics(), set(re.findall(r"carejourney_\w+", rule["expr"]))
    assert named
    assert named <= known.keys()
    used = {label for text in re.findall(r"by \(([^)]*)\)", rule["expr"]) for label in re.split(r",\s*", text)}
    used |= set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    for metric in named:
        assert used <= known[metric]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_waits_a_while_says_how_grave_it_is_and_leads_to_what_to_do(rule: Rule) -> None:
    assert re.fullmatch(r"\d+m", rule["for"])
    assert rule["labels"]["severity"] in {"warning", "critical"}
    page, _, heading = rule["annotations"]["runbook_url"].partition("#")
    assert (ROOT / page).is_file()
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(), re.MULTILINE)
    assert heading == rule["alert"].lower()
    assert rule["alert"] in headings


def test_what_waits_of_webhooks_what_is_parked_and_what_stopped_raises_an_alert() -> None:
    asked = {metric for rule in RULES for metric in re.findall(r"carejourney_webhook\w+", rule["expr"])}
    assert asked == {
        "carejourney_webhooks_stopped", "carejourney_webhook_parked_lanes", "carejourney_webhook_age_seconds",
    }  # fmt: skip


def test_an_overlay_takes_the_alerts_as_a_component(tmp_path: Path) -> None:
    taken = {"resources": [relpath(TREE / "base", tmp_path)], "components": [relpath(ALERTS, tmp_path)]}
    (tmp_path / "kustomization.yaml").write_text(json.dumps(taken))
    done = subprocess.run([*renderer(), str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    kinds = [one["kind"] for one in yaml.safe_load_all(done.stdout)]
    assert kinds.count("PrometheusRule") == 1
