"""The check of a subscriber: who is right passes, and who is wrong is told where and why."""

import json
import sys
from pathlib import Path

import pytest
from jsonschema import validate
from typer.testing import CliRunner

from carejourney.cli.main import app
from carejourney.kit.cases import Case, cases
from carejourney.kit.checking import Check, check
from carejourney.kit.stages import KafkaStage

SCHEMA = Path(__file__).parents[2] / "docs" / "schemas" / "kit-check.schema.json"
SUBSCRIBER = Path(__file__).with_name("wrong_subscriber.py")


def _command(wrong: str) -> str:
    return f"{sys.executable} {SUBSCRIBER} {wrong}"


def _named(*names: str) -> list[Case]:
    return [case for case in cases() if case.name in names]


async def _checked(wrong: str, kafka: str, *names: str, seconds: float = 60) -> Check:
    return await check(_command(wrong), KafkaStage(kafka), _named(*names), seconds=seconds)


@pytest.mark.timeout(300)
async def test_a_subscriber_that_is_right_passes_every_case(kafka_address: str) -> None:
    checked = await check(_command("right"), KafkaStage(kafka_address))

    assert checked.findings == []
    assert [case.name for case in checked.judged] == [case.name for case in cases()]


@pytest.mark.parametrize(
    ("wrong", "case", "reason"),
    [
        ("counts-twice", "duplicates", "held 2 times: it was delivered 2 times, with the same id"),
        ("ignores-corrections", "corrections", "says what was said first: the correction was ignored"),
        ("ignores-corrections", "corrections", "a correction is no fact of its own"),
        ("ignores-retractions", "retractions", "it was retracted: the retraction was ignored"),
        ("last-one-wins", "duplicates", "a second delivery of the statement has undone its correction"),
        ("last-one-wins", "duplicates", "an older correction has undone a newer one"),
        ("last-one-wins", "duplicates", "a second delivery of the statement has brought it back"),
        ("drops-the-late", "gap-filled", "it came late, and fills a gap in streamversion"),
        ("ignores-of-version", "other-version", "is told as of version 1: it is written in version 2, `of_version`"),
        ("reads-strictly", "unknown-field", "a field that is new must not make you drop the fact"),
    ],
)
async def test_a_subscriber_that_is_wrong_is_told_why(wrong: str, case: str, reason: str, kafka_address: str) -> None:
    earlier = {"gap-filled": "gap"}.get(case, case)
    checked = await _checked(wrong, kafka_address, earlier, case)

    assert {one.case for one in checked.findings} == {case}
    assert [one for one in checked.findings if reason in one.says]


async def test_a_crash_is_told_with_the_last_words_and_does_not_hide_the_other_cases(kafka_address: str) -> None:
    checked = await _checked("crashes-on-the-unknown", kafka_address, "facts", "unknown-type", "unknown-field")

    (finding,) = checked.findings
    assert finding.case == "unknown-type"
    assert finding.says.startswith("ended with status 1; its last words:")
    assert "KeyError: 'planning.hologram_agreed'" in finding.says
    assert len(checked.judged) == 3


async def test_what_a_restart_has_lost_is_told_as_lost(kafka_address: str) -> None:
    checked = await _checked("forgets-at-a-restart", kafka_address, "facts", "erased")

    assert {one.case for one in checked.findings} == {"erased"}
    assert {one.says for one in checked.findings} == {"was held before the restart, and is not any more"}


async def test_a_subscriber_that_does_not_end_is_ended_and_told_so(kafka_address: str) -> None:
    checked = await _checked("hangs", kafka_address, "facts", seconds=8)

    assert [one.says for one in checked.findings] == [
        "did not end within 8 s: read to the end of the topics, print, and end"
    ]


async def test_the_topics_of_a_check_are_removed(kafka_address: str) -> None:
    from aiokafka.admin import AIOKafkaAdminClient  # noqa: PLC0415 - only here

    await _checked("right", kafka_address, "facts")
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_address)
    await admin.start()
    try:
        assert [topic for topic in await admin.list_topics() if topic.startswith("kit-")] == []
    finally:
        await admin.close()


def test_the_command_tells_a_program_what_is_wrong_and_ends_with_status_one(kafka_address: str) -> None:
    arguments = ["kit", "check", "--command", _command("ignores-retractions"), "--kafka", kafka_address]
    ended = CliRunner().invoke(app, [*arguments, "--case", "retractions", "--json"])

    told = json.loads(ended.stdout)
    validate(told, json.loads(SCHEMA.read_text()))
    assert (ended.exit_code, told["passed"]) == (1, False)
    assert told["cases"] == [{"case": "retractions", "passed": False}]
    assert {one["type"] for one in told["findings"]} == {"planning.review_held"}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["check", "--command", "no-such-program"], "no program"),
        (["check", "--command", sys.executable, "--case", "nothing"], "there is no case nothing"),
        ([], "carejourney kit --out kit"),
    ],
)
def test_a_misused_command_says_what_to_write(arguments: list[str], named: str) -> None:
    ended = CliRunner().invoke(app, ["kit", *arguments])

    assert ended.exit_code == 2
    assert named in ended.output


def test_a_broker_that_is_away_is_told_in_one_sentence() -> None:
    arguments = ["kit", "check", "--command", sys.executable, "--kafka", "127.0.0.1:1"]
    ended = CliRunner().invoke(app, arguments)

    assert ended.exit_code == 1
    assert "run `carejourney up`" in str(ended.exception)
