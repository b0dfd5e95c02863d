"""How a lane and its values are put into words for a reader."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from carejourney.web.wording import day as worded_day
from events.catalogue import CATALOGUE
from services.journey.days import LONDON
from services.journey.values import Value

_DAY_LENGTH: Final = 10
_YEAR_BEGINS: Final = "-04-01"


@dataclass(frozen=True, slots=True)
class Wording:
    """A lane's title, what is said where it is empty, the headline of a value and the fields the headline uses up."""

    title: str
    empty: str
    headline: Callable[[Value], str]
    used: frozenset[str] = frozenset()


def moment(text: str | None) -> str:
    """`3 March 2026`, with the time in England where an instant is stated."""
    if text is None or len(text) == _DAY_LENGTH:
        return worded_day(text)
    at = datetime.fromisoformat(text).astimezone(LONDON)
    return f"{worded_day(at.date())}, {at:%H:%M}"


def plain(value: Any) -> str:
    """One value in words: a code by its meaning, with a statutory code behind it."""
    if isinstance(value, dict) and "code" in value:
        return str(value["meaning"]) if value["code"].islower() else f"{value['meaning']} ({value['code']})"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str) and _is_day(value):
        return worded_day(value)
    return str(value).replace("_", " ") if isinstance(value, str) else str(value)


def _is_day(text: str) -> bool:
    try:
        return len(text) == _DAY_LENGTH and bool(date.fromisoformat(text))
    except ValueError:
        return False


def label(field: str) -> str:
    """A field's name in words."""
    return LABELS.get(field, field.replace("_", " ").capitalize())


def wording(lane: str) -> Wording:
    """The wording of a lane: its own, or its name and the names of its facts in words."""
    return WORDINGS.get(lane) or Wording(label(lane), "Nothing is stated.", _text(label(lane)))


def headline(lane: str, interval: Mapping[str, Any]) -> str:
    """What an interval says first: the lane's own headline, or what happened, of what kind."""
    value = interval["value"]
    if lane in WORDINGS:
        return WORDINGS[lane].headline(value)
    happened = label(interval["type"].partition(".")[2])
    kind = _named_by(value)
    return f"{happened}: {plain(value[kind])}" if kind else happened


def _named_by(value: Value) -> str | None:
    """The coded field that says of what kind something is."""
    return next((field for field in NAMED_BY if isinstance(value.get(field), dict)), None)


def details(lane: str, value: Value) -> list[tuple[str, str]]:
    """What a value says beyond its headline; what is not stated is left out."""
    used = wording(lane).used if lane in WORDINGS else {_named_by(value)}
    said = {k: v for k, v in value.items() if v is not None and v != "" and k not in used and k not in HIDDEN}
    return [(label(field), _verbatim(lane, field, v)) for field, v in said.items()]


def _verbatim(lane: str, field: str, value: Any) -> str:
    """What somebody wrote, or a number of a register, as it is; anything else in words."""
    written = isinstance(value, str) and field in FREE_TEXT.get(lane, ()) and not _is_day(value)
    return str(value) if written or field in VERBATIM else plain(value)


def period(lane: str, interval: Mapping[str, Any]) -> str:
    """When something was so, in words; `on or before` where no more than that is known."""
    start, until = interval["from"], interval["until"]
    if start is None:
        return "Whole life"
    if lane in YEARLY and until is not None and until.endswith(_YEAR_BEGINS):
        return f"Year to 31 March {until[:4]}"
    if lane in POINTS:
        return moment(start)
    unsure = bool(interval.get("on_or_before"))
    if until is None:
        return f"Since on or before {moment(start)}" if unsure else f"Since {moment(start)}"
    begun = f"On or before {moment(start)}" if unsure else moment(start)
    return f"{begun} to {moment(until)}" if until != start else f"{begun}, ended the same day"


def _changed(value: Value) -> str:
    return " and ".join(label(kind).lower() for kind in value["kinds"]).capitalize() + " changed"


def _missing(value: Value) -> str:
    return str(value["kind"]["meaning"]) if value.get("kind") else "Missing"


def _assessment(value: Value) -> str:
    return f"{plain(value['kind']).capitalize()} assessment"


