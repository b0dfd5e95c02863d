"""Figures over an authority's children that name none of them: data quality, lag, order, and what schools know."""

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from carejourney.envelope import Recorded
from carejourney.keys import FORGOTTEN
from carejourney.standing import Standing, standing
from events.catalogue import CATALOGUE
from services.journey.days import day_of, days_between
from services.journey.sharing.viewing import Lanes

POLICY: Final = Path(__file__).parents[1] / "policy" / "sharing.toml"
WRONG: Final = ("invalid", "contradictory")
STATUS: Final = ("care", "legal_status", "placement")


@cache
def policy() -> Mapping[str, Any]:
    """The dated, cited numbers: when a fact is late, a school behind, a delivery slow."""
    return tomllib.loads(POLICY.read_text(encoding="utf-8"))


@dataclass(slots=True)
class Producer:
    """What one service said: facts, those late, out of order, corrected or withdrawn, and what is blank."""

    facts: int = 0
    late: int = 0
    days_late: int = 0
    out_of_order: int = 0
    corrected: int = 0
    retracted: int = 0
    expected: int = 0
    blank: Counter[str] = field(default_factory=Counter)
    open_issues: Counter[str] = field(default_factory=Counter)
    resolved_issues: int = 0

    def shown(self) -> dict[str, Any]:
        """The figures of the report; shares are of the facts that stand, and of the fields a complete record states."""
        stand = self.facts - self.retracted
        wrong = sum(self.open_issues[kind] for kind in WRONG)
        return {
            "facts": self.facts,
            "late": self.late,
            "timely_share": round(1 - self.late / stand, 4) if stand else None,
            "mean_days_to_record": round(self.days_late / stand, 1) if stand else None,
            "expected_fields": self.expected,
            "complete_share": round(1 - self.blank.total() / self.expected, 4) if self.expected else None,
            "blank_fields": dict(sorted((+self.blank).items())),
            "valid_share": round(max(0.0, 1 - wrong / stand), 4) if stand else None,
            "out_of_order": self.out_of_order,
            "corrected": self.corrected,
            "retracted": self.retracted,
            "open_issues": dict(sorted(self.open_issues.items())),
            "resolved_issues": self.resolved_issues,
        }


class Quality:
    """Completeness, timeliness and validity by producer, added up child by child."""

    def __init__(self) -> None:
        self._producers: dict[str, Producer] = {}

    def add(self, facts: Iterable[Recorded]) -> None:
        """One child more."""
        stated = [one for one in standing(facts) if one.type in CATALOGUE]
        ended = {one.data["incident"] for one in stated if one.type == _RESOLVED and not one.retracted}
        newest: dict[tuple[str, str], str] = {}
        for one in sorted(stated, key=lambda one: (day_of(one.effective) if one.effective else "", one.id)):
            producer = self._of(one.source)
            producer.facts += 1
            producer.retracted += one.retracted
            producer.corrected += one.corrected and not one.retracted
            if one.retracted:
                continue
            self._timely(producer, one, newest)
            _complete(producer, one)
            if one.type == _RAISED:
                self._issue(one.data, resolved=one.id in ended)

    def _of(self, source: str) -> Producer:
        return self._producers.setdefault(source, Producer())

    def _timely(self, producer: Producer, one: Any, newest: dict[tuple[str, str], str]) -> None:
        cls = CATALOGUE[one.type]
        if one.effective is None or cls.ahead or "year" in cls.model_fields:
            return
        days = max(0, days_between(day_of(one.effective), day_of(one.known)))
        producer.days_late += days
        producer.late += days > policy()["late_fact"]["days"]
        place = (one.source, cls.lane)
        # In the order of days: one that was learnt before its forerunner came after it.
        producer.out_of_order += one.known < newest.get(place, "")
        newest[place] = max(one.known, newest.get(place, ""))

    def _issue(self, data: Mapping[str, Any], *, resolved: bool) -> None:
        producer = self._of(str(data["source"]))
        if resolved:
            producer.resolved_issues += 1
        else:
            producer.open_issues[str(data["kind"])] += 1

    def shown(self) -> dict[str, Any]:
        """By producer."""
        return {source: one.shown() for source, one in sorted(self._producers.items())}


def _complete(producer: Producer, one: Standing) -> None:
    """Which of the fields that a complete record states are blank; a sealed field is stated, and stays sealed."""
    complete = policy()["complete_record"]
    for name in complete["fields"].get(one.type, ()):
        producer.expected += 1
        value = one.data.get(name)
        producer.blank[f"{one.type}.{name}"] += value is None or value in complete["unknown"]


_RAISED: Final = "journey.data_quality_issue_raised"
_RESOLVED: Final = "journey.data_quality_issue_resolved"


def currency(now: Lanes, ever: Lanes, today: str) -> tuple[str, str] | None:
    """The school a child attends today, and whether it is told: `current`, `due` or `overdue`. None without one.

    A school has to be told within the days of the policy after care, legal status or placement last changed. What is
    forgotten tells nothing.
    """
    schools = [one["value"]["urn"] for one in now["school"] if one["value"].get("urn") not in {None, FORGOTTEN}]
    changes = [day_of(one["from"]) for lane in STATUS for one in now[lane] if one["from"]]
    if not schools or not changes:
        return None
    changed = max(changes)
    told = [one["from"] for one in ever["school_information"] if one["value"]["urn"] == schools[-1]]
    if any(day_of(day) >= changed for day in told):
        return schools[-1], "current"
    behind = days_between(changed, today) > policy()["telling_the_school"]["days"]
    return schools[-1], "overdue" if behind else "due"
