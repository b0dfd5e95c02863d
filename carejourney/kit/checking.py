"""Checking a subscriber: records are sent case by case, the program is started, and what it prints is judged."""

import asyncio
import os
import shlex
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from carejourney.kit.cases import Case, cases
from carejourney.kit.judging import Finding, Judge
from carejourney.kit.stages import Stage

SECONDS: Final = 60.0
# The program's last words, when it has ended badly.
LAST_WORDS: Final = 300


@dataclass(frozen=True, slots=True)
class Ended:
    """How one run of the program went; `problem` where it did not end well."""

    printed: str
    problem: str | None = None


@dataclass
class Check:
    """What was found: the cases that were judged, and what is wrong in them."""

    judged: list[Case] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def of(self, case: Case) -> list[Finding]:
        """What is wrong in a case."""
        return [one for one in self.findings if one.case == case.name]


async def check(
    command: str,
    stage: Stage,
    chosen: Sequence[Case] | None = None,
    *,
    seconds: float = SECONDS,
    tell: Callable[[Case, list[Finding]], None] = lambda _case, _findings: None,
) -> Check:
    """Run the program once for each case, and judge what it holds then. It has `seconds` for each.

    A program that does not end well gets nothing of that case any more: the next begins with new topics and a new
    folder, so that one fault does not hide another. Raises FileNotFoundError where there is no such program.
    """
    checked, every = Check(), cases() if chosen is None else chosen
    topics = sorted({record.topic for case in every for record in case.records})
    try:
        with TemporaryDirectory(prefix="kit-") as folder:
            told, judge = await _afresh(stage, topics, Path(folder), 0), Judge()
            for number, case in enumerate(every, 1):
                await stage.send(case.records)
                ended = await _run(command, told, seconds)
                if ended.problem is None:
                    findings = judge.judge(case, ended.printed)
                else:
                    findings = [Finding(case.name, ended.problem)]
                    told, judge = await _afresh(stage, topics, Path(folder), number), Judge()
                checked.judged.append(case)
                checked.findings += findings
                tell(case, findings)
    finally:
        await stage.close()
    return checked


async def _afresh(stage: Stage, topics: Sequence[str], folder: Path, number: int) -> Mapping[str, str]:
    state = folder / f"state-{number}"
    state.mkdir()
    return {**await stage.fresh(topics), "STATE": str(state)}


async def _run(command: str, told: Mapping[str, str], seconds: float) -> Ended:
    process = await asyncio.create_subprocess_exec(
        *shlex.split(command),
        env={**os.environ, **told},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(seconds):
            printed, errors = await process.communicate()
    except TimeoutError:
        return Ended("", f"did not end within {seconds:g} s: read to the end of the topics, print, and end")
    finally:
        await _end(process)
    if process.returncode:
        words = errors.decode(errors="replace").strip()[-LAST_WORDS:]
        return Ended("", f"ended with status {process.returncode}; its last words: {words or '(none)'}")
    return Ended(printed.decode(errors="replace"))


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the program with all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
