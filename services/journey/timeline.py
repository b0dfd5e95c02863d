"""A history as a page shows it: sections with rows in words, a picture of the whole, and what is doubtful in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from carejourney.web.wording import day as worded_day
from services.journey.days import day_of
from services.journey.episodes import EPISODE_FIELDS
from services.journey.glance import Glance, glance
from services.journey.wording import (
    HIDDEN,
    TIMELESS,
    WORDINGS,
    details,
    headline,
    label,
    moment,
    period,
    plain,
    wording,
)

ALWAYS: Final = (
    "care", "legal_status", "placement", "transition", "school", "health", "health_assessment", "missing",
    "return_interview", "review", "birthday",
)  # fmt: skip
NOT_IN_SECTIONS: Final = ("move", "episode", "identity")
Interval = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One interval in words."""

    when: str
    what: str
    details: Sequence[tuple[str, str]]
    was: Sequence[str]
    source: str
    known: str
    historic: bool
    doubts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Section:
    """One lane in words."""

    lane: str
    title: str
    empty: str
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Doubt:
    """One contradiction in words."""

    title: str
    lane: str
    when: str
    reason: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """The whole page of one child."""

    summary: Sequence[tuple[str, str]]
    picture: Glance | None
    doubts: Sequence[Doubt]
    sections: Sequence[Section]
    episodes: Sequence[Interval]
    episode_corrections: Sequence[str]
    withheld: Sequence[str]
    empty: bool


def timeline(told: Mapping[str, Any], today: date) -> Timeline:
    """The page of a history."""
    lanes: Mapping[str, Sequence[Interval]] = told["lanes"]
    reasons = {(c["lane"], c["rule"]): c["reason"] for c in told["contradictions"]}
    elsewhere = {*ALWAYS, *TIMELESS, *NOT_IN_SECTIONS}
    others = [lane for lane in dict.fromkeys((*WORDINGS, *lanes)) if lane not in elsewhere and lanes.get(lane)]
    return Timeline(
        summary=_summary(lanes),
        picture=glance(lanes, today),
        doubts=[_doubt(c) for c in told["contradictions"]],
        sections=[_section(lane, lanes.get(lane, ()), reasons) for lane in (*ALWAYS, *others)],
        episodes=lanes["episode"],
        episode_corrections=[
            f"Episode of {moment(i['from'])}. {said}" for i in lanes["episode"] for said in _earlier("episode", i)
        ],
        withheld=[_title(lane) for lane in told["withheld"]],
        empty=not any(intervals for lane, intervals in lanes.items() if lane != "identity"),
    )


def _title(lane: str) -> str:
    return wording(lane).title


def _summary(lanes: Mapping[str, Sequence[Interval]]) -> list[tuple[str, str]]:
    now = [("In care", _care(lanes["care"]))]
    for lane in ("legal_status", "placement", "school"):
        held = [i for i in lanes[lane] if i["until"] is None]
        if held:
            title = _title(lane) if lane != "placement" else "Placement"
            now.append((title, WORDINGS[lane].headline(held[-1]["value"])))
    away = [i for i in lanes["missing"] if i["until"] is None]
    if away:
        now.append(("Missing", f"{WORDINGS['missing'].headline(away[-1]['value'])}, since {moment(away[-1]['from'])}"))
    stated = [pair for lane in TIMELESS for i in lanes[lane] for pair in _timeless(lane, i)]
    return [*now, *stated]


def _timeless(lane: str, interval: Interval) -> list[tuple[str, str]]:
    if lane == "unaccompanied":
        ceased = interval["value"].get("ceased_on")
        return [("Unaccompanied asylum seeker", f"Until {plain(ceased)}" if ceased else "Yes")]
    return details(lane, interval["value"])


def _care(periods: Sequence[Interval]) -> str:
    if not periods:
        return "No period of care is stated"
    latest = periods[-1]
    begun = "on or before " if latest["value"]["on_or_before"] else ""
    since = f"{begun}{moment(latest['from'])}"
    return f"Since {since}" if latest["until"] is None else f"From {since} to {moment(latest['until'])}"


