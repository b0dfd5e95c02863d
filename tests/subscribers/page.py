"""A page of the documentation followed as a stranger would: its blocks, in order, copied and pasted.

What a fence says after its language decides what becomes of a block:
- ```` ```bash ```` is pasted into a shell, the same for the whole page; `name=...` names it for the test;
- ```` ```python file=receiver.py ```` (any language) is saved under that name;
- ```` ```json output ```` (any language) is what the shell block before it prints, where `...` stands for anything;
- any other block is only to be read.
"""

import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Self
from uuid import uuid4

FENCE: Final = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)
SHELL: Final = frozenset({"bash", "sh"})


@dataclass(frozen=True)
class Block:
    """One fenced block: `name` is the file to save it in, or what the page calls it; `expected` what it prints."""

    language: str
    name: str
    text: str
    expected: str | None = None
    saved: bool = False
    line: int = 0


def blocks(page: Path) -> list[Block]:
    """The blocks of a page in order; what a block prints is part of it."""
    found: list[Block] = []
    text = page.read_text()
    for match in FENCE.finditer(text):
        language, *words = match["info"].split() or [""]
        named = dict(word.split("=", 1) for word in words if "=" in word)
        if "output" in words:
            found[-1] = replace(found[-1], expected=match["text"])
            continue
        name, line = named.get("file") or named.get("name", ""), text.count("\n", 0, match.start()) + 1
        found.append(Block(language, name, match["text"], None, "file" in named, line))
    return found


def matches(expected: str, printed: str) -> bool:
    """Whether it was printed so; `...` stands for anything, and blanks at the end of a line do not count."""
    parts = [re.escape(part) for part in _even(expected).split("...")]
    return re.fullmatch(".*".join(parts), _even(printed), re.DOTALL) is not None


def _even(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


@dataclass
class Shell:
    """One bash in a folder of its own, given block after block; what it started ends with it."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], cwd=self.folder, env={**os.environ, **self.environment},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()

    def run(self, text: str, seconds: float = 60) -> tuple[str, int]:
        """What is printed, errors too, and the status of the last command. Raises TimeoutError."""
        assert self._process.stdin is not None
        end = f"--- {uuid4()} "
        script = self.folder / f".block-{uuid4()}"
        script.write_text(text)
        self._process.stdin.write(f". {script} </dev/null; printf '\\n{end}%s\\n' $?\n".encode())
        self._process.stdin.flush()
        try:
            printed, _, status = self._read_until(re.compile(re.escape(end) + r"(\d+)\n"), seconds).rpartition(end)
        finally:
            script.unlink()
        return printed, int(status.split()[0])

    def _read_until(self, end: re.Pattern[str], seconds: float) -> str:
        assert self._process.stdout is not None
        deadline, seen = time.monotonic() + seconds, b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while not end.search(seen.decode(errors="replace")):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise TimeoutError(f"not done after {seconds} s; it printed:\n{seen.decode(errors='replace')}")
                chunk = os.read(self._process.stdout.fileno(), 65_536)
                if not chunk:
                    raise EOFError(f"the shell ended; it printed:\n{seen.decode(errors='replace')}")
                seen += chunk
        return seen.decode(errors="replace")


def follow(
    page: Path, folder: Path, environment: Mapping[str, str] | None = None, seconds: float = 60
) -> dict[str, str]:
    """Save the page's files and paste its shell blocks, in order; what each named block printed.

    Fails where a block ends with a status other than 0, or prints something else than the page says.
    """
    printed: dict[str, str] = {}
    with Shell(folder, environment or {}) as shell:
        for block in blocks(page):
            where = f"{page.name}, line {block.line}"
            if block.saved:
                (folder / block.name).write_text(block.text)
            elif block.language in SHELL:
                output, status = shell.run(block.text, seconds)
                assert status == 0, f"{where}: status {status}\n{block.text}\n{output}"
                if block.expected is not None:
                    assert matches(block.expected, output), f"{where} printed\n{output}\nand not\n{block.expected}"
                if block.name:
                    printed[block.name] = output
    return printed
