"""Who may look at a part of a child's record today, and the fact that somebody did."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

from carejourney.access import Caller
from carejourney.commands import Command, Decided, State, carry_out, context_of
from carejourney.envelope import Draft, instant
from carejourney.errors import Forbidden
from carejourney.ids import new_id
from carejourney.service import Running
from events.event import Fact
from services.journey.asking import WHOLE_RECORD

Lanes = Mapping[str, Sequence[Mapping[str, Any]]]

EDUCATION: Final = "education"
HEALTH_SUMMARY: Final = "health_summary"
CARER_VIEW: Final = "carer_view"
# Which callers read a part for their whole authority, and in which role that is.
WHOLE: Final[Mapping[str, Mapping[str, str]]] = {
    EDUCATION: {"social-work": "social_work", "review": "review", "virtual-school": "virtual_school"},
    HEALTH_SUMMARY: {"social-work": "social_work", "virtual-school": "virtual_school"},
    CARER_VIEW: {"social-work": "social_work"},
}
CARERS: Final = frozenset({EDUCATION, CARER_VIEW})
SCHOOLS: Final = frozenset({EDUCATION, HEALTH_SUMMARY})


def reader_of(now: Lanes, who: Caller, scope: str, today: date) -> str:
    """In which role the caller reads this part today. Raises `Forbidden` where in none.

    `now` are the lanes of what holds today. A carer is one by being in the child's team, a designated teacher by being
    the child's: who no longer is loses access that day. Others hold a grant that names the part.
    """
    for role, reader in WHOLE[scope].items():
        if role in who.roles:
            return reader
    if "carer" in who.roles and scope in CARERS and _is_carer(now, who.actor):
        return "carer"
    if "school" in who.roles and scope in SCHOOLS and _is_teacher(now, who.actor):
        return "school"
    granted = _granted(now, who.actor, scope, today)
    if granted is None:
        raise Forbidden("this part of the record is open to those who have the child today, and to whom it was granted")
    return granted


def reads_disclosures(now: Lanes, who: Caller, today: date) -> None:
    """Raise `Forbidden` unless the caller keeps the whole record, or is the child, to whom a part of it is granted."""
    if who.roles.isdisjoint(WHOLE_RECORD) and "child" not in _grants(now, who.actor, today).values():
        raise Forbidden("who was told of a child is for the child, and for those who keep the whole record")


def _is_carer(now: Lanes, actor: str) -> bool:
    return any(one["value"]["role"]["code"] == "carer" and one["value"]["worker"] == actor for one in now["team"])


def _is_teacher(now: Lanes, actor: str) -> bool:
    return any(one["value"]["worker"] == actor for one in now["designated_teacher"])


def _granted(now: Lanes, actor: str, scope: str, today: date) -> str | None:
    return _grants(now, actor, today).get(scope)


def _grants(now: Lanes, actor: str, today: date) -> dict[str, str]:
    """The parts that are granted to somebody today, each with the role it is granted in; the first grant counts."""
    held = [one["value"] for one in now["record_access"] if one["value"]["holder"] == actor]
    return {
        str(value["scope"]["code"]): str(value["to_role"]["code"])
        for value in reversed(held)
        if value["until"] is None or value["until"] >= today.isoformat()
    }


async def note_view(
    running: Running, who: Caller, child: UUID, authority: str, body: Fact, *, reader: str = ""
) -> None:  # fmt: skip
    """Record that somebody looked, in the stream of computed facts: nobody's ETag grows stale by being read.

    `reader` is what `reader_of` answered, where the part was opened by one of several roles.
    """
    role = reader.replace("_", "-")
    context = context_of(who, running.store.source, authority, new_id(), role=(role,))
    moment = instant(datetime.now(UTC))

    def looked(state: State) -> Decided:
        return Decided([Draft(state.subject, body, moment, body.destination(), stream="computed")])

    await carry_out(running.store, [Command(new_id(), child, looked, context)])
