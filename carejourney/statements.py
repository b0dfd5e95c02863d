"""What a return states about one child, as a service is told it: the endpoint, its lines, and its answers."""

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from fastapi import APIRouter, Request, Response, Security

from carejourney.access import Caller, caller
from carejourney.commands import Command, Decided, State, carry_out, context_of
from carejourney.errors import Forbidden, Malformed, NotFound, Refusal
from carejourney.openapi import LINES, of_lines, problems
from carejourney.stated import Memory, Stated
from carejourney.store import Store

MAX_LINES: Final = 2_000
_DAY: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_GONE: Final = "was stated before and is not in this return"
_STAYS: Final = "; it stays, as a later year's return states it"
Day = Annotated[str, msgspec.Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


class Line(msgspec.Struct, frozen=True):
    """One child's rows of the tables this service owns; a table of the return without a row for the child is []."""

    command_id: UUID
    subject: UUID
    authority: str
    year: int | None
    tables: dict[str, list[dict[str, Any]]]
    known_from: Day | None = None
    complete: bool = False
    partial: frozenset[str] = frozenset()

    def whole(self, table: str) -> bool:
        """Whether the line has every row of the child that the return's table has: none was refused before."""
        return table not in self.partial


@dataclass(slots=True)
class Findings:
    """What was refused and what was flagged, by table and row reference, and which facts the return `stated`."""

    refused: list[dict[str, Any]] = field(default_factory=list)
    flagged: list[dict[str, Any]] = field(default_factory=list)
    stated: Stated = field(default_factory=Stated)

    def refuse(
        self, table: str, row: Mapping[str, Any], column: str, value_class: str, reason: str, remedy: str
    ) -> None:
        self.refused.append(
            {
                "table": table,
                "ref": row.get("ref"),
                "column": column.upper(),
                "value_class": value_class,
                "reason": reason,
                "remedy": remedy,
            }
        )

    def flag(self, table: str, row: Mapping[str, Any] | None, column: str, rule: str, reason: str) -> None:
        ref = row.get("ref") if row else None
        self.flagged.append({"table": table, "ref": ref, "column": column.upper(), "rule": rule, "reason": reason})

    def older_return(self, table: str, row: Mapping[str, Any]) -> None:
        """Flag, once, a row whose return is of an earlier year than the one that says otherwise."""
        said = {(one["table"], one["ref"]) for one in self.flagged if one["rule"] == "older_return"}
        if (table, row.get("ref")) not in said:
            reason = "differs from what a later year's return states, which stands"
            self.flag(table, row, "CHILD", "older_return", reason)

    def vanished(self, table: str, column: str, which: str, *, carried: bool = False, later: bool = False) -> None:
        """Flag a row that was stated before and is gone; `which` is the day in its column, or what else tells it.

        Where it is `carried`, it was said elsewhere, but this return has to state it too. It stays where a `later`
        year's return states it.
        """
        day = _DAY.fullmatch(which)
        told = f"with {column} {day[3]}/{day[2]}/{day[1]}" if day else which
        reason = "belongs in this return as well, but is not in it" if carried else _GONE + _STAYS * later
        self.flag(table, None, column, "vanished", f"the row of {table} {told} {reason}")

    def notes(self) -> dict[str, Any]:
        return {"refused": self.refused, "flagged": self.flagged}


StateReturn = Callable[[State, Line, Findings], Decided]
Tables = Mapping[str, Sequence[Mapping[str, Any]]]


class Answer(msgspec.Struct, frozen=True):
    """What became of one line; `ref` in what was refused or flagged is the row's."""

    subject: UUID
    version: int
    facts: int
    corrections: int
    refused: list[dict[str, Any]]
    flagged: list[dict[str, Any]]


_SUBJECT: Final = "0197a3c2-5d1e-7c3a-9b60-2f4d8a6b1c05"
_TAKEN: Final = {"subject": _SUBJECT, "version": 3, "facts": 2, "corrections": 0, "refused": [], "flagged": []}


def example_line(tables: Tables, year: int | None) -> dict[str, Any]:
    """A line as the documentation shows it."""
    return {
        "command_id": "0197a3c2-7e11-7b52-8d04-6a1f3c5e9b20", "subject": _SUBJECT, "authority": "E08000025",
        "year": year, "tables": tables,
    }  # fmt: skip


def statement_router(
    path: str, kind: str, decide: StateReturn, example: Tables, *, year: int | None = None, remembers: bool = False
) -> APIRouter:
    """`POST path` takes what a return states, one child a line, and answers in the same order, one line a child.

    A line carries its own command id, so that a batch sent again changes nothing. `example` is what the documentation
    shows as the tables of one line, of the collection year `year`. A service that `remembers` which facts each return
    stated has the table for it (`carejourney.stated`).
    """
    router = APIRouter(tags=["imports"])
    decode = msgspec.json.Decoder(Line)
    asked = {
        "description": f"One object a line, for one child each; at most {MAX_LINES} lines.",
        "required": True,
        "content": of_lines(example_line(example, year), Line),
    }
    answered: dict[int | str, dict[str, Any]] = {
        200: {"description": "What became of each line, in their order.", "content": of_lines(_TAKEN, Answer)}
    }

    @router.post(
        path,
        summary=f"Take what a return states, one child a line ({kind}).",
        response_class=Response,
        responses=answered | problems(Refusal, NotFound),
        openapi_extra={"requestBody": asked},
    )
    async def state(request: Request, who: Annotated[Caller, Security(caller, scopes=("import",))]) -> Response:
        lines = [line async for line in _lines(request, decode)]
        _check_rights(who, lines)
        store: Store = request.app.state.running.store
        await _check_authorities(store, lines)
        memory = Memory()
        commands = [_command(line, who, store.source, decide, kind, memory) for line in lines]
        beside = memory.beside if remembers else None
        answers = await carry_out(store, commands, now=datetime.now(UTC), beside=beside)
        body = b"".join(msgspec.json.encode({k: v for k, v in a.items() if k != "recorded"}) + b"\n" for a in answers)
        return Response(body, media_type=LINES)

    return router


async def _lines(request: Request, decode: msgspec.json.Decoder[Line]) -> AsyncIterator[Line]:
    number = 0
    for text in (await request.body()).splitlines():
        if not text.strip():
            continue
        number += 1
        if number > MAX_LINES:
            raise Malformed(f"at most {MAX_LINES} lines are taken at once; send the rest in another request")
        try:
            yield decode.decode(text)
        except (msgspec.DecodeError, ValueError) as error:
            raise Malformed(f"line {number} is not a statement: {error}", line=number) from error


def _check_rights(who: Caller, lines: list[Line]) -> None:
    for authority in {line.authority for line in lines}:
        who.may_for(authority, "import")
    if any(line.known_from for line in lines):
        who.may("historic-load")


async def _check_authorities(store: Store, lines: list[Line]) -> None:
    """A child heard of under one authority cannot be stated by another."""
    stated = {line.subject: line.authority for line in lines}
    rows = await store.pool.fetch("select distinct subject, authority from lane where subject = any($1)", list(stated))
    if any(authority != stated[subject] for subject, authority in rows):
        raise Forbidden("a line states a child of another authority; send each child under its own")


def _command(line: Line, who: Caller, source: str, decide: StateReturn, kind: str, memory: Memory) -> Command:
    def decided(state: State) -> Decided:
        findings = Findings(stated=memory.of(line.subject))
        try:
            outcome = decide(state, line, findings)
        except (KeyError, TypeError, ValueError) as error:
            raise Malformed(
                f"a row of {', '.join(sorted(line.tables))} cannot be read: a column is missing, or a value has not the"
                f" form of the table ({type(error).__name__})"
            ) from error
        outcome.notes.update(findings.notes())
        return outcome

    context = context_of(
        who, source, line.authority, line.command_id, origin="import", role=("import",),
        known_from=line.known_from, stated_in=f"{kind}/{line.year}" if line.year else kind,
    )  # fmt: skip
    return Command(line.command_id, line.subject, decided, context, erased=_of_an_erased_child(line))


def _of_an_erased_child(line: Line) -> dict[str, Any]:
    """What is answered of a child who was erased while the return was on its way: each row is refused."""
    findings = Findings()
    for table, rows in line.tables.items():
        for row in rows:
            findings.refuse(
                table, row, "child", "a child who was erased", "the record of this child was erased meanwhile",
                "import the return again: the child is then a new one",
            )  # fmt: skip
    return findings.notes()
