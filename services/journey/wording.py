"""How a lane and its values are put into words for a reader."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from carejourney.web.wording import day as worded_day
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
    """One value in words: a code by its meaning with the code behind it."""
    if isinstance(value, dict) and "code" in value:
        return f"{value['meaning']} ({value['code']})"
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


def details(lane: str, value: Value) -> list[tuple[str, str]]:
    """What a value says beyond its headline; what is not stated is left out."""
    used = WORDINGS[lane].used if lane in WORDINGS else frozenset()
    said = {k: v for k, v in value.items() if v is not None and v != "" and k not in used and k not in HIDDEN}
    return [(label(field), _verbatim(field, v)) for field, v in said.items()]


def _verbatim(field: str, value: Any) -> str:
    return str(value) if field in VERBATIM else plain(value)


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


def _of(field: str) -> Callable[[Value], str]:
    return lambda value: plain(value[field]) if value.get(field) is not None else "Not stated"


def _text(words: str) -> Callable[[Value], str]:
    return lambda _: words


HIDDEN: Final = frozenset({"ended", "started", "incident", "changes", "kinds", "compound", "on_or_before", "year"})
VERBATIM: Final = frozenset({"words", "urn", "previous_urn", "upn", "local_id", "worker", "home_post", "pl_post"})
YEARLY: Final = frozenset({"health", "substance_misuse", "conviction", "care_leaver"})
POINTS: Final = frozenset({"move", "review", "birthday", "health_assessment", "return_interview", "adoption"})
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
