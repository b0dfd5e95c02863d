"""Lane `transition`: every kind of move counted together; what happened at once, or in consequence, is one entry."""

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from carejourney.standing import Standing
from services.journey.days import day_after, day_of, days_between
from services.journey.intervals import Interval
from services.journey.story import Story

POLICY: Final = Path(__file__).parent / "policy" / "transitions.toml"
MOVE: Final = "placement.placement_moved"
STATUS: Final = "placement.legal_status_changed"
KINDS: Final[Mapping[str, str]] = {MOVE: "placement", "education.school_changed": "school", STATUS: "legal_status"}


@cache
def days_to_school_change() -> int:
    """Within how many days after a move a school change that names a move as its reason is taken to follow from it."""
    policy = tomllib.loads(POLICY.read_text(encoding="utf-8"))
    return int(policy["school_change_after_move"]["days"])


def transitions(story: Story) -> list[Interval]:
    """Moves, school changes and changes of legal status: one entry a day, or a move and the school change it caused.

    A first legal status is no change, so it is no transition.
    """
    facts = [fact for wire in KINDS for fact in story.of(wire) if fact.effective and _is_change(fact)]
    groups: dict[str, list[Standing]] = {}
    for fact in sorted(facts, key=lambda f: day_of(f.effective or "")):
        groups.setdefault(day_of(fact.effective or ""), []).append(fact)
    _join_caused(groups)
    return [_entry(story, group) for _, group in sorted(groups.items())]


def _is_change(fact: Standing) -> bool:
    return fact.type != STATUS or bool(fact.data.get("previous"))


def _join_caused(groups: dict[str, list[Standing]]) -> None:
    """A school change because of a move joins the latest move in the days before it."""
    moved = [day for day, group in groups.items() if any(fact.type == MOVE for fact in group)]
    for day in [day for day in groups if day not in moved]:
        caused = [fact for fact in groups[day] if fact.data.get("reason") == "placement_move"]
        cause = next((m for m in reversed(moved) if 0 < days_between(m, day) <= days_to_school_change()), None)
        if not caused or cause is None:
            continue
        groups[cause].extend(caused)
        groups[day] = [fact for fact in groups[day] if fact not in caused]
        if not groups[day]:
            del groups[day]


def _entry(story: Story, group: Sequence[Standing]) -> Interval:
    days = [day_of(fact.effective or "") for fact in group]
    read = story.opening.value
    changes = [
        {"kind": KINDS[fact.type], "on": fact.effective, "fact": fact.id, "value": read(fact.type, fact.data)}
        for fact in group
    ]
    value = {"kinds": list(dict.fromkeys(c["kind"] for c in changes)), "compound": len(group) > 1, "changes": changes}
    return Interval(min(days), day_after(max(days)), value, tuple(group))
