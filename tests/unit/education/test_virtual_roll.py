from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from carejourney.ids import new_id
from carejourney.keys import FORGOTTEN, SubjectKey
from carejourney.projection import Kinds, Secrets, fold
from events.catalogue import CATALOGUE
from events.correction import FactCorrected, FactRetracted
from events.education import SchoolChanged, SchoolLeft, UpnRecorded
from events.leaving_care import TurnedEighteen
from events.missing import ChildReturned, ChildWentMissing
from events.placement import (
    ChildEnteredCare,
    ChildLeftCare,
    PlacementMoved,
    PlacementStarted,
    SubjectRegistered,
)
from services.education.projections import ROLL, Child, row
from services.education.roll import SORTS, Entry, Sought, entry, in_order, windows, year_group, year_name
from tests.unit.education.made_education import AUTHORITY, Record

KINDS = Kinds(CATALOGUE)
TODAY = date(2026, 1, 21)


def _entered(record: Record, day: str = "2025-03-03", *, on_or_before: bool = False) -> Record:
    record.hear(ChildEnteredCare(legal_status="C2", category_of_need="N1", on_or_before=on_or_before), day)
    return record


def _moved(record: Record, day: str) -> None:
    record.hear(PlacementMoved(started=str(new_id()), from_type="U4", to_type="U5"), day)


def _child(record: Record) -> Child:
    return fold(ROLL, record.facts, KINDS).state


def _seen(record: Record, today: date = TODAY) -> Entry:
    return entry(record.subject, _child(record), SubjectKey(record.subject, b"k" * 32), today, windows())


def _row(record: Record, key: SubjectKey | None = None) -> dict[str, Any] | None:
    return row(_child(record), Secrets(key, lambda text: f"digest of {text}"))


def test_a_child_who_entered_care_is_on_the_roll() -> None:
    shown = _row(_entered(Record(), on_or_before=True)) or {}

    assert (shown["authority"], shown["in_care"], shown["entered_on"]) == (AUTHORITY, True, date(2025, 3, 3))
    assert shown["on_or_before"]


def test_a_child_of_whom_no_care_is_known_is_not_on_the_roll() -> None:
    record = Record()
    record.import_header("UN1", 2025)

    assert _row(record) is None


def test_a_child_who_left_and_came_back_is_in_care() -> None:
    record = _entered(Record())
    record.hear(ChildLeftCare(), "2025-06-02")
    assert not _seen(record).in_care
    _entered(record, "2025-09-01")

    assert (_seen(record).in_care, _seen(record).left_on) == (True, None)


def test_personal_fields_are_shown_sealed_and_found_by_digest() -> None:
    record = Record()
    key = SubjectKey(record.subject, b"k" * 32)
    record.hear(SubjectRegistered(local_id=key.seal("local_id", "C1")))
    record.hear(UpnRecorded(upn=key.seal("upn", "K990123456789")))
    shown = _row(_entered(record), key) or {}

    assert shown["local_id"].startswith("sealed.1.")
    assert shown["upn"].startswith("sealed.1.")
    assert shown["local_id_digest"] == f"digest of {AUTHORITY}:C1"
    assert shown["upn_digest"] == "digest of upn:K990123456789"


def test_a_forgotten_child_is_found_no_more() -> None:
    record = Record()
    record.hear(SubjectRegistered(local_id=SubjectKey(record.subject, b"k" * 32).seal("local_id", "C1")))
    shown = _row(_entered(record)) or {}

    assert shown["local_id_digest"] is None
    assert entry(record.subject, _child(record), None, TODAY, windows()).local_id == FORGOTTEN


def _at_sealed_schools(key: SubjectKey, record: Record) -> Record:
    for urn, school, day in (("990001", "Elm Bank School", "2024-09-03"), ("990002", "Ash Lane School", "2025-11-03")):
        sealed = SchoolChanged.model_construct(urn=key.seal("urn", urn), school=key.seal("school", school))
        record.hear(sealed, day)
    return record


