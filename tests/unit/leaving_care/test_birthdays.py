from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carejourney.keys import PREFIX
from carejourney.projection import ordered
from carejourney.reactions import Outcome, Situation, opened, refuse_cycles
from carejourney.workdays import birthday
from events.leaving_care import CareLeaverOutcomesReported
from events.placement import ChildDetailsRecorded, ChildEnteredCare, ChildLeftCare
from services.leaving_care.birthdays import BIRTHDAY_REACTION, BIRTHDAYS, WIRES, decide
from tests.unit.planning.made_record import CHILD, KINDS, Record

BORN = date(2008, 3, 14)
SIXTEEN, EIGHTEEN, TWENTY_ONE, TWENTY_FIVE = "2024-03-14", "2026-03-14", "2029-03-14", "2033-03-14"
EPISODE = "01980000-0000-7000-8000-00000000e005"


def at(day: str, hour: int = 12) -> datetime:
    return datetime.fromisoformat(f"{day}T{hour:02}:00:00+00:00")


@dataclass
class Child:
    """What leaving care has heard of a child, and what it has recorded."""

    heard: Record = field(default_factory=Record)
    own: Record = field(default_factory=Record)
    details: str = ""

    def born(self, day: date = BORN) -> "Child":
        self.details = self.heard.says(ChildDetailsRecorded(sex="F", date_of_birth=day))
        return self

    def entered(self, day: str, **details: Any) -> "Child":
        self.heard.says(ChildEnteredCare(legal_status="C2", category_of_need="N1", **details), day)
        return self

    def left(self, day: str, reason: str = "E4A", **details: Any) -> "Child":
        self.heard.says(ChildLeftCare(reason=reason, **details), day)
        return self

    def decides(self, now: datetime) -> Outcome:
        """One deciding; what it says is recorded."""
        heard = [opened(fact, None) for fact in ordered(self.heard.facts, KINDS)]
        outcome = decide(Situation(CHILD, heard, self.own.own(), now))
        for draft in outcome.drafts:
            self.own.keeps(draft)
        return outcome

    def turned(self) -> list[tuple[str, str | None]]:
        """Birthdays that stand: age in words and day."""
        found = [f for f in self.own.own() if f.type in WIRES and not f.retracted]
        return sorted((f.type.removeprefix("leaving_care.turned_"), f.effective) for f in found)


def in_care(entry: str = "2022-05-01") -> Child:
    return Child().born().entered(entry)


def types(drafts: Sequence[Any]) -> list[str]:
    return [draft.body.wire.partition(".")[2] for draft in drafts]


def test_a_birthday_is_waited_for_until_its_day_begins_in_london() -> None:
    summer = Child().born(date(2010, 7, 2)).entered("2022-05-01")
    assert summer.decides(at("2026-06-01")).look_again == datetime(2026, 7, 1, 23, tzinfo=UTC)

    child = in_care()
    assert child.decides(at("2024-03-13")).look_again == datetime(2024, 3, 14, tzinfo=UTC)
    assert child.turned() == []


def test_a_birthday_is_recorded_when_its_moment_has_come_and_the_next_is_waited_for() -> None:
    child = in_care()
    waited_for = child.decides(at("2024-03-13")).look_again
    assert waited_for is not None

    outcome = child.decides(waited_for)
    assert child.turned() == [("sixteen", SIXTEEN)]
    assert outcome.look_again == datetime(2026, 3, 14, tzinfo=UTC)


def test_birthdays_already_past_come_in_bulk_effective_on_their_day() -> None:
    child = in_care().left(EIGHTEEN, "E17")
    outcome = child.decides(at("2030-01-01"))

    assert child.turned() == [("eighteen", EIGHTEEN), ("sixteen", SIXTEEN), ("twenty_one", TWENTY_ONE)]
    assert {(d.stream, d.origin, d.topic) for d in outcome.drafts} == {("computed", "computed", "care.leaving-care")}
    assert outcome.look_again == datetime(2033, 3, 14, tzinfo=UTC)


def test_years_that_pass_at_once_give_each_birthday_once_and_nothing_is_waited_for_after_the_last() -> None:
    child = in_care()
    child.decides(at("2024-01-01"))

    outcome = child.decides(at("2040-01-01"))
    assert [day for _, day in child.turned()] == [EIGHTEEN, SIXTEEN, TWENTY_FIVE, TWENTY_ONE]
    assert outcome.look_again is None
    assert child.decides(at("2040-01-02")).drafts == []


def test_a_child_who_left_before_sixteen_has_no_birthdays_and_one_who_returns_has_all() -> None:
    child = in_care().left("2023-09-01")
    assert child.decides(at("2026-06-01")) == Outcome([], None)

    child.entered("2026-02-01")
    child.decides(at("2026-06-01"))
    assert child.turned() == [("eighteen", EIGHTEEN), ("sixteen", SIXTEEN)]


@pytest.mark.parametrize(("left", "counts"), [("2024-03-14", False), ("2024-03-15", True)])
def test_the_last_day_in_care_must_not_be_before_the_sixteenth_birthday(left: str, *, counts: bool) -> None:
    child = in_care().left(left)
    child.decides(at("2024-06-01"))

    assert (child.turned() != []) == counts


def test_a_day_in_care_that_began_and_ended_after_sixteen_counts() -> None:
    child = Child().born().entered("2025-01-10", episode=EPISODE).left("2025-01-10", episode=EPISODE)
    child.decides(at("2025-06-01"))

    assert child.turned() == [("sixteen", SIXTEEN)]


