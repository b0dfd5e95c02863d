"""One command of a person over HTTP: the authority looked up and checked, carried out, answered with its ETag."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import Request, Response

from carejourney.access import Caller
from carejourney.commands import Command, Decide, Decided, State, carry_out, context_of
from carejourney.envelope import SEALED
from carejourney.errors import Gone, NotFound, Refusal, Sealed
from carejourney.ids import derived_id
from carejourney.membership import check_membership

_AUTHORITY = """
select authority, exists(select from received where subject = $1 and type = $2) as sealed from (
  select authority from lane where subject = $1
  union all
  select convert_from(headers, 'UTF8')::json ->> 'ce_authority' from fact where subject = $1
  limit 1
) known
"""


async def authority_of(running: Any, subject: UUID, who: Caller) -> str:
    """The authority answering for a subject, as this service last heard it.

    Raises `NotFound` where the service never heard of the subject, or the caller may not see its authority, `Sealed`
    for the record of an adopted child, whatever day is asked about, `Forbidden` for an agency that left its trust.
    """
    await check_membership(running.pool, who, datetime.now(UTC).date())
    found = await running.pool.fetchrow(_AUTHORITY, subject, SEALED)
    if found is None or not who.sees(found["authority"]):
        raise NotFound("no child of that pseudonym is known here")
    if found["sealed"]:
        raise Sealed("it is opened with the role adoption-records only, for a purpose, and each reading is recorded")
    return str(found["authority"])


async def answer_command(
    request: Request, response: Response, subject: UUID, who: Caller, command: UUID, expected: int | None,
    decide: Decide,
) -> dict[str, Any]:  # fmt: skip
    """Carry out one command; the answer names the facts recorded, and the ETag is the record's new version."""
    running = request.app.state.running
    authority = await authority_of(running, subject, who)
    context = context_of(who, running.store.source, authority, command)
    # Two callers may well choose the same short key: it counts for one child.
    identity = derived_id("command", subject, command)
    content = request.url.path.encode() + b"\n" + await request.body()
    keys = await running.keys.of([subject])
    if running.keys.erased(subject):
        raise Gone("nothing can be added to it; a child who is looked after again is registered anew")
    # Keyed by the child's key: once the child is erased, nobody can try out what was asked.
    asked = keys[subject].fingerprint(content) if subject in keys else ""

    def noted(state: State) -> Decided:
        decided = decide(state)
        decided.notes["asked"] = asked
        return decided

    (answer,) = await carry_out(running.store, [Command(identity, subject, noted, context, expected)])
    if answer.pop("asked", asked) != asked:
        raise Refusal("this Idempotency-Key was used for another request; send a new one")
    response.headers["ETag"] = f'"{answer["version"]}"'
    return answer