def test_a_school_is_kept_sealed_and_opened_to_be_shown_searched_and_sorted() -> None:
    record = _entered(Record())
    key = SubjectKey(record.subject, b"k" * 32)
    child = _child(_at_sealed_schools(key, record))
    kept = f"{msgspec.json.encode(child)!r} {row(child, Secrets(key, str))}"
    seen = entry(record.subject, child, key, TODAY, windows())

    assert not any(plain in kept for plain in ("990001", "990002", "Elm Bank", "Ash Lane"))
    assert seen.school is not None
    assert (seen.school.urn, seen.school.school) == ("990002", "Ash Lane School")
    assert Sought("ash lane", frozenset()).finds(seen, ())
    assert SORTS["school"](seen) == "ash lane school"


def test_of_a_forgotten_school_nobody_can_say_that_it_was_kept() -> None:
    record = _entered(Record())
    _moved(_at_sealed_schools(SubjectKey(record.subject, b"k" * 32), record), "2025-10-02")
    seen = entry(record.subject, _child(record), None, TODAY, windows())

    assert seen.school is not None
    assert (seen.school.urn, seen.school.school, seen.school_kept) == (FORGOTTEN, FORGOTTEN, None)


@pytest.mark.parametrize(
    ("born", "on", "group"),
    [
        ("2010-09-01", date(2015, 9, 1), 0),
        ("2011-08-31", date(2015, 9, 1), 0),
        ("2011-09-01", date(2015, 9, 1), -1),
        ("2012-08-31", date(2026, 1, 21), 9),
        ("2012-09-01", date(2026, 8, 31), 8),
        ("2012-09-01", date(2026, 9, 1), 9),
        (None, TODAY, None),
        ("(forgotten)", TODAY, None),
    ],
)
def test_the_year_group_follows_the_first_of_september(born: str | None, on: date, group: int | None) -> None:
    assert year_group(born, on) == group


def test_year_groups_have_names() -> None:
    names = [year_name(group) for group in (None, -2, 0, 7, 13, 14)]

    assert names == ["Not known", "Before Reception", "Reception", "Year 7", "Year 13", "After Year 13"]


def test_the_date_of_birth_is_opened_only_to_read_the_year_group() -> None:
    record = _entered(Record())
    key = SubjectKey(record.subject, b"k" * 32)
    child = msgspec.structs.replace(_child(record), born=key.seal("date_of_birth", "2012-10-10"))

    assert entry(record.subject, child, key, TODAY, windows()).year_group == 8
    assert "2012" not in repr(row(child, Secrets(key, str)))


def test_days_since_the_last_move_are_counted_on_the_day_of_reading() -> None:
    record = _entered(Record())
    for day in ("2025-05-01", "2026-01-11"):
        _moved(record, day)

    assert (_seen(record).days_since_move, _seen(record).last_moved_on) == (10, date(2026, 1, 11))
    assert _seen(record, TODAY + timedelta(days=5)).days_since_move == 15


@pytest.mark.parametrize(
    ("second_school", "kept"),
    [(None, True), ("2025-10-05", True), ("2025-11-12", True), ("2025-11-11", False), ("2025-10-20", False)],
)
def test_a_school_is_kept_at_a_move_unless_another_begins_within_six_weeks(
    second_school: str | None, kept: bool
) -> None:
    record = _entered(Record())
    record.change("990001", "2024-09-03")
    if second_school:
        record.change("990002", second_school)
    day = "2025-10-10" if second_school == "2025-10-05" else "2025-09-30"
    _moved(record, day)

    assert _seen(record).school_kept is kept


def test_without_a_school_before_the_move_nothing_is_said_of_keeping_it() -> None:
    record = _entered(Record())
    _moved(record, "2025-09-30")
    record.change("990001", "2025-10-06")

    assert _seen(record).school_kept is None


@pytest.mark.parametrize(
    ("reason", "moves", "cause"),
    [
        ("placement_move", ("2025-09-01", "2025-10-20", "2025-12-01"), date(2025, 10, 20)),
        ("placement_move", ("2025-08-05",), date(2025, 8, 5)),
        ("placement_move", ("2025-08-04",), None),
        ("choice", ("2025-10-20",), None),
    ],
)
def test_a_school_change_for_a_placement_move_names_the_latest_move_before_it(
    reason: str, moves: tuple[str, ...], cause: date | None
) -> None:
    record = _entered(Record())
    record.change("990001", "2023-09-03", "first_school")
    record.change("990002", "2025-11-03", reason)
    for day in moves:
        _moved(record, day)

    assert _seen(record).caused_by_move_on == cause


