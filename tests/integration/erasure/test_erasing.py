"""A child is erased: asked for, confirmed, forgotten by every service; and what readers and writers are told then."""

import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from carejourney.cli.erasing_for_good import issue, language, look
from carejourney.cli.reaching import Reach
from carejourney.erasure.ledger import Entry, destroy
from carejourney.erasure.receipt import is_signed_by, public_key
from carejourney.erasure.structure import Examiner, Found
from carejourney.ids import derived_id
from carejourney.keys import FORGOTTEN, RECEIPTS
from events.placement import JusticeContactRecorded
from events.sampling import sample_of
from tests.fixtures.system import AUTHORITY, System
from tests.integration.chassis.probe import until
from tests.integration.erasure.erasing import UPN, a_canary, confirmed, erased, state

TIE = "journey.relationship_recorded"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left for long is told while the test still runs."""
    monkeypatch.setattr("carejourney.cli.erasing_for_good.PATIENCE", 20)


async def a_child(system: System) -> tuple[UUID, str]:
    local_id = f"CANARY{uuid4().hex[:12]}"
    return await a_canary(system, local_id), local_id


async def faults(reach: Reach, child: UUID) -> list[str]:
    return [f"{one.place}: {fault}" for one in await look(reach, child) for fault in one.faults]


async def test_a_child_is_erased_and_the_receipt_says_where_the_sealed_fields_are(system: System, reach: Reach) -> None:
    child, _ = await a_child(system)
    before = await faults(reach, child)
    erasure = await erased(system, child)
    receipt = await issue(reach, erasure)
    places = {one["place"]: one["sealed"] for one in (*receipt["stores"], *receipt["topics"])}
    assert is_signed_by(receipt, public_key(await reach.secret(RECEIPTS)))
    assert (receipt["child"], receipt["reason"], receipt["asked"]["by"]) == (str(child), "court_order", "tester")
    assert min(places[name] for name in ("placement.fact", "journey.received", "education.received")) > 3
    assert min(places[name] for name in ("care.placement", "care.education", "education.virtual_roll")) > 0
    assert "leaving_care.timer" not in places
    assert any("a timer" in fault for fault in before)
    assert any("education.virtual_roll: a digest" in fault for fault in before)


async def test_a_record_written_by_hand_into_a_topic_is_judged_whatever_its_headers(
    system: System, reach: Reach
) -> None:
    child, kafka = uuid4(), {"bootstrap_servers": system.surroundings.kafka}
    headers = [("ce_type", b"health.\xff"), ("ce_concerns", None)]
    async with AIOKafkaProducer(**kafka) as producer:
        admin = AIOKafkaAdminClient(**kafka)
        await admin.start()
        await admin.create_topics([NewTopic("care.by_hand", 1, 1)])
        try:
            await producer.send_and_wait("care.by_hand", b"{}", key=str(child).encode(), headers=headers)
            found = await faults(reach, child)
        finally:
            await admin.delete_topics(["care.by_hand"])
            await admin.close()
    assert any(told.startswith("topic care.by_hand: a fact of type health.") for told in found)


async def test_readers_are_told_that_it_was_forgotten(system: System) -> None:
    child, local_id = await a_child(system)
    await erased(system, child)
    await system.settled()
    told = (await system["journey"].get(f"/children/{child}/history")).raise_for_status().json()
    assert told["local_id"] == told["lanes"]["upn"][0]["value"]["upn"] == FORGOTTEN
    assert told["lanes"]["details"][0]["value"]["date_of_birth"] == FORGOTTEN
    assert told["lanes"]["erasure"][0]["value"] == {"reason": "court_order"}
    assert (await system["journey"].get(f"/children/{AUTHORITY}:{local_id}/history")).status_code == 404
    for service, page in (
        ("journey", f"/pages/children/{child}"),
        ("journey", f"/pages/children?authority={AUTHORITY}"),
        ("education", f"/pages/roll?authority={AUTHORITY}&in_care=all"),
    ):
        shown = await system[service].get(page)
        assert (shown.status_code, FORGOTTEN in shown.text) == (200, True), page
    found = await system["education"].get("/roll", params={"authority": AUTHORITY, "q": UPN, "in_care": "all"})
    assert str(child) not in found.text


async def test_nothing_can_be_added_to_an_erased_record_and_others_of_the_same_batch_are_taken(system: System) -> None:
    (child, _), (other,) = await a_child(system), await system.register(f"OTHER{uuid4()}")
    await erased(system, child)
    refused = await system["placement"].post(
        f"/children/{child}/missing", json={"at": "2026-03-09T22:15:00Z", "kind": "M"}
    )
    assert (refused.status_code, refused.json()["type"]) == (410, "urn:carejourney:problem:erased")
    header = {"header": [{"ref": 7, "sex": "1", "dob": "2012-01-01", "ethnic": "WBRI", "mother": None, "mc_dob": None}]}
    lines = [
        json.dumps(
            {"command_id": str(uuid4()), "subject": str(one), "authority": AUTHORITY, "year": 2026, "tables": header}
        )
        for one in (child, other)
    ]
    answers = await system["placement"].post("/returns/ssda903", content="\n".join(lines))
    first, second = (json.loads(line) for line in answers.raise_for_status().text.splitlines())
    assert (first["facts"], [one["ref"] for one in first["refused"]]) == (0, [7])
    assert (second["facts"] > 0, second["refused"]) == (True, [])


async def test_what_was_said_of_an_erased_child_in_anothers_record_is_forgotten_and_counted(
    system: System, reach: Reach
) -> None:
    (child, brother) = await system.register(f"NAMED{uuid4().hex}", f"BROTHER{uuid4().hex}")
    await system.settled()
    for content, concerns in (({"person": str(child), "kind": "sibling", "name": "A canary"}, ()),
                              ({"person": str(uuid4()), "kind": "friend", "name": "A friend"}, ())):  # fmt: skip
        body = {"type": TIE, "effective": "2026-02-07", "content": content, "concerns": concerns}
        (await system["journey"].post(f"/children/{brother}/relationships", json=body)).raise_for_status()
    await system.settled()
    receipt = await issue(reach, await erased(system, child))
    told = (await system["journey"].get(f"/children/{brother}/history")).raise_for_status().json()
    fed = (await system["journey"].get("/feed/care.journey", params={"types": TIE, "limit": 1000})).json()["facts"]
    names = {one["value"]["kind"]["code"]: one["value"]["name"] for one in told["lanes"]["relationship"]}
    given = {one["data"]["kind"]: one["data"]["name"] for one in fed if one["subject"] == str(brother)}
    assert receipt["stays"][-1].startswith("1 facts of other children name this one")
    assert names == {"sibling": FORGOTTEN, "friend": "A friend"}
    assert given == {"sibling": {"forgotten": True}, "friend": "A friend"}
    assert "A canary" not in (await system["journey"].get(f"/pages/children/{brother}")).text


async def test_a_child_imported_again_is_another_one(system: System) -> None:
    child, local_id = await a_child(system)
    await erased(system, child)
    (again,) = await system.register(local_id)
    assert again != child
    await state(system, "education", again, {"header": [{"ref": 0, "upn": UPN}]})
    listed = (await system["placement"].get("/subjects", params={"authority": AUTHORITY})).json()
    assert str(again) in listed
    assert str(child) not in listed


async def test_a_lane_that_is_parked_loses_its_digests_too(system: System, reach: Reach) -> None:
    child, _ = await a_child(system)
    await system.running["education"].pool.execute(
        "insert into parked (projection, subject, topic, reason) values ('virtual_roll', $1, '', 'a fault')", child
    )
    assert await issue(reach, await erased(system, child))


async def test_an_erasure_that_stopped_after_the_key_was_destroyed_goes_on_by_itself(
    system: System, reach: Reach
) -> None:
    child, _ = await a_child(system)
    now = datetime.now(UTC)
    entry = Entry(child, uuid4(), AUTHORITY, "retention_ended", "one", now, "two", now)
    await destroy(system.running["placement"].keys_pool, entry)

    async def forgotten() -> bool:
        return not await faults(reach, child)

    await until(forgotten, "the register forgets the child", 20)
    assert (await issue(reach, entry.erasure))["confirmed"]["by"] == "two"


async def test_it_is_asked_for_by_a_role_of_its_own_and_confirmed_with_the_draft_in_hand(system: System) -> None:
    child, _ = await a_child(system)
    placement, path, body = system["placement"], "/erasures", {"child": str(child), "reason": "court_order"}
    others = {"authorization": f"Bearer {system.surroundings.token('social-work', 'operations')}"}
    assert (await placement.post(path, json=body, headers=others)).status_code == 403
    elsewhere = {"authorization": f"Bearer {system.surroundings.token('erasure', authorities=['E06000016'])}"}
    assert (await placement.post(path, json=body, headers=elsewhere)).status_code == 404
    assert (await placement.post(path, json=body | {"reason": "spring cleaning"})).status_code == 422
    asked = (await placement.post(path, json=body)).json()
    blind = await placement.post(f"/erasures/{asked['erasure']}/confirmation", json={"draft": "0" * 64})
    assert (blind.status_code, asked["state"], asked["asked_by"]) == (409, "asked", "tester")
    assert child in await system.running["journey"].keys.of([child])
    first = await confirmed(placement, asked)
    assert first == await confirmed(placement, asked)
    assert (first["state"], first["confirmed_by"]) == ("erased", "tester")
    assert (await placement.post(path, json=body)).status_code == 410


async def test_the_draft_counts_what_placement_hears_and_names_every_topic_that_it_does_not_count(
    system: System, reach: Reach
) -> None:
    child, _ = await a_child(system)
    asked = (await system["placement"].post("/erasures", json={"child": str(child), "reason": "court_order"})).json()
    counted, others = (asked["draft"][name] for name in ("facts_heard_by_placement", "erased_too_but_not_counted_here"))
    await confirmed(system["placement"], asked)
    receipt = await issue(reach, UUID(asked["erasure"]))
    rows = {one["place"]: one["rows"] for one in receipt["topics"]}
    rows["care.placement"] -= 1
    assert counted == {topic: count for topic, count in rows.items() if topic not in others}
    assert {"care.planning", "care.health", "care.journey", "care.placement.restricted"} <= set(others)
    assert rows.keys() & set(others)


@pytest.mark.parametrize(
    ("service", "statement"),
    [
        ("education", "update virtual_roll set upn_digest = repeat('0', 64) where subject = $1"),
        ("journey", "update children set local_id = 'in plain text' where subject = $1"),
        (
            "leaving_care",
            "insert into timer (subject, name, due_at) values ($1, 'birthdays', 'tomorrow')",
        ),
    ],
)
async def test_no_receipt_is_given_for_what_is_not_so(
    system: System, reach: Reach, service: str, statement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    child, _ = await a_child(system)
    erasure = await erased(system, child)
    await issue(reach, erasure)
    await system.running[service].pool.execute(statement, child)
    monkeypatch.setattr("carejourney.cli.erasing_for_good.PATIENCE", 0)
    with pytest.raises(Exception, match=f"something is left: {service}"):
        await issue(reach, erasure)
    await system.running[service].pool.execute("delete from timer where subject = $1", child)


def test_the_readers_rules_name_what_is_personal_wherever_it_stands() -> None:
    personal = language().everywhere
    assert {"local_id", "upn", "date_of_birth", "words"} <= personal
    assert "reason" not in personal
    found = Found("x")
    Examiner(uuid4(), language()).row(found, {"upn": "1"})
    assert found.faults


async def test_what_returns_brought_and_stated_of_the_child_is_forgotten_too(system: System) -> None:
    child, local_id = await a_child(system)
    brought = {"local_id": local_id, "born": "2010-02-27"}
    claim = {"authority": AUTHORITY, "of": 1, "children": [brought]}
    (await system["placement"].post("/returns/claims", json=claim)).raise_for_status()
    pool = system.running["placement"].pool
    before = await pool.fetchval("select count(*) from child_brought")
    assert await pool.fetchval("select count(*) from stated_by_return where subject = $1", child)
    await erased(system, child)
    await system.settled()
    assert await pool.fetchval("select count(*) from child_brought") == before - 1
    assert not await pool.fetchval("select count(*) from stated_by_return where subject = $1", child)


async def test_what_a_recorded_line_says_cannot_be_guessed_from_the_id_that_is_kept(system: System) -> None:
    (child,) = await system.register(f"GUESSED{uuid4().hex}")
    guessable, sample = derived_id("a line that anybody could write"), sample_of(JusticeContactRecorded)
    line = {
        "command_id": str(guessable), "run": str(uuid4()), "subject": str(child), "authority": AUTHORITY,
        "type": JusticeContactRecorded.wire, "effective": sample.effective, "content": sample.content,
    }  # fmt: skip
    first, again = [await system["placement"].post("/facts", content=json.dumps(line)) for _ in range(2)]
    pool = system.running["placement"].pool
    remembered = {row["id"] for row in await pool.fetch("select id from command where subject = $1", child)}
    kept = [
        json.loads(row["headers"]) for row in await pool.fetch("select headers from fact where subject = $1", child)
    ]
    (correlation,) = [one["ce_correlationid"] for one in kept if one["ce_type"] == JusticeContactRecorded.wire]
    assert (first.json()["facts"], first.json()["command_id"]) == (1, str(guessable))
    assert first.json()["stands"] == again.json()["stands"]
    assert UUID(correlation) in remembered
    assert guessable not in remembered