def _free_text() -> Mapping[str, frozenset[str]]:
    """Personal fields by lane: free text, but for days."""
    found: dict[str, frozenset[str]] = {}
    for cls in CATALOGUE.values():
        found[cls.lane] = found.get(cls.lane, frozenset()).union(cls.personal_fields())
    return found


def _of(field: str) -> Callable[[Value], str]:
    return lambda value: plain(value[field]) if value.get(field) is not None else "Not stated"


def _text(words: str) -> Callable[[Value], str]:
    return lambda _: words


_LINKS: Final = frozenset(cls.link for cls in CATALOGUE.values() if cls.link)
NAMED_BY: Final = ("role", "kind", "about", "entitlement", "level", "stage", "outcome")
HIDDEN: Final = _LINKS | {"ended", "started", "changes", "kinds", "compound", "on_or_before", "year"}
VERBATIM: Final = frozenset(
    {"words", "urn", "previous_urn", "upn", "local_id", "worker", "person", "home_post", "pl_post"}
)
FREE_TEXT: Final = _free_text()
YEARLY: Final = frozenset(cls.lane for cls in CATALOGUE.values() if "year" in cls.model_fields)
POINTS: Final = (
    frozenset(cls.lane for cls in CATALOGUE.values() if cls.dated)
    - frozenset(cls.lane for cls in CATALOGUE.values() if cls.edge != "point")
    - YEARLY
)
LABELS: Final[Mapping[str, str]] = {
    "urn": "URN", "previous_urn": "URN of the school before", "upn": "UPN", "sdq_score": "SDQ score",
    "sdq_reason": "No SDQ because", "reason_ended": "Ended because", "distance_miles": "Miles from home",
    "home_area": "Home authority", "placement_area": "Authority of the placement", "placement_provider": "Provider",
    "cin": "Need", "category_of_need": "Need", "decided_on": "Decided on", "words": "The words of the child",
    "legal_status": "Legal status", "placement": "Placement", "school": "School",
}  # fmt: skip
WORDINGS: Final[Mapping[str, Wording]] = {
    "care": Wording("Periods of care", "No period of care is stated.", _text("In care")),
    "legal_status": Wording(
        "Legal status", "No legal status is stated.", plain, frozenset({"code", "meaning"})
    ),
    "placement": Wording(
        "Placements", "No placement is stated.", _of("placement_type"), frozenset({"placement_type"})
    ),
    "transition": Wording("Transitions", "No move or change is stated.", _changed),
    "school": Wording("School", "No school is stated.", _of("school"), frozenset({"school"})),
    "health": Wording("Health outcomes", "No health outcome is stated.", _text("Health outcomes of the year")),
    "health_assessment": Wording(
        "Health assessments", "No health assessment is stated.", _assessment, frozenset({"kind"}),
    ),
    "missing": Wording("Missing", "No missing episode is stated.", _missing, frozenset({"kind"})),
    "return_interview": Wording(
        "Return interviews", "No return interview is stated.", lambda v: plain(v["outcome"]).capitalize(),
        frozenset({"outcome"}),
    ),
    "review": Wording("Reviews", "No review is stated.", _of("participation"), frozenset({"participation"})),
    "birthday": Wording("Birthdays", "No birthday that changes what is owed.", lambda v: f"Turned {v['age']}",
                        frozenset({"age"})),
    "social_worker": Wording("Social workers", "No social worker is stated.", _text("A social worker was allocated")),
    "move": Wording("Moves", "", lambda v: f"{plain(v['from_type'])} to {plain(v['to_type'])}",
                    frozenset({"from_type", "to_type"})),
    "care_leaver": Wording("Care leaver outcomes", "", _text("Outcomes as a care leaver")),
    "adoption_plan": Wording("Plan for adoption", "", _text("Adoption is the plan")),
    "adoption": Wording("Adoption", "", _text("Matched with adopters")),
    "conviction": Wording("Convictions", "", lambda v: "Convicted or cautioned" if v["convicted"] else "No conviction",
                          frozenset({"convicted"})),
    "deprivation_of_liberty": Wording("Deprivation of liberty", "", _text("Deprived of liberty by order")),
    "substance_misuse": Wording("Substance misuse", "", _text("As reported for the year")),
}  # fmt: skip
TIMELESS: Final = ("details", "unaccompanied", "previous_permanence", "upn")
