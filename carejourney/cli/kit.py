"""`carejourney kit`: the kit for subscribers as files, and the check of a subscriber."""

import asyncio
import json
import logging
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from aiokafka.errors import KafkaError

from carejourney.cli.connecting import DEFAULT_DATA, AsJson, ConnectionProblem, Data
from carejourney.cli.printing import printing
from carejourney.embedded.layout import LOOPBACK, Folders, load_ports
from carejourney.kit.cases import Case, cases
from carejourney.kit.checking import SECONDS, Check
from carejourney.kit.checking import check as run_check
from carejourney.kit.judging import Finding
from carejourney.kit.stages import FeedStage, KafkaStage
from carejourney.kit.writing import write_kit

app = typer.Typer(rich_markup_mode=None)

Named = Annotated[list[str] | None, typer.Option("--case", help="Only this case; may be given again.")]


@app.callback(invoke_without_command=True)
def kit(
    context: typer.Context,
    *,
    out: Annotated[Path | None, typer.Option(help="The folder to write the kit into.", file_okay=False)] = None,
) -> None:
    """Write what you need to test a program that reads the facts, into the folder --out; nothing has to run.

    The folder holds every fact as it is on Kafka, and cases: streams in which facts come twice, late, corrected, newer
    than your program, or of an erased child, each with what a program should then hold. Its README says how to use
    them. `carejourney kit check` plays the cases to your program and judges what it answers.
    """
    if context.invoked_subcommand is not None:
        return
    if out is None:
        raise typer.BadParameter("name the folder to write: carejourney kit --out kit", param_hint="--out")
    printing().print(f"{write_kit(out)} files in {out}; {out / 'README.md'} says what they are.", highlight=False)


@app.command()
def check(
    *,
    command: Annotated[str, typer.Option(help="What starts your program, such as 'node subscriber.js'.")],
    feed: Annotated[bool, typer.Option("--feed", help="The program reads the HTTP feed, not Kafka.")] = False,
    kafka: Annotated[
        str | None,
        typer.Option(envvar="CAREJOURNEY_KAFKA", help="Address of the broker; the embedded one if left out."),
    ] = None,
    case: Named = None,
    seconds: Annotated[float, typer.Option(min=1, help="How long the program may take for one case.")] = SECONDS,
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Send your program what can happen to a stream, and tell line by line what it then holds wrongly.

    Your program is started once for each case, told by its environment where to read, and prints what it holds; the
    kit's README (`carejourney kit --out kit`) says how. It needs a Kafka (the embedded one of `carejourney up`, or
    --kafka), or with --feed nothing. It prints one line a case, and under it what is wrong.

    Exit status 0: nothing is wrong. 1: something is, or Kafka does not answer. 2: no such program or case.
    """
    chosen, program = _chosen(case or []), shlex.split(command)
    if not program or shutil.which(program[0]) is None:
        raise typer.BadParameter(f"there is no program {program[:1]}", param_hint="--command")
    # The producer says each try while a new topic settles; what fails in the end is raised.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    stage = FeedStage() if feed else KafkaStage(kafka or f"{LOOPBACK}:{load_ports(Folders.at(data)).kafka}")
    try:
        checked = asyncio.run(run_check(command, stage, chosen, seconds=seconds, tell=_silent if as_json else _tell))
    except KafkaError as error:
        raise ConnectionProblem(
            f"Kafka does not answer ({type(error).__name__}): run `carejourney up`, or name a broker with --kafka"
        ) from error
    _conclude(checked, as_json=as_json)
    raise typer.Exit(0 if checked.passed else 1)


def _chosen(names: Sequence[str]) -> list[Case]:
    every = cases()
    unknown = sorted(set(names) - {case.name for case in every})
    if unknown:
        there = ", ".join(case.name for case in every)
        raise typer.BadParameter(f"there is no case {unknown[0]}; choose among: {there}", param_hint="--case")
    return [case for case in every if not names or case.name in names]


def _silent(_case: Case, _findings: list[Finding]) -> None:
    """Everything is told at the end."""


def _tell(case: Case, findings: list[Finding]) -> None:
    console = printing()
    console.print(f"{'wrong' if findings else 'ok':6} {case.name:14} {case.shows}", highlight=False, soft_wrap=True)
    for one in findings:
        about = f"{one.type or 'fact'} {one.fact}: " if one.fact else ""
        console.print(f"         {about}{one.says}", highlight=False, markup=False, soft_wrap=True)


def _conclude(checked: Check, *, as_json: bool) -> None:
    if as_json:
        told = {
            "passed": checked.passed,
            "cases": [{"case": case.name, "passed": not checked.of(case)} for case in checked.judged],
            "findings": [one.as_json() for one in checked.findings],
        }
        sys.stdout.write(json.dumps(told) + "\n")
        return
    wrong = sum(bool(checked.of(case)) for case in checked.judged)
    printing().print(f"{len(checked.judged) - wrong} of {len(checked.judged)} cases passed", highlight=False)
