"""What a store says of its own facts: how many a stream has, and with which of them a command was answered."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from carejourney.verify.report import Report

MANY: Final = 1_000

_answer_of = msgspec.json.Decoder(dict[str, Any]).decode

# The primary key keeps versions apart and a check keeps them above zero: dense is where the last one is the number.
_GAPS: Final = "select subject from fact group by subject, stream having max(version) <> count(*)"
_STREAMS: Final = """
with counted as (
  select subject, topic, count(*) as facts, count(*) filter (where stream = 'record') as said,
    count(*) filter (where stream = 'computed') as computed
  from fact group by subject, topic
), there as (
  select subject, sum(said) as said, sum(computed) as computed, jsonb_object_agg(topic, facts) as topics
  from counted group by subject
), compared as (
  select subject, coalesce(s.version, 0) <> coalesce(t.said, 0) as version,
    coalesce(s.computed_version, 0) <> coalesce(t.computed, 0) as computed_version,
    coalesce(s.topic_versions, '{}') <> coalesce(t.topics, '{}') as topic_versions
  from stream s full join there t using (subject)
)
select * from compared where version or computed_version or topic_versions
"""
_ANSWERS: Final = "select subject, answer from command order by subject"
_THERE: Final = "select id::text from fact where subject = any($1) and id = any($2)"


async def read_books(connection: asyncpg.Connection, service: str, report: Report) -> None:
    """Compare versions, the table of streams and the answers to commands with the facts of one snapshot."""
    async for row in connection.cursor(_GAPS, prefetch=MANY):
        report.add(
            "store", service, "a version of the stream is missing", subject=str(row["subject"]), column="version"
        )
    async for row in connection.cursor(_STREAMS, prefetch=MANY):
        for column in ("version", "computed_version", "topic_versions"):
            if row[column]:
                report.add(
                    "store", service, "the stream does not count what is recorded", subject=str(row["subject"]),
                    column=column,
                )  # fmt: skip
    await _read_answers(connection, service, report)


async def _read_answers(connection: asyncpg.Connection, service: str, report: Report) -> None:
    named: dict[str, UUID] = {}
    async for row in connection.cursor(_ANSWERS, prefetch=MANY):
        recorded = _recorded(row["answer"], row["subject"])
        if recorded is None:
            _differs(service, report, row["subject"], "the answer to a command is not as it was given")
            continue
        named |= recorded
        if len(named) >= MANY:
            await _look_up(connection, service, report, named)
            named = {}
    await _look_up(connection, service, report, named)


def _recorded(answer: bytes, subject: UUID) -> dict[str, UUID] | None:
    """The ids that an answer names, with whose facts they are; None where it contradicts itself."""
    try:
        said = _answer_of(answer)
        ids = {str(UUID(one)): subject for one in said["recorded"]}
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError, ValueError, AttributeError):
        return None
    return ids if (said.get("subject"), said.get("facts")) == (str(subject), len(ids)) else None


async def _look_up(connection: asyncpg.Connection, service: str, report: Report, named: Mapping[str, UUID]) -> None:
    ids = [UUID(one) for one in named]
    there = {row["id"] for row in await connection.fetch(_THERE, list(set(named.values())), ids)}
    for subject in {subject for one, subject in named.items() if one not in there}:
        _differs(service, report, subject, "a command was answered with a fact that is not in the store")


def _differs(service: str, report: Report, subject: UUID, detail: str) -> None:
    report.add("store", service, detail, subject=str(subject), column="answer")
