"""The days of a question: what is taken, and what is said of one that is not."""

from datetime import UTC, date, datetime

import pytest

from carejourney.errors import Malformed
from services.journey.asking import day_asked, moment_asked


@pytest.mark.parametrize("typed", ["9999-12-31", "0001-01-01", "2201-01-01", "1899-12-31", "2026-02-30", "tomorrow"])
def test_a_day_that_is_not_taken_is_answered_with_its_form_and_the_years_that_are(typed: str) -> None:
    for ask in (day_asked, moment_asked):
        with pytest.raises(Malformed, match=r"^true_on must be a date such as 2026-03-31, from 1900 to 2200"):
            ask("true_on", typed)


def test_an_instant_without_its_offset_is_answered_with_its_form() -> None:
    with pytest.raises(Malformed, match="from 1900 to 2200, or an instant such as 2026-03-31T12:00:00Z"):
        moment_asked("known_on", "2026-03-31T12:00:00")


def test_the_first_and_the_last_day_are_taken() -> None:
    assert (day_asked("true_on", "1900-01-01"), day_asked("true_on", "2200-12-31")) == (
        date(1900, 1, 1),
        date(2200, 12, 31),
    )
    assert moment_asked("known_on", "2026-03-31T12:00:00Z") == datetime(2026, 3, 31, 12, tzinfo=UTC)