def test_care_that_began_on_or_before_a_day_counts_by_what_is_known() -> None:
    child = in_care("2024-06-01").left("2024-07-01")
    known_before = Child().born().entered("2022-04-01", on_or_before=True).left("2023-04-01")
    child.decides(at("2025-06-01"))
    known_before.decides(at("2025-06-01"))

    assert child.turned() == [("sixteen", SIXTEEN)]
    assert known_before.turned() == []


@pytest.mark.parametrize(("died", "turned"), [(EIGHTEEN, ["sixteen"]), ("2026-03-15", ["eighteen", "sixteen"])])
def test_no_birthday_counts_on_or_after_the_day_a_child_died(died: str, turned: list[str]) -> None:
    child = in_care().left(died, "E2")
    outcome = child.decides(at("2030-01-01"))

    assert [age for age, _ in child.turned()] == turned
    assert outcome.look_again is None


def test_a_care_leaver_reported_to_have_died_has_no_birthday_from_that_year_on() -> None:
    child = in_care().left("2024-06-01")
    child.decides(at("2030-01-01"))
    child.heard.says(CareLeaverOutcomesReported(year=2027, in_touch="DIED"), "2026-04-01")

    outcome = child.decides(at("2030-01-02"))
    assert [age for age, _ in child.turned()] == ["eighteen", "sixteen"]
    assert (types(outcome.drafts), outcome.look_again) == (["fact_retracted"], None)


@pytest.mark.parametrize(("now", "turned"), [("2026-02-28", 0), ("2026-03-01", 1)])
def test_a_child_born_on_29_february_comes_of_age_on_1_march(now: str, turned: int) -> None:
    child = Child().born(date(2008, 2, 29)).entered("2022-05-01")
    child.decides(at("2024-02-29"))

    assert len(child.decides(at(now)).drafts) == turned
    assert child.turned()[-1] == ("sixteen", "2024-02-29")


def test_a_corrected_date_of_birth_retracts_the_old_birthdays_and_records_the_new() -> None:
    child = in_care()
    child.decides(at("2026-06-01"))
    child.heard.corrects(child.details, ChildDetailsRecorded(sex="F", date_of_birth=date(2008, 3, 15)), None)

    outcome = child.decides(at("2026-06-02"))
    assert child.turned() == [("eighteen", "2026-03-15"), ("sixteen", "2024-03-15")]
    assert types(outcome.drafts) == ["fact_retracted", "fact_retracted", "turned_sixteen", "turned_eighteen"]


def test_a_date_of_birth_corrected_and_put_right_again_restores_what_was_recorded() -> None:
    child = in_care()
    child.decides(at("2024-06-01"))
    for day in (date(2008, 3, 15), BORN):
        child.heard.corrects(child.details, ChildDetailsRecorded(sex="F", date_of_birth=day), None)
        child.decides(at("2024-06-02"))

    assert child.turned() == [("sixteen", SIXTEEN)]
    assert child.decides(at("2024-06-03")).drafts == []


def test_a_correction_that_puts_the_child_out_of_care_before_sixteen_retracts() -> None:
    child = in_care()
    child.decides(at("2026-06-01"))
    child.left("2023-09-01")

    assert types(child.decides(at("2026-06-02")).drafts) == ["fact_retracted", "fact_retracted"]
    assert child.turned() == []


def test_a_clock_set_back_undoes_no_birthday_and_records_none_twice() -> None:
    child = in_care()
    child.decides(at("2026-06-01"))

    assert child.decides(at("2025-06-01")).drafts == []
    assert child.decides(at("2026-06-02")).drafts == []


def test_a_child_whose_key_is_gone_has_no_birthday_recorded_and_none_waited_for() -> None:
    child = in_care()
    details = child.heard.facts[0]
    sealed = f"{PREFIX}{CHILD}.AAAA".encode()
    child.heard.facts[0] = replace(details, payload=details.payload.replace(BORN.isoformat().encode(), sealed))

    assert child.decides(at("2026-06-01")) == Outcome((), None)


def test_a_child_whose_date_of_birth_has_not_arrived_yet_is_decided_on_when_it_does() -> None:
    child = Child().entered("2022-05-01")
    assert child.decides(at("2024-06-01")) == Outcome([], None)

    child.born()
    child.decides(at("2024-06-01"))
    assert child.turned() == [("sixteen", SIXTEEN)]


def test_the_reaction_never_causes_itself() -> None:
    refuse_cycles([BIRTHDAY_REACTION])


DAYS = st.dates(date(2005, 1, 1), date(2012, 12, 31))


@given(DAYS, st.lists(st.integers(1, 2_000), min_size=1, max_size=6), st.integers(1, 6_000))
def test_however_often_it_is_asked_each_birthday_is_recorded_once(born: date, steps: list[int], stay: int) -> None:
    entry = date(2020, 1, 1)
    child = Child().born(born).entered(entry.isoformat()).left((entry + timedelta(days=stay)).isoformat())
    now = at("2020-01-02")
    for step in steps:
        now += timedelta(days=step)
        child.decides(now)

    owed = {birthday(born, age) for age in BIRTHDAYS} if entry + timedelta(days=stay) > birthday(born, 16) else set()
    assert sorted(day or "" for _, day in child.turned()) == sorted(d.isoformat() for d in owed if d <= now.date())
    assert len(child.own.facts) == len(child.turned())