def test_the_first_school_is_no_change_of_school() -> None:
    record = _entered(Record())
    record.change("990001", "2023-09-03", "first_school")

    assert _seen(record).last_change is None


def test_the_only_school_known_is_a_change_where_its_reason_says_so() -> None:
    record = _entered(Record())
    _moved(record, "2025-10-20")
    record.change("990002", "2025-11-03", "placement_move")

    change = _seen(record).last_change
    assert change is not None
    assert (change.urn, _seen(record).caused_by_move_on) == ("990002", date(2025, 10, 20))


def test_out_of_care_nothing_is_said_of_the_area() -> None:
    record = _entered(Record())
    record.hear(PlacementStarted(placement_type="U4", placement_area="E08000026"), "2025-03-03")
    record.hear(ChildLeftCare(), "2025-06-02")

    assert _seen(record).out_of_area is None


def test_a_school_that_begins_later_is_not_the_school_now() -> None:
    record = _entered(Record())
    record.change("990001", "2023-09-03")
    record.change("990002", "2026-09-03", "phase_transfer")

    now, later = _seen(record), _seen(record, date(2026, 9, 3))
    assert [e.school.urn if e.school else None for e in (now, later)] == ["990001", "990002"]


def test_a_child_is_missing_until_the_return_and_no_more_is_said() -> None:
    record = _entered(Record())
    incident = record.hear(ChildWentMissing(kind="M"), "2026-01-20")
    assert _seen(record).missing_now
    record.hear(ChildReturned(incident=incident.id), "2026-01-20")

    assert not _seen(record).missing_now
    assert not {"kind", "missing_since"} & set((_row(record) or {}).keys())


@pytest.mark.parametrize(("area", "out"), [(AUTHORITY, False), ("E08000026", True), (None, None)])
def test_a_placement_in_another_authority_is_out_of_area(area: str | None, out: bool | None) -> None:
    record = _entered(Record())
    record.hear(PlacementStarted(placement_type="U4", home_area=AUTHORITY, placement_area=area), "2025-03-03")

    assert _seen(record).out_of_area is out


def test_a_child_who_turned_eighteen_is_shown_so_without_the_birthday() -> None:
    record = _entered(Record())
    record.hear(TurnedEighteen(), "2026-01-15")

    assert _seen(record).turned_eighteen
    assert "2026-01-15" not in repr(_child(record)).replace("said=('2026-01-21", "")


def test_a_corrected_school_and_a_retracted_end_show_as_they_stand() -> None:
    record = _entered(Record())
    begun = record.hear(SchoolChanged(urn="990001", school="One"), "2024-09-03")
    left = record.hear(SchoolLeft(enrolment=begun.id), "2025-12-19")
    assert _seen(record).school is None
    record.add_on(left.topic, FactRetracted(corrects=left.id, type=left.type, reason="error"), None)
    right = {"urn": "990009", "school": "Nine", "previous_urn": None, "reason": "other"}
    corrected = FactCorrected(corrects=begun.id, type=begun.type, effective="2024-09-04", replacement=right)
    record.add_on(begun.topic, corrected, "2024-09-04")

    school = _seen(record).school
    assert school is not None
    assert (school.urn, school.start) == ("990009", "2024-09-04")


def _named(local_id: str, school: str | None) -> Entry:
    record = _entered(Record())
    record.hear(SubjectRegistered(local_id=local_id))
    if school:
        record.hear(SchoolChanged(urn="990001", school=school), "2025-09-03")
    return _seen(record)


def test_children_without_a_value_come_last_in_either_direction() -> None:
    entries = [_named("C1", None), _named("C2", "Birch"), _named("C3", "ash")]

    assert [e.local_id for e in in_order(entries, "school")] == ["C3", "C2", "C1"]
    assert [e.local_id for e in in_order(entries, "-school")] == ["C2", "C3", "C1"]


def test_a_search_finds_part_of_a_school_name_or_a_whole_identifier() -> None:
    one, other = _named("C1", "Elm Bank School"), _named("C2", None)

    assert Sought("elm b", frozenset()).finds(one, (None, None))
    assert not Sought("elm b", frozenset()).finds(other, (None, None))
    assert Sought("c2", frozenset({"d2"})).finds(other, ("d2", None))


def test_every_fact_the_roll_shows_is_of_the_catalogue() -> None:
    assert set(CATALOGUE) >= ROLL.handles
