"""`POST /facts`: facts of any kind of one service, one JSON object a line, as `carejourney record` sends them.

A line carries a command id of its own, made of what it says, so that it counts once for ever however often it is sent.
What is remembered, and published as the correlation, is made of it with the child's key: what a line says cannot be
guessed from it.
A line that is refused is not remembered: sent again when it fits, it is taken.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from fastapi import APIRouter, Request, Response, Security

from carejourney.access import Caller, caller
from carejourney.commands import Command, Decide, Decided, State, carry_out, context_of
from carejourney.errors import Malformed, NotFound, Refusal
from carejourney.families.correcting import PLAIN, Reason, correct, retract
from carejourney.families.deciding import record
from carejourney.families.recording import Recording, Statement, checked, dated, fitting, malformed
from carejourney.keys import SubjectKey
from carejourney.openapi import LINES, of_lines
from carejourney.store import Store

MAX_LINES: Final = 2_000
UNKNOWN: Final = "no child of that pseudonym is known here"


class Line(msgspec.Struct, frozen=True):
    """One fact, or a correction of one where `corrects` names it: with `content` what was so, else with a `reason`.

    `run` is the run of the program that sends it: what an earlier run recorded is not counted again.
    """

    command_id: UUID
    run: UUID
    subject: UUID
    authority: str
    type: str
    effective: str | None = None
    content: dict[str, Any] | None = None
    concerns: tuple[UUID, ...] = ()
    causation: UUID | None = None
    corrects: UUID | None = None
    reason: Reason | None = None


class Answer(msgspec.Struct, frozen=True):
    """What became of one line; `stands` is the fact that it stated, as it stands now."""

    command_id: UUID
    facts: int
    corrections: int
    stands: UUID | None
    refused: dict[str, Any] | None


_COMMAND: Final = "0197a3c2-7e11-5b52-8d04-6a1f3c5e9b20"
_TAKEN: Final = {
    "command_id": _COMMAND, "facts": 1, "corrections": 0, "stands": "0197a3c2-5d20-7b14-8a1e-0c5e3d9f7a42",
    "refused": None,
}  # fmt: skip


def _example(recording: Recording) -> dict[str, Any]:
    cls = next(iter(recording.facts.values()))
    sample = recording.sample(cls)
    told = {"command_id": _COMMAND, "run": "0197a3c2-7e10-5b52-8d04-6a1f3c5e9b21", "authority": "E08000025"}
    day = {"effective": sample.effective} if sample.effective else {}
    return {
        **told,
        "subject": "0197a3c2-5d1e-7c3a-9b60-2f4d8a6b1c05",
        "type": cls.wire,
        **day,
        "content": sample.content,
    }


def line_router(recording: Recording) -> APIRouter:
    """The endpoint; it answers one line for each, in the same order."""
    router = APIRouter(tags=["facts"])
    decode = msgspec.json.Decoder(Line).decode

    asked = {"content": of_lines(_example(recording), Line), "required": True}
    answered: dict[int | str, dict[str, Any]] = {
        200: {"description": "What became of each line, in their order.", "content": of_lines(_TAKEN, Answer)}
    }

    @router.post(
        "/facts",
        summary="Record facts of any kind, one JSON object a line.",
        responses=answered,
        openapi_extra={"requestBody": asked},
    )
    async def take(
        request: Request, who: Annotated[Caller, Security(caller, scopes=["import", *recording.roles])]
    ) -> Response:
        lines = _lines(await request.body(), decode)
        for authority in {line.authority for line in lines}:
            who.may_for(authority, "import", *recording.roles)
        store: Store = request.app.state.running.store
        answers = await _take(store, recording, lines, who)
        body = b"".join(msgspec.json.encode(answer) + b"\n" for answer in answers)
        return Response(body, media_type=LINES)

    return router


def _lines(body: bytes, decode: Any) -> list[Line]:
    texts = [text for text in body.splitlines() if text.strip()]
    if len(texts) > MAX_LINES:
        raise Malformed(f"at most {MAX_LINES} lines are taken at once; send the rest in another request")
    found = []
    for number, text in enumerate(texts, start=1):
        try:
            found.append(decode(text))
        except (msgspec.DecodeError, ValueError) as error:
            raise Malformed(f"line {number} is not a fact: {error}", line=number) from error
    return found


async def _strangers(store: Store, lines: Sequence[Line]) -> set[int]:
    """The lines about a child of another authority than they say: to the sender it looks like an unknown child."""
    subjects = sorted({line.subject for line in lines})
    rows = await store.pool.fetch("select distinct subject, authority from lane where subject = any($1)", subjects)
    known = {row["subject"]: row["authority"] for row in rows}
    return {n for n, line in enumerate(lines) if known.get(line.subject, line.authority) != line.authority}


async def _take(store: Store, recording: Recording, lines: Sequence[Line], who: Caller) -> list[dict[str, Any]]:
    """All lines in one transaction; where a rule refuses one of them, each in its own."""
    refused = {n: _refused(NotFound(UNKNOWN)) for n in await _strangers(store, lines)}
    keys = await store.keys.of({line.subject for line in lines})
    commands: dict[int, Command] = {}
    for n, line in enumerate(lines):
        if n in refused:
            continue
        try:
            commands[n] = _command(line, recording, store.source, who, keys.get(line.subject))
        except Refusal as refusal:
            refused[n] = _refused(refusal)
    try:
        answered = dict(zip(commands, await carry_out(store, list(commands.values()), now=_now()), strict=True))
    except Refusal:
        answered = {n: await _alone(store, command) for n, command in commands.items()}
    found = {**answered, **refused}
    return [_answer(line, found[n]) for n, line in enumerate(lines)]


async def _alone(store: Store, command: Command) -> dict[str, Any]:
    try:
        (answer,) = await carry_out(store, [command], now=_now())
    except Refusal as refusal:
        return _refused(refusal)
    return answer


def _now() -> datetime:
    return datetime.now(UTC)


def _command(line: Line, recording: Recording, source: str, who: Caller, key: SubjectKey | None) -> Command:
    decide = fitting(_decision(line, recording))

    def noted(state: State) -> Decided:
        decided = decide(state)
        decided.notes["run"] = str(line.run)
        return decided

    # Without a key the line is refused, and nothing of it is remembered.
    remembered = UUID(hex=key.fingerprint(line.command_id.bytes)[:32], version=5) if key else line.command_id
    context = context_of(who, source, line.authority, remembered, origin="import", role=("import",), stated_in="record")
    return Command(remembered, line.subject, noted, context)


def _decision(line: Line, recording: Recording) -> Decide:
    cls = recording.kind(line.type)
    if line.corrects is None and line.reason is not None:
        raise malformed("corrects", "a retraction names the fact that never was so")
    if line.corrects is None:
        body = checked(cls, line.content or {})
        concerns = tuple(str(one) for one in line.concerns)
        cause = str(line.causation) if line.causation else None
        return partial(record, recording, Statement(body, dated(cls, body, line.effective), concerns, cause))
    if line.content is None:
        return partial(retract, recording, str(line.corrects), line.reason or PLAIN)
    checked(cls, line.content)
    return partial(correct, recording, str(line.corrects), line.effective, line.content)


def _refused(refusal: Refusal) -> dict[str, Any]:
    places: Any = refusal.extra.get("fields") or [{}]
    name = places[0].get("field")
    return {"refused": {"field": name, "reason": refusal.detail.removeprefix(f"{name}: "), "class": refusal.slug}}


def _answer(line: Line, found: Mapping[str, Any]) -> dict[str, Any]:
    """What became of a line; what an earlier run of the same line recorded counts nothing now."""
    if "refused" in found:
        return {"command_id": line.command_id, "facts": 0, "corrections": 0, "stands": None, **found}
    fresh = found.get("run") == str(line.run)
    return {
        "command_id": line.command_id,
        "facts": found["facts"] if fresh else 0,
        "corrections": found["corrections"] if fresh else 0,
        "stands": found.get("stands"),
        "refused": None,
    }
