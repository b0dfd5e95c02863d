"""Signatures after Standard Webhooks, and when a fact is sent again."""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from carejourney.webhooks import schedule
from carejourney.webhooks.signing import headers, signature, written

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SECRET = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


def test_a_signature_is_that_of_the_published_example() -> None:
    body = b'{"test": 2432232314}'
    given = signature(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert given == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_while_secrets_overlap_each_signs() -> None:
    found = headers([SECRET, b"k" * 32], "an-id", 7, b"{}")["webhook-signature"].split(" ")
    assert found == [signature(SECRET, "an-id", 7, b"{}"), signature(b"k" * 32, "an-id", 7, b"{}")]


def test_a_secret_is_written_as_the_specification_says() -> None:
    assert written(SECRET) == "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize("attempts", range(1, len(schedule.RETRIES) + 1))
def test_each_wait_is_that_of_the_schedule_give_or_take_a_fifth(attempts: int) -> None:
    due_at = schedule.next_attempt(attempts, NOW)
    assert due_at is not None
    assert 0.8 <= (due_at - NOW).total_seconds() / schedule.RETRIES[attempts - 1] <= 1.2


def test_a_schedule_comes_to_its_end_after_two_days() -> None:
    assert schedule.next_attempt(len(schedule.RETRIES) + 1, NOW) is None
    assert 48 < sum(schedule.RETRIES) / 3600 < 56


def test_a_target_that_is_out_is_paused_before_any_child_is_parked() -> None:
    assert timedelta(seconds=sum(schedule.RETRIES) * 0.8) > schedule.PATIENCE


def test_a_target_may_ask_for_a_longer_wait_within_reason() -> None:
    asked = schedule.next_attempt(1, NOW, 600)
    unreasonable = schedule.next_attempt(1, NOW, 10**9)
    assert asked is not None
    assert unreasonable is not None
    assert 480 <= (asked - NOW).total_seconds() <= 720
    assert (unreasonable - NOW).total_seconds() <= 1.2 * schedule.LONGEST_ASKED


def test_a_failing_target_is_tried_ever_more_rarely_and_not_given_up() -> None:
    waits = [(schedule.next_probe(failures, NOW) - NOW).total_seconds() for failures in (5, 7, 9, 500)]
    assert waits == sorted(waits) or waits[-1] >= 0.8 * schedule.PROBES[-1]
