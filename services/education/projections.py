"""The virtual roll: one row for each child an authority is or was responsible for, as the virtual school needs it.

Every fact of another lane only touches what its lane owns, so that the order of arrival does not matter.
"""

from collections.abc import Callable
from datetime import date
from typing import Any, Final

import msgspec

from carejourney.envelope import CORRECTED, RETRACTED
from carejourney.projection import Projection, Secrets
from carejourney.standing import Standing
from services.education.tables import VIRTUAL_ROLL


class Spell(msgspec.Struct, frozen=True):
    """A school from its first day on; `id` is that of the fact. `urn` and `school` stay sealed."""

    id: str
    urn: str
    school: str
    start: str
    reason: str


class Child(msgspec.Struct, frozen=True):
    """What is kept of one child. `local_id`, `born` and `upn` stay sealed; days are ISO texts.

    `said` is the latest instant of knowledge with the authority that spoke then. `away` holds incidents without a
    return, `returned` returns whose incident has not been heard of.
    """

    said: tuple[str, str] = ("", "")
    local_id: str | None = None
    born: str | None = None
    upn: str | None = None
    upn_unknown: str | None = None
    entered: str | None = None
    on_or_before: bool = False
    left: str | None = None
    placement_area: str | None = None
    moves: tuple[str, ...] = ()
    schools: tuple[Spell, ...] = ()
    school_ends: dict[str, str] = {}
    away: tuple[str, ...] = ()
    returned: tuple[str, ...] = ()
    adult: bool = False


def subject_registered(child: Child, fact: Standing) -> Child:
    return msgspec.structs.replace(child, local_id=fact.data.get("local_id"))


def child_details_recorded(child: Child, fact: Standing) -> Child:
    return msgspec.structs.replace(child, born=fact.data.get("date_of_birth"))


def child_entered_care(child: Child, fact: Standing) -> Child:
    before = bool(fact.data.get("on_or_before"))
    return msgspec.structs.replace(child, entered=_day(fact), on_or_before=before, left=None)


def child_left_care(child: Child, fact: Standing) -> Child:
    return msgspec.structs.replace(child, left=_day(fact))


def placement_started(child: Child, fact: Standing) -> Child:
    return msgspec.structs.replace(child, placement_area=fact.data.get("placement_area"))


def placement_moved(child: Child, fact: Standing) -> Child:
    return msgspec.structs.replace(child, moves=(*child.moves, _day(fact)))


def child_went_missing(child: Child, fact: Standing) -> Child:
    if fact.id in child.returned:
        return msgspec.structs.replace(child, returned=_without(child.returned, fact.id))
    return msgspec.structs.replace(child, away=_with(child.away, fact.id))


def child_returned(child: Child, fact: Standing) -> Child:
    incident = str(fact.data.get("incident"))
    if incident in child.away:
        return msgspec.structs.replace(child, away=_without(child.away, incident))
    return msgspec.structs.replace(child, returned=_with(child.returned, incident))


def upn_recorded(child: Child, fact: Standing) -> Child:
    return msgspec.structs.replace(child, upn=fact.data.get("upn"), upn_unknown=fact.data.get("unknown_because"))


def school_changed(child: Child, fact: Standing) -> Child:
    data = fact.data
    spell = Spell(fact.id, str(data.get("urn")), str(data.get("school")), _day(fact), str(data.get("reason", "other")))
    return msgspec.structs.replace(child, schools=(*child.schools, spell))


def school_left(child: Child, fact: Standing) -> Child:
    ends = {**child.school_ends, str(fact.data.get("enrolment")): _day(fact)}
    return msgspec.structs.replace(child, school_ends=ends)


def turned_eighteen(child: Child, _: Standing) -> Child:
    return msgspec.structs.replace(child, adult=True)


STEPS: Final[dict[str, Callable[[Child, Standing], Child]]] = {
    "placement.subject_registered": subject_registered,
    "placement.child_details_recorded": child_details_recorded,
    "placement.child_entered_care": child_entered_care,
    "placement.child_left_care": child_left_care,
    "placement.placement_started": placement_started,
    "placement.placement_moved": placement_moved,
    "missing.child_went_missing": child_went_missing,
    "missing.child_returned": child_returned,
    "education.upn_recorded": upn_recorded,
    "education.school_changed": school_changed,
    "education.school_left": school_left,
    "leaving_care.turned_eighteen": turned_eighteen,
}


def evolve(child: Child, fact: Standing) -> Child:
    after = STEPS[fact.type](child, fact)
    return msgspec.structs.replace(after, said=max(child.said, (fact.known, fact.authority)))


def row(child: Child, secrets: Secrets) -> dict[str, Any] | None:
    """The child's place on the roll; none for a child of whom no care is known."""
    if child.entered is None:
        return None
    authority = child.said[1]
    local_id, upn = secrets.open("local_id", child.local_id), secrets.open("upn", child.upn)
    return {
        "authority": authority,
        "local_id": child.local_id,
        "local_id_digest": secrets.digest(local_id_text(authority, local_id)) if local_id else None,
        "upn": child.upn,
        "upn_digest": secrets.digest(upn_text(upn)) if upn else None,
        "in_care": child.left is None,
        "entered_on": date.fromisoformat(child.entered),
        "on_or_before": child.on_or_before,
        "left_on": date.fromisoformat(child.left) if child.left else None,
        "last_moved_on": date.fromisoformat(child.moves[-1]) if child.moves else None,
        "out_of_area": out_of_area(child),
        "missing_now": bool(child.away),
        "turned_eighteen": child.adult,
    }


def out_of_area(child: Child) -> bool | None:
    """Whether the placement lies in another authority's area; None out of care, or where its area is not known."""
    if child.left is not None or not child.placement_area:
        return None
    return child.placement_area != child.said[1]


def local_id_text(authority: str, local_id: str) -> str:
    """What is digested to find a child by local id."""
    return f"{authority}:{local_id}"


def upn_text(upn: str) -> str:
    """What is digested to find a child by unique pupil number."""
    return f"upn:{upn}"


def _with(some: tuple[str, ...], one: str) -> tuple[str, ...]:
    return tuple(sorted({*some, one}))


def _without(some: tuple[str, ...], one: str) -> tuple[str, ...]:
    return tuple(other for other in some if other != one)


def _day(fact: Standing) -> str:
    return (fact.effective or "")[:10]


SEALED: Final = frozenset(
    {"local_id", "upn", "state.local_id", "state.born", "state.upn", "state.schools.urn", "state.schools.school"}
)
ROLL: Final = Projection("virtual_roll", 2, VIRTUAL_ROLL, Child, frozenset(STEPS), evolve, row, SEALED)
PROJECTIONS: Final = (ROLL,)
KEPT: Final = frozenset(STEPS) | {CORRECTED, RETRACTED}