def _section(lane: str, intervals: Sequence[Interval], reasons: Mapping[tuple[str, str], str]) -> Section:
    rows = [_row(lane, interval, reasons) for interval in reversed(intervals)]
    return Section(lane, wording(lane).title, wording(lane).empty, rows)


def _row(lane: str, interval: Interval, reasons: Mapping[tuple[str, str], str]) -> Row:
    value = interval["value"]
    stated = f", from {', '.join(interval['stated_in'])}" if interval["stated_in"] else ""
    return Row(
        when=_when(lane, interval),
        what=headline(lane, interval),
        details=_changes(value) if lane == "transition" else details(lane, value),
        was=_earlier(lane, interval),
        source=f"{interval['source'].replace('_', ' ').capitalize()}{stated}",
        known=worded_day(day_of(interval["recorded"])),
        historic=interval["historic"],
        doubts=[reasons.get((lane, rule), rule) for rule in interval["contradictions"]],
    )


def _when(lane: str, interval: Interval) -> str:
    if lane != "transition":
        return period(lane, interval)
    days = [moment(change["on"]) for change in interval["value"]["changes"]]
    return days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"


def _changes(value: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(label(change["kind"]), f"{_change(change)}, {moment(change['on'])}") for change in value["changes"]]


def _change(change: Mapping[str, Any]) -> str:
    value = change["value"]
    match change["kind"]:
        case "placement":
            said = [f"{plain(value['from_type'])} to {plain(value['to_type'])}", *_circumstances(value)]
            return "; ".join(said)
        case "school":
            return f"began at {value['school']} ({plain(value['reason'])})"
        case _:
            return f"{plain(value['previous'])} to {plain(value['legal_status'])}"


def _circumstances(move: Mapping[str, Any]) -> list[str]:
    said = [plain(move["reason"])] if move["reason"] else []
    if move["manner"] != "not_stated":
        said.append(plain(move["manner"]))
    if not move["carer_changed"]:
        said.append("same carer")
    return said


def _earlier(lane: str, interval: Interval) -> list[str]:
    """What was said before a correction: the day, where it was another, and what differs from what is said now."""
    return [_form(lane, interval, form) for form in interval.get("was", ())]


def _form(lane: str, interval: Interval, form: Mapping[str, Any]) -> str:
    since = worded_day(day_of(form["recorded"]))
    if form["value"] is None:
        return f"Withdrawn on {since}"
    now = {"legal_status": interval["value"]} if lane == "legal_status" else interval["value"]
    then = {_alias(lane, name, now): value for name, value in form["value"].items()}
    shared = {name: value for name, value in then.items() if name in now and now[name] != value}
    stated = {name: value for name, value in then.items() if value is not None and name not in HIDDEN}
    said = [_field(name, value) for name, value in (shared if then.keys() & now.keys() else stated).items()]
    if form["effective"] not in {interval["from"], interval["until"]}:
        said.insert(0, moment(form["effective"]))
    return f"Said on {since}: {'; '.join(said) or 'the same'}"


def _alias(lane: str, name: str, now: Mapping[str, Any]) -> str:
    """What a fact's field is called in the value of its interval."""
    if name == "reason" and "reason_ended" in now:
        return "reason_ended"
    return EPISODE_FIELDS.get(name, name) if lane == "episode" else name


def _field(name: str, value: Any) -> str:
    return f"{label(name)} not stated" if value is None else f"{label(name)} {plain(value)}"


def _doubt(one: Mapping[str, Any]) -> Doubt:
    start, until = one["from"], one["until"]
    when = moment(start) if start else "Whole life"
    if until and until != start:
        when = f"{when} to {moment(until)}"
    return Doubt(_title(one["lane"]), one["lane"], when, one["reason"])
