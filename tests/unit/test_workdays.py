from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carejourney.workdays import (
    add_months,
    add_working_days,
    age_on,
    bank_holidays,
    birthday,
    is_working_day,
    working_days_between,
)

DAYS = st.dates(date(2012, 1, 1), date(2030, 12, 31))


@pytest.mark.parametrize(
    "day",
    [
        date(2022, 6, 2),
        date(2022, 6, 3),
        date(2022, 9, 19),
        date(2022, 12, 27),
        date(2023, 5, 8),
        date(2026, 12, 28),
        date(2027, 12, 27),
        date(2027, 12, 28),
    ],
)
def test_england_does_not_work_on_a_special_or_substituted_bank_holiday(day: date) -> None:
    assert not is_working_day(day)


def test_a_bank_holiday_that_falls_on_a_weekend_is_counted_once_as_its_substitute() -> None:
    assert date(2022, 12, 25) not in bank_holidays(2022)
    assert {date(2022, 12, 26), date(2022, 12, 27)} <= bank_holidays(2022)


def test_the_moved_may_holiday_of_2022_is_a_working_day() -> None:
    assert is_working_day(date(2022, 5, 30))


def test_counting_starts_on_the_day_after() -> None:
    assert add_working_days(date(2024, 1, 8), 20) == date(2024, 2, 5)


def test_two_jubilee_days_push_a_deadline_back() -> None:
    assert add_working_days(date(2022, 6, 1), 1) == date(2022, 6, 6)


def test_christmas_on_a_weekend_pushes_a_deadline_past_both_substitutes() -> None:
    assert add_working_days(date(2027, 12, 24), 1) == date(2027, 12, 29)


def test_no_working_days_leave_the_day_as_it_is() -> None:
    assert add_working_days(date(2024, 1, 6), 0) == date(2024, 1, 6)


def test_working_days_cannot_be_counted_backwards() -> None:
    with pytest.raises(ValueError, match="negative"):
        add_working_days(date(2024, 1, 8), -1)


@given(day=DAYS, count=st.integers(1, 60))
def test_a_deadline_is_a_working_day_and_as_many_working_days_away_as_asked(day: date, count: int) -> None:
    due = add_working_days(day, count)

    assert is_working_day(due)
    assert working_days_between(day, due) == count
    assert working_days_between(due, day) == -count


def test_a_month_after_the_end_of_january_is_the_end_of_february() -> None:
    assert add_months(date(2024, 1, 31), 1) == date(2024, 2, 29)
    assert add_months(date(2023, 1, 31), 1) == date(2023, 2, 28)
    assert add_months(date(2023, 8, 31), 6) == date(2024, 2, 29)


def test_months_can_be_counted_back_over_the_turn_of_a_year() -> None:
    assert add_months(date(2024, 1, 15), -3) == date(2023, 10, 15)


@given(day=DAYS, count=st.integers(-60, 60))
def test_months_never_spill_into_the_month_after(day: date, count: int) -> None:
    moved = add_months(day, count)

    assert (moved.year * 12 + moved.month) - (day.year * 12 + day.month) == count


def test_a_birthday_on_29_february_counts_on_1_march_in_other_years() -> None:
    assert birthday(date(2008, 2, 29), 18) == date(2026, 3, 1)
    assert birthday(date(2008, 2, 29), 16) == date(2024, 2, 29)
    assert age_on(date(2008, 2, 29), date(2026, 2, 28)) == 17
    assert age_on(date(2008, 2, 29), date(2026, 3, 1)) == 18


@given(born=DAYS, age=st.integers(0, 25))
def test_an_age_is_reached_on_the_birthday_and_not_a_day_before(born: date, age: int) -> None:
    reached = birthday(born, age)

    assert age_on(born, reached) == age
    assert age_on(born, reached - timedelta(days=1)) == age - 1
