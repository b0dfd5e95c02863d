"""The manifests as a cluster would get them."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

TREE = Path(__file__).parents[2] / "deploy" / "k8s"
OVERLAYS = ("base", "overlays/local")


def renderer() -> list[str]:
    """The program that renders a folder, with its first words."""
    built = Path(sys.executable).parent / "kustomize"
    if built.exists():
        return [str(built), "build"]
    if shutil.which("kustomize"):
        return ["kustomize", "build"]
    if shutil.which("kubectl"):
        return ["kubectl", "kustomize"]
    raise AssertionError("nothing renders deploy/k8s: `make kustomize` builds what is missing")


@pytest.fixture(scope="session", params=OVERLAYS)
def rendered(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """Every resource of one overlay."""
    done = subprocess.run([*renderer(), str(TREE / request.param)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))
