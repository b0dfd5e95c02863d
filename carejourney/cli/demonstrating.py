"""`carejourney demo` and `carejourney sample`: a generated authority, loaded and ready to look at."""

import asyncio
import json
import os
import re
import shutil
import sys
from pathlib import Path

import httpx
import typer
from rich.console import Console
from rich.progress import Progress as Bar

from carejourney.access import mint
from carejourney.cli.connecting import (
    DEFAULT_DATA,
    SERVICES,
    ConnectionProblem,
    Installation,
    installation,
    issuer_key,
    told,
)
from carejourney.cli.importing import enrolments, ssda903
from carejourney.cli.printing import printing

DEMO_AUTHORITY = "E08000025"
# One role reads all three pages, and more than one would not help: a browser keeps one sign-in for all ports of a
# machine, and the pages lead to each other.
PAGE_ROLE = "review"
SIGN_IN_SECONDS = 3600
TO_SHOW = ("care", "legal_status", "placement", "school", "health", "missing", "review", "birthday")


def make_sample(out: Path, *, children: int, years: str, seed: int, authority: str, console: Console) -> None:
    """Write the sample; a wrong range of years or authority is named."""
    from carejourney.postcodes import PostcodesUnavailableError  # noqa: PLC0415 - loads what few commands need
    from carejourney.sample import generate  # noqa: PLC0415 - as above

    found = re.fullmatch(r"(\d{4})(?:-(\d{4}))?", years)
    if not found:
        raise typer.BadParameter(f"--years {years}: write one collection year or a range, such as 2024-2026")
    span = (int(found[1]), int(found[2] or found[1]))
    try:
        with Bar(console=console, disable=not console.is_terminal) as bar:
            task = bar.add_task("children", total=None)
            made = generate(
                children, span, seed, out, authority, lambda done, total: bar.update(task, completed=done, total=total)
            )
    except PostcodesUnavailableError as error:
        raise ConnectionProblem(str(error)) from error
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    rows = sum(made.rows.values())
    console.print(
        f"{made.children} children, {rows} rows in {len(made.folders)} returns, {made.enrolments} enrolments in {out}"
    )


def demonstrate(data: Path, console: Console) -> None:
    """Load the sample into the running system and say where to look."""
    folder, authority = data / "sample", DEMO_AUTHORITY
    if not (folder / "enrolments.csv").exists():
        make_sample(folder, children=120, years="2024-2026", seed=1, authority=authority, console=printing(stderr=True))
    returns = sorted(p for p in folder.iterdir() if p.is_dir())
    console.print("Loading a generated authority; its corrections are what a later year's return says otherwise.")
    ssda903(returns, authority, data=data)
    enrolments(folder / "enrolments.csv", authority, data=data)
    place = installation(data)
    child = asyncio.run(_a_child(place, authority))
    console.print()
    console.print("Look at:", style="bold")
    for title, service, path in (
        ("one child's journey", "journey", f"/pages/children/{child}"),
        ("every child of the authority", "journey", "/pages/children"),
        ("the virtual school roll", "education", "/pages/roll"),
    ):
        console.print(
            f"  {title:30} {sign_in(place, issuer_key(data), service, path)}", soft_wrap=True, highlight=False
        )
    console.print(
        f"  (each of these addresses signs in for one hour, to read the children of {authority} only)", highlight=False
    )
    kept = "" if data == DEFAULT_DATA else f" --data {data}"
    command = f"{_program()} history {child}{kept}"
    console.print(f"  {'the same in the terminal':30} {command}", soft_wrap=True, highlight=False)
    for service in SERVICES:
        console.print(f"  {'API of ' + service:30} {place.urls[service]}/docs", soft_wrap=True, highlight=False)
    console.print(f"Stop it with `{_program()} down{kept}`; everything is kept in {data}.", highlight=False)


def _program() -> str:
    """How this program was called, so that a line can be copied."""
    called = Path(sys.argv[0])
    return "carejourney" if shutil.which("carejourney") else os.path.relpath(called)


def sign_in(place: Installation, key: Path, service: str, path: str) -> str:
    """An address that signs a browser in and goes on to a page; for the development issuer only.

    An address stays in histories and logs: its token reads the demo's children for an hour, and no more.
    """
    token = mint(key, "demo-reader", [PAGE_ROLE], [DEMO_AUTHORITY], seconds=SIGN_IN_SECONDS)
    return f"{place.urls[service]}/sign-in?token={token}&next={path}"


async def _a_child(place: Installation, authority: str) -> str:
    """The child of the sample whose journey has the most to show."""
    best, most = "", -1
    try:
        async with (
            place.client("journey") as client,
            client.stream("GET", "/histories", params={"authority": authority}) as answer,
        ):
            answer.raise_for_status()
            async for line in answer.aiter_lines():
                found = json.loads(line)
                shown = sum(min(len(found["lanes"][lane]), 6) for lane in TO_SHOW)
                best, most = max((best, most), (found["child"], shown), key=lambda one: one[1])
    except httpx.HTTPError as error:
        raise told(error) from error
    return best
