"""A subscriber of its own making that keeps the protocol of the kit, and is wrong in the way its first argument names.

    python wrong_subscriber.py counts-twice

`right` is wrong in nothing.
"""

import asyncio
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer

Fact = dict[str, Any]
wrong = sys.argv[1]
state = Path(os.environ["STATE"]) / "facts.json"


async def read() -> list[Fact]:
    """Everything there is, from the beginning, or from the second start on only what has come since."""
    consumer = AIOKafkaConsumer(
        *os.environ["TOPICS"].split(","), bootstrap_servers=os.environ["KAFKA"], auto_offset_reset="earliest"
    )
    found: list[Fact] = []
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += [taken(record.topic, record.headers, json.loads(record.value)) for record in records]
    finally:
        await consumer.stop()
    return found


def taken(topic: str, headers: Iterable[tuple[str, bytes]], value: Fact) -> Fact:
    """A fact, with what its headers say."""
    said = {name: text.decode() for name, text in headers}
    kind, effective = said["ce_type"], said.get("ce_effectivefrom")
    if wrong == "crashes-on-the-unknown" and "hologram" in kind:
        raise KeyError(kind)
    fact = {"fact": said["ce_id"], "subject": said["ce_subject"], "type": kind, "effective": effective, "data": value}
    written = int(said["ce_dataschema"].rpartition(":")[2])
    return fact | {"version": written, "order": int(said["ce_streamversion"]), "topic": topic}


def skipped(fact: Fact) -> bool:
    """What is passed over as it comes."""
    return wrong == "reads-strictly" and "hologram" in fact["data"]


def held(facts: list[Fact]) -> list[Fact]:
    """What is true, told from all that came."""
    kept: dict[str, Fact] = {}
    heads: dict[str, str] = {}
    for fact in ordered(facts):
        if not skipped(fact):
            apply(fact, kept, heads)
    return list(kept.values())


def ordered(facts: list[Fact]) -> Iterable[Fact]:
    """Each fact once, in the order of its child's versions; else as they came."""
    if wrong == "last-one-wins":
        return facts
    if wrong == "drops-the-late":
        return (
            fact
            for n, fact in enumerate(facts)
            if version(fact) > max(map(version, beside(fact, facts[:n])), default=0)
        )
    once = {fact["fact"]: fact for fact in facts}
    return sorted(once.values(), key=version)


def beside(fact: Fact, facts: list[Fact]) -> Iterable[Fact]:
    """The facts of the same child on the same topic."""
    return (one for one in facts if (one["subject"], one["topic"]) == (fact["subject"], fact["topic"]))


def version(fact: Fact) -> int:
    number: int = fact["order"]
    return number


def apply(fact: Fact, kept: dict[str, Fact], heads: dict[str, str]) -> None:
    """Add a fact, or what a correction says of others."""
    if not fact["type"].startswith("correction.") or wrong == "ignores-corrections":
        kept[fact["fact"]] = fact
        return
    said = fact["data"]
    heads[fact["fact"]] = heads.get(said["corrects"], said["corrects"])
    for change in ({**said, "corrects": heads[fact["fact"]]}, *said.get("consequences", ())):
        change_one(change, kept)


def change_one(change: Fact, kept: dict[str, Fact]) -> None:
    first, content = kept.get(change["corrects"]), change.get("replacement")
    if first is None:
        return
    if content is not None:
        written = first["version"] if wrong == "ignores-of-version" else change["of_version"]
        now = {"effective": change["effective"], "data": content, "version": written, "gone": False}
        kept[change["corrects"]] = first | now
    elif wrong != "ignores-retractions":
        kept[change["corrects"]] = first | {"gone": True}


def tell(facts: list[Fact]) -> None:
    """Print what is held, in the way that is wrong."""
    lines = [fact for fact in held(facts) if not fact.get("gone")]
    if wrong == "counts-twice":
        twice = {fact["fact"] for n, fact in enumerate(facts) if fact in facts[:n]}
        lines += [line for line in lines if line["fact"] in twice]
    for line in lines:
        sys.stdout.write(json.dumps(line) + "\n")


found = asyncio.run(read())
if wrong == "forgets-at-a-restart":
    before = json.loads(state.read_text()) if state.exists() else []
    state.write_text(json.dumps(found))
    found = [fact for fact in found if fact not in before]
if wrong == "hangs":
    while True:
        asyncio.run(asyncio.sleep(1))
tell(found)
