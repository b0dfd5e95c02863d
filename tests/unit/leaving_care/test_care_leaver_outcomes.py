from typing import Any

import pytest

from events.leaving_care import CareLeaverOutcomesReported, TurnedEighteen
from services.leaving_care.domain import state_return
from tests.unit.planning.made_record import Desk, counts


def oc3(in_touch: str = "YES", activ: str = "F2", accom: str = "Z1") -> dict[str, Any]:
    return {"in_touch": in_touch, "activ": activ, "accom": accom}


def test_a_row_of_each_year_is_a_fact_of_that_year_and_stated_again_adds_nothing() -> None:
    desk = Desk(state_return)

    assert counts(desk.is_told(2025, oc3=[oc3()])) == (1, 0)
    assert counts(desk.is_told(2026, oc3=[oc3()])) == (1, 0)
    assert counts(desk.is_told(2025, oc3=[oc3()])) == (0, 0)
    stated = desk.record.standing_of(CareLeaverOutcomesReported)
    assert [(day, data["year"]) for day, data in stated] == [("2024-04-01", 2025), ("2025-04-01", 2026)]


@pytest.mark.parametrize("changed", [oc3(in_touch="NO"), oc3(activ="G5"), oc3(accom="U2")])
def test_a_changed_cell_is_one_correction_and_changed_back_another(changed: dict[str, Any]) -> None:
    desk = Desk(state_return)
    desk.is_told(2025, oc3=[oc3()])

    assert counts(desk.is_told(2025, oc3=[changed])) == (1, 1)
    assert counts(desk.is_told(2025, oc3=[oc3()])) == (1, 1)


def test_a_row_that_vanished_is_flagged_and_retracted_only_by_a_complete_return_of_the_same_year() -> None:
    desk = Desk(state_return)
    desk.is_told(2025, oc3=[oc3()])

    assert counts(desk.is_told(2026, oc3=[], complete=True)) == (0, 0)
    kept = desk.is_told(2025, oc3=[])
    assert (counts(kept), [flag["rule"] for flag in kept.notes["flagged"]]) == ((0, 0), ["vanished"])
    assert counts(desk.is_told(2025, oc3=[], complete=True)) == (1, 1)


def test_birthdays_recorded_for_the_same_person_are_left_alone() -> None:
    desk = Desk(state_return)
    desk.record.says(TurnedEighteen(), "2024-09-02")

    assert counts(desk.is_told(2025, oc3=[oc3()])) == (1, 0)
    assert counts(desk.is_told(2025, oc3=[], complete=True)) == (1, 1)
    assert len(desk.record.standing_of(TurnedEighteen)) == 1
