"""The same facts for different readers: pure functions of lanes, each leaving out what its reader need not know.

`Lanes` are those of a history (`services.journey.history`). `now` holds what is so on one day, `ever` all there is.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from services.journey.days import day_of
from services.journey.sharing.viewing import Lanes

Shown = dict[str, Any]
Interval = Mapping[str, Any]

TEAM: Final[Mapping[str, str]] = {
    "social_worker": "social_worker", "iro": "iro", "advocate": "advocate", "personal_adviser": "personal_adviser",
    "designated_teacher": "teacher",
}  # fmt: skip
NUMBERS: Final[Mapping[str, str]] = {"uln": "learner_number", "upn": "upn"}
EARLY: Final = ("adverse_experience", "developmental_concern")
EDUCATION_LANES: Final = ("school", "pep", "pep_review", "attendance", "school_work", "education_support")
LEVELS: Final[Mapping[str, frozenset[str]]] = {
    "carer": frozenset({"day_to_day"}),
    "casework": frozenset({"day_to_day", "placement", "education", "strategic"}),
}


def team(now: Lanes) -> list[Shown]:
    """Who works with the child: role, agency where one is stated, pseudonym, since when."""
    members = [_member(one, role, None) for lane, role in TEAM.items() for one in now[lane]]
    members += [_member(one, one["value"]["role"]["code"], None) for one in now["role"]]
    members += [
        _member(one, one["value"]["role"]["code"], one["value"]["agency"]["code"]) for one in now["team"]
    ]  # fmt: skip
    return sorted(members, key=lambda m: (m["since"] or "", m["role"], m["worker"]))


def _member(one: Interval, role: str, agency: str | None) -> Shown:
    return {"worker": one["value"]["worker"], "role": role, "agency": agency, "since": one["from"]}


def carer_view(now: Lanes, ever: Lanes) -> Shown:
    """What a carer needs today: school, health in plain words, contact, what the carer may decide, whom to call."""
    return {
        "school": _values(now["school"]),
        "health": {"summary": _latest(ever["health_summary"]), "gp": _latest(ever["gp"])},
        "contact": _values(now["contact_plan"]),
        "delegated": _values(one for one in now["delegated_authority"] if one["value"]["holder"]["code"] == "carer"),
        "call": team(now),
    }


def school_view(now: Lanes, ever: Lanes) -> Shown:
    """What the designated teacher needs: that the child is in care, whom to call, what the school was told."""
    return {
        "in_care": bool(now["care"]),
        "call": [one for one in team(now) if one["role"] in {"social_worker", "carer", "lead_professional"}],
        "shared": [{"on": one["from"], **one["value"]} for one in ever["school_information"]],
    }


def education_record(ever: Lanes) -> Shown:
    """Plans, attendance, schools and work, so that a new school or carer need not begin anew."""
    return {lane: [_told(one) for one in ever[lane]] for lane in EDUCATION_LANES}


def health_summaries(ever: Lanes, audience: str) -> list[Shown]:
    """The summaries written for one agency, newest first, and nothing else of the child's health."""
    mine = [one for one in ever["health_summary"] if one["value"]["audience"]["code"] == audience]
    return [
        {"on": one["from"], "summary": one["value"]["plain_summary"], "basis": one["value"]["consent_basis"]}
        for one in reversed(mine)
    ]


def disclosures(ever: Lanes) -> Shown:
    """Who was told that the child is in care, what agencies told each other, and who looked at the record."""
    lanes = ("disclosure", "information_shared", "school_information", "record_view")
    return {lane: [_told(one) for one in ever[lane]] for lane in lanes}


def agencies(ever: Lanes, sources: Mapping[str, str]) -> list[Shown]:
    """What each agency did, in one order: `sources` says whose facts a service's are."""
    told = [
        {"on": one["from"], "until": one["until"], "agency": one["value"]["agency"]["code"], "what": one["type"]}
        for lane in ("agency_involvement", "team") for one in ever[lane]
    ]  # fmt: skip
    told += [
        {"on": one["from"], "until": one["until"], "agency": sources[one["source"]], "what": one["type"]}
        for lane, intervals in ever.items()
        for one in intervals
        if lane not in {"agency_involvement", "team", "transition"} and one["from"] and one["source"] in sources
    ]
    return sorted(told, key=lambda one: (day_of(one["on"]), one["agency"], one["what"], one["on"]))


def decisions(ever: Lanes, level: str) -> list[Shown]:
    """The decisions of the levels a reader works at; one of which no level is stated is casework."""
    shown = LEVELS[level]
    whole = shown == LEVELS["casework"]
    return [_told(one) for one in ever["decision"] if _level(one) in shown or (whole and _level(one) is None)]


def levels(ever: Lanes) -> dict[str, int]:
    """How many decisions there were at each level."""
    found: dict[str, int] = {}
    for one in ever["decision"]:
        level = _level(one) or "not_stated"
        found[level] = found.get(level, 0) + 1
    return found


def _level(one: Interval) -> str | None:
    level = one["value"].get("level")
    return str(level["code"]) if level else None


def early_chapter(ever: Lanes) -> Shown:
    """What happened to the child early, and what of the child's development gave cause for concern, by age."""
    return {
        "experiences": sorted((_told(one) for one in ever[EARLY[0]]), key=lambda one: _months(one, "from_months")),
        "concerns": sorted((_told(one) for one in ever[EARLY[1]]), key=lambda one: _months(one, "age_months")),
    }


def _months(one: Shown, field: str) -> int:
    return one[field] if one[field] is not None else -1


def identities(ever: Lanes) -> list[Shown]:
    """By which identifier each system knows the child; the latest word of a system counts."""
    found = {one["value"]["system"]["code"]: one["value"]["identifier"] for one in ever["identity_link"]}
    for field, lane in NUMBERS.items():
        for one in ever[lane]:
            found[field] = one["value"][field] or found.get(field)
    return [{"system": system, "identifier": identifier} for system, identifier in sorted(found.items()) if identifier]


def care_experienced(ever: Lanes, day: str) -> bool:
    """Whether the child was ever in care up to a day: with no age, return, adoption or guardian does it expire."""
    return any(one["from"] is not None and day_of(one["from"]) <= day for one in ever["care"])


def _values(intervals: Iterable[Interval]) -> list[Shown]:
    return [dict(one["value"]) for one in intervals]


def _latest(intervals: Iterable[Interval]) -> Shown | None:
    known = list(intervals)
    return {"on": known[-1]["from"], **known[-1]["value"]} if known else None


def _told(one: Interval) -> Shown:
    return {"from": one["from"], "until": one["until"], "what": one["type"], "facts": one["facts"], **one["value"]}
