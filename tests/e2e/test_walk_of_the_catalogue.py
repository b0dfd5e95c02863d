"""Nothing on paper only: every fact in through its command, out of Kafka, told, corrected, retracted."""

import json
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from carejourney.cli.fact_lines import Recorder
from carejourney.keys import PREFIX
from carejourney.returns.posting import Desk
from carejourney.returns.report import ImportReport
from events.catalogue import CATALOGUE
from events.sampling import sample_of
from tests.builders import an_episode
from tests.e2e.walking import Walk, by_hand, lines_of, published
from tests.fixtures.system import AUTHORITY, SERVICES, System
from tests.integration.erasure.erasing import erased, state

DOCUMENT = Path(__file__).parents[2] / "docs" / "record.md"
TAKEN = "taken"
WORKER = {"worker": "01980000-0000-7000-8000-000000000001"}
ODD_LINES: list[tuple[dict[str, Any], str]] = [
    ({"type": "placement.subject_registered"}, TAKEN),
    ({"type": "planning.iro_assigned", "effective": "2026-03-02", "content": WORKER, "ref": "iro"}, TAKEN),
    ({"type": "planning.iro_ended", "effective": "2026-03-01", "ends_ref": "iro"}, "effective"),
    ({"type": "planning.iro_ended", "effective": "2026-03-03", "ends_ref": "nobody"}, "ref"),
    ({"type": "planning.iro_assigned", "effective": "2026-03-02", "content": WORKER, "ref": "iro"}, "ref"),
    ({"type": "planning.iro_vanished", "effective": "2026-03-02"}, "type"),
    ({"type": "planning.meeting_held", "effective": "2026-03-02", "content": {"kind": "party"}, "ref": "odd"}, "kind"),
    ({"type": "planning.meeting_held", "corrects_ref": "odd", "content": {"kind": "handover"}}, "ref"),
    ({"type": "planning.meeting_held", "effective": "2126-03-02", "content": {"kind": "handover"}}, "effective"),
    ({"type": "planning.meeting_held", "effective": "soon", "content": {"kind": "handover"}}, "effective"),
    ({"type": "planning.meeting_held", "content": {"kind": "handover", "moon": "full"}}, "moon"),
    ({"type": "planning.meeting_held", "effective": "2026-03-02", "ends_ref": "iro"}, "ends_ref"),
    ({"type": "planning.iro_assigned", "retract": "twice"}, "retract"),
    ({"type": "health.gp_registered", "effective": "2026-03-02", "concerns": ["NOBODY"]}, "concerns"),
    ({"type": "health.gp_registered", "effective": "2026-03-02"}, TAKEN),
]
STEPS = {
    "placement.child_entered_care": ("care", {
        "on": "2012-05-01", "legal_status": "V2", "category_of_need": "N1", "placement_type": "U6",
        "placement_provider": "PR1", "home_postcode": "B1 1AA", "placement_postcode": "B13 8DD",
    }),
    "placement.placement_moved": ("moves", {"on": "2013-06-03", "placement_type": "K2", "reason": "CARPL"}),
    "placement.legal_status_changed": ("legal-statuses", {"on": "2014-02-03", "legal_status": "C2"}),
    "placement.child_left_care": ("care/end", {"on": "2016-03-01", "reason": "E4A"}),
}  # fmt: skip
OPEN_WITH_ITS_REASON = an_episode("2016-05-02", dec=None, rec="E4A")
ADOPTED = {
    "entered": STEPS["placement.child_entered_care"],
    "left": ("care/end", {"on": "2013-06-03", "reason": "E11"}),
}
KEPT = (
    ("/agencies", {"agency": "health", "joined_on": "2026-01-05"}),
    ("/agencies/departures", {"left_on": "2026-02-02"}),
    ("/providers", {"sector": "voluntary", "service": "mentoring", "from_day": "2026-01-05"}),
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def walk(system: System) -> Walk:
    """A child just registered, of whom every service has heard."""
    (child,) = await system.register(f"WALK{secrets.token_hex(6)}")
    await system.settled()
    return Walk(system, child)


@pytest.mark.source("CM1.9b")
async def test_every_fact_goes_in_through_its_command_and_a_wrong_one_is_refused_with_its_field(walk: Walk) -> None:
    for cls in by_hand():
        answer = await walk.misstates(cls)
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:carejourney:problem:malformed"), answer.text
        assert any(place["field"].endswith(sample_of(cls).field) for place in answer.json()["fields"]), answer.text
        accepted = await walk.states(cls)
        assert (accepted.status_code, accepted.json()["facts"] > 0) == (201, True), (cls.wire, accepted.text)


async def test_every_fact_comes_out_of_kafka_on_its_topic_with_its_personal_fields_sealed(walk: Walk) -> None:
    facts = await published(walk.system, walk.child)
    for cls in by_hand():
        fact = facts[walk.ids[cls.wire]]
        assert (fact.type, fact.topic, fact.source) == (cls.wire, cls.destination(), cls.owner())
        assert fact.headers["ce_dataschema"] == f"urn:carejourney:{cls.wire}:{cls.version}"
        assert ("ce_effectivefrom" in fact.headers) == cls.dated
        for name, value in walk.said[cls.wire].items():
            if (cls.wire, name) == ("education.school_changed", "previous_urn"):
                assert fact.data[name] is None, "the record holds no school before"
            elif name in cls.personal_fields() and value is not None:
                assert fact.data[name].startswith(PREFIX)
            else:
                assert fact.data[name] == value, (cls.wire, name)


async def test_every_fact_is_told_in_its_lane_of_the_journey(walk: Walk) -> None:
    lanes = await walk.lanes()
    for cls in by_hand():
        (one,) = walk.told(cls, lanes)
        assert (one["source"], one["corrected"]) == (cls.owner(), False), cls.wire
        begun = cls if cls.edge != "end" else cls.linked
        assert begun is not None
        assert one["type"] == begun.wire
        if cls.edge == "end":
            assert one["until"] is not None


async def test_every_fact_can_be_corrected_and_the_journey_tells_what_it_was(walk: Walk) -> None:
    assert await walk.changes([(cls, walk.other(cls)) for cls in by_hand()]) == []
    lanes = await walk.lanes()
    for cls in by_hand():
        (one,) = walk.told(cls, lanes)
        assert one["corrected"], cls.wire
        assert cls.wire in {form["type"] for form in one["was"]}


async def test_every_fact_can_be_retracted_and_its_history_is_kept(walk: Walk) -> None:
    before = datetime.now(UTC).isoformat()
    assert await walk.changes([(cls, {"reason": "did_not_happen"}) for cls in reversed(by_hand())]) == []
    lanes = await walk.lanes()
    assert {lane for lane, told in lanes.items() if told} == {"identity"}
    then = await walk.lanes(known_on=before)
    assert [cls.wire for cls in by_hand() if len(walk.told(cls, then)) != 1] == []
    corrections = {f.type for f in (await published(walk.system, walk.child)).values() if f.corrects}
    assert corrections == {"correction.fact_corrected", "correction.fact_retracted"}


async def test_what_follows_from_other_facts_is_told_corrected_and_retracted_with_them(system: System) -> None:
    (child,) = await system.register(f"DERIVED{secrets.token_hex(6)}")
    await system.settled()
    walk = Walk(system, child)
    details = {"sex": "F", "date_of_birth": "1998-07-14"}
    await accepted(walk, "registers", {"type": "placement.child_details_recorded", "content": details})
    for path, body in STEPS.values():
        await accepted(walk, path, body)
    told = await state(system, "placement", child, {"episodes": [OPEN_WITH_ITS_REASON]})
    assert not told["refused"]
    lanes = await walk.lanes()
    facts = await published(system, child)
    follow = [cls for cls in CATALOGUE.values() if cls.recorded_by in {"derived", "timer"}]
    assert {cls.wire for cls in follow} <= {fact.type for fact in facts.values()}
    assert [one["value"]["rec"]["code"] for one in lanes["episode"] if one["until"] is None] == ["E4A"]
    assert {cls.lane for cls in follow} <= {lane for lane, told in lanes.items() if told}
    for fact in [f for f in facts.values() if CATALOGUE[f.type].recorded_by in {"derived", "timer"}]:
        answer = await walk.post(fact.source, "retractions", {"corrects": fact.id, "reason": "error"})
        assert (answer.status_code, "it follows from" in answer.json()["detail"]) == (409, True)
    await withdraws(walk, [f.id for f in facts.values() if f.type == "placement.episode_started"])
    assert {lane for lane, told in (await walk.lanes()).items() if told} == {"identity", "details"}


async def test_what_the_register_and_a_reading_record_comes_out_of_kafka_too(system: System) -> None:
    adopted, forgotten = await system.register(*(f"KEPT{secrets.token_hex(6)}" for _ in range(2)))
    await system.settled()
    walk, placement = Walk(system, adopted), system["placement"]
    for path, body in ADOPTED.values():
        await accepted(walk, path, body)
    await system.settled()
    (await system["journey"].get(f"/children/{adopted}/carer-view")).raise_for_status()
    who = {"authority": AUTHORITY, "system": f"walk-{secrets.token_hex(4)}"}
    kept = [(await placement.post(path, json=who | body)).raise_for_status().json() for path, body in KEPT]
    sealing = {"child": str(adopted), "adopted_on": "2013-06-03"}
    (await placement.post("/sealed-records", json=sealing)).raise_for_status()
    await erased(system, forgotten)
    await system.settled()
    reading = {"child": str(adopted), "purpose": "origins"}
    (await system["journey"].post("/sealed-records/readings", json=reading)).raise_for_status()
    subjects = {adopted, forgotten} | {UUID(one.get("agency") or one["provider"]) for one in kept}
    heard = {fact.type for subject in subjects for fact in (await published(system, subject)).values()}
    assert {cls.wire for cls in CATALOGUE.values() if cls.recorded_by in {"register", "reading"}} <= heard


def test_every_fact_of_the_catalogue_is_walked_by_one_of_these() -> None:
    walked = {cls.recorded_by for cls in CATALOGUE.values()} - {"family"}
    assert walked == {"derived", "timer", "register", "reading", "correction"}
    assert {cls for cls in CATALOGUE.values() if cls.remedy() is None} == set(by_hand())


async def test_each_service_corrects_and_retracts_over_http_too(system: System) -> None:
    (child,) = await system.register(f"HTTP{secrets.token_hex(6)}")
    await system.settled()
    walk = Walk(system, child)
    for cls in {cls.owner(): cls for cls in by_hand() if cls.edge == "start" and cls.owner() != "placement"}.values():
        first = await walk.states(cls)
        change = walk.other(cls)
        body = {"corrects": walk.ids[cls.wire], "effective": change["effective"], "replacement": change["content"]}
        stale = await walk.post(cls.owner(), "corrections", body, {"if-match": '"0"'})
        corrected = await walk.post(cls.owner(), "corrections", body, {"if-match": first.headers["etag"]})
        assert (stale.status_code, corrected.status_code, corrected.json()["corrections"]) == (412, 201, 1)
        gone = {"corrects": corrected.json()["recorded"][0], "reason": "twice"}
        retracted = await walk.post(cls.owner(), "retractions", gone)
        assert (retracted.status_code, retracted.json()["stands"]) == (201, walk.ids[cls.wire])


async def accepted(walk: Walk, path: str, body: dict[str, Any]) -> None:
    answer = await walk.post("placement", path, body)
    assert answer.status_code == 201, answer.text


async def withdraws(walk: Walk, ids: list[str]) -> None:
    for identity in ids:
        await accepted(walk, "retractions", {"corrects": identity, "reason": "wrong_child"})


async def recorded(system: System, path: Path) -> ImportReport:
    """One run of `carejourney record` over the services of this process."""
    mounts = {f"http://{name}": system[name]._transport for name in SERVICES}
    headers = {"authorization": f"Bearer {system.surroundings.token()}"}
    async with httpx.AsyncClient(mounts=mounts, headers=headers, timeout=60) as client:
        desk = Desk(client, {name: f"http://{name}" for name in SERVICES}, 30)
        report = await Recorder(path, AUTHORITY, desk).take()
    await system.settled()
    return report


async def test_a_file_of_every_fact_is_recorded_once_however_often_and_wherever_it_was_cut(
    system: System, tmp_path: Path
) -> None:
    local_id = f"FILE{secrets.token_hex(6)}"
    register = f'{{"child": "{local_id}", "type": "placement.subject_registered"}}'
    lines = [register, *lines_of(local_id, by_hand())]
    path = tmp_path / "facts.jsonl"
    path.write_text("\n".join(lines[: len(lines) // 2]))
    half = await recorded(system, path)
    path.write_text("\n".join(lines))
    whole, again = await recorded(system, path), await recorded(system, path)
    assert (half.refused, whole.refused, again.refused) == ([], [], [])
    assert (whole.rows_taken, again.rows_taken) == (len(lines), len(lines))
    assert half.facts_recorded + whole.facts_recorded >= len(lines)
    assert (again.facts_recorded, again.corrections) == (0, 0)


async def recorded_lines(system: System, path: Path, *lines: str) -> ImportReport:
    return await recorded(system, written(path, lines))


def written(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("\n".join(lines))
    return path


async def test_the_lines_of_the_documentation_are_taken_as_they_are_written(system: System, tmp_path: Path) -> None:
    local_id = f"DOCS{secrets.token_hex(6)}"
    block = DOCUMENT.read_text().partition("```json\n")[2].partition("```")[0].replace("SAMPLE1", local_id)
    lines = [f'{{"child": "{local_id}", "type": "placement.subject_registered"}}', *block.splitlines()]
    report = await recorded_lines(system, tmp_path / "facts.jsonl", *lines)
    assert (report.rows_read, report.refused) == (len(lines), [])
    assert (report.facts_recorded, report.corrections) == (len(lines), 2)


async def test_a_line_that_is_not_taken_is_named_with_its_field_and_the_others_are_taken(
    system: System, tmp_path: Path
) -> None:
    local_id = f"ODD{secrets.token_hex(6)}"
    lines = [json.dumps({"child": local_id, **line}) for line, _ in ODD_LINES]
    report = await recorded_lines(system, tmp_path / "facts.jsonl", *lines, "{", '{"child": "x"}')
    expected = [(number, field) for number, (_, field) in enumerate(ODD_LINES, start=1) if field != TAKEN]
    found = sorted((entry.row, entry.column) for entry in report.refused if entry.row is not None)
    assert found == [*expected, (len(lines) + 1, None), (len(lines) + 2, None)]
    assert report.rows_taken == len(lines) - len(expected)


async def test_a_child_of_another_authority_is_unknown_to_a_file(system: System, tmp_path: Path) -> None:
    (child,) = await system.register(f"THEIRS{secrets.token_hex(6)}", authority="E06000016")
    await system.settled()
    line = json.dumps({"child": str(child), "type": "health.gp_registered", "effective": "2026-05-11"})
    report = await recorded_lines(system, tmp_path / "facts.jsonl", line)
    (refusal,) = report.refused
    assert refusal.reason == "no child of that pseudonym is known here"
