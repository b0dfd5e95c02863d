"""What a token may see: authority, role and sensitivity, and nothing more, not even by counting."""

import json
from uuid import UUID, uuid4

import asyncpg
import pytest

from carejourney.envelope import SEALED, Draft
from carejourney.keys import FORGOTTEN
from carejourney.membership import LEFT
from events.correction import FactCorrected, FactRetracted
from events.health import HealthOutcomesReported, SubstanceMisuseReported
from tests.builders import AUTHORITY, a_context
from tests.integration.chassis.probe import Probe, children
from tests.integration.feed.served import (
    ELSEWHERE,
    HELD,
    MISUSE,
    PLAN,
    TOPIC,
    TWIN,
    Served,
    everything,
    ids,
    page,
    says,
)


async def correct(feed: Served, child: UUID, fact: str, kind: str, topic: str = TOPIC) -> str:
    """Retract a fact; the id of the retraction."""
    body = FactRetracted(corrects=fact, type=kind, reason="error")
    (said,) = await says(feed.running, child, body, topic=topic)
    return said


async def test_a_token_of_one_authority_is_given_the_facts_of_that_authority_alone(feed: Served) -> None:
    one, other = await children(feed.running, 2)
    said = await says(feed.running, one, HELD)
    await says(feed.running, other, HELD, HELD, authority=ELSEWHERE)
    said += await says(feed.running, one, HELD)
    async with feed.client(authorities=[AUTHORITY]) as client:
        given = await everything(client, limit=1)
    assert ids(given) == said


async def test_what_is_left_out_moves_the_cursor_and_cannot_be_counted(feed: Served) -> None:
    (child,) = await children(feed.running, 1)
    await says(feed.running, child, HELD, HELD)
    async with feed.client(authorities=[ELSEWHERE]) as client:
        nothing = await page(client)
        await says(feed.running, child, *[HELD] * 500)
        much = await page(client, nothing["next"])
        (shown,) = await says(feed.running, child, HELD, authority=ELSEWHERE)
        found = await page(client, much["next"])
    assert nothing["facts"] == much["facts"] == []
    assert nothing["more"] is much["more"] is False
    assert len(nothing["next"]) == len(much["next"])
    assert ids(found["facts"]) == [shown]
    assert "streamversion" not in found["facts"][0]


async def test_a_restricted_fact_is_for_those_alone_who_may_read_the_twin(feed: Served) -> None:
    (child,) = await children(feed.running, 1)
    said = await says(feed.running, child, HELD, MISUSE)
    async with feed.client() as worker, feed.client("leaving-care") as adviser:
        assert ids(await everything(worker, topic=TWIN)) == [said[1]]
        assert ids(await everything(worker)) == [said[0]]
        assert (await adviser.get(f"/feed/{TWIN}")).status_code == 403
        assert (await adviser.get(f"/feed/{TOPIC}")).status_code == 403


async def test_a_fact_whose_sensitivity_was_raised_is_no_longer_for_the_readers_of_its_type(feed: Served) -> None:
    (child,) = await children(feed.running, 1)
    said = await says(feed.running, child, HELD, topic=TWIN)
    async with feed.client() as worker, feed.client("health") as nurse:
        assert ids(await everything(worker, topic=TWIN)) == said
        assert await everything(nurse, topic=TWIN) == []


async def test_the_topics_are_those_a_token_may_subscribe_to(feed: Served) -> None:
    async with feed.client() as worker, feed.client("virtual-school") as head:
        assert (await worker.get("/feed")).json() == {"topics": [TOPIC, TWIN]}
        assert (await head.get("/feed")).json() == {"topics": []}


async def test_a_correction_goes_to_those_who_have_what_it_corrects(feed: Served) -> None:
    (child,) = await children(feed.running, 1)
    held, misuse = await says(feed.running, child, HELD, MISUSE)
    retracted = await correct(feed, child, held, HELD.wire)
    hidden = await correct(feed, child, misuse, SubstanceMisuseReported.wire, TWIN)
    async with feed.client("health") as nurse, feed.client() as worker:
        assert ids(await everything(nurse)) == [held, retracted]
        assert ids(await everything(worker, topic=TWIN)) == [misuse, hidden]
        assert ids(await everything(worker, types=HELD.wire)) == [held, retracted]
        assert await everything(worker, types=HealthOutcomesReported.wire) == []


async def test_personal_fields_are_opened_for_those_in_whose_care_they_are(feed: Served) -> None:
    (child,) = await children(feed.running, 1)
    (plan,) = await says(feed.running, child, PLAN)
    replaced = {"summary": "Another plan that names Asha."}
    body = FactCorrected(corrects=plan, type=PLAN.wire, effective="2026-05-04", replacement=replaced)
    await says(feed.running, child, body, topic=TOPIC)
    async with feed.client("health") as nurse:
        first, second = await everything(nurse)
    assert first["data"]["summary"] == PLAN.summary
    assert second["data"]["replacement"] == replaced


async def test_an_erased_child_s_personal_fields_are_forgotten_and_the_rest_goes_on(feed: Served, book: Probe) -> None:
    gone, stays = await children(feed.running, 2)
    await says(feed.running, gone, PLAN)
    await says(feed.running, stays, PLAN)
    await destroy_key(book, gone)
    async with feed.client() as client:
        first, second = await everything(client)
    assert first["data"]["summary"] == {"forgotten": True}
    assert second["data"]["summary"] == PLAN.summary
    assert FORGOTTEN not in str(first)


async def destroy_key(book: Probe, child: UUID) -> None:
    """As erasure does it, in the key store."""
    admin = await asyncpg.connect(book.admin_dsn.rpartition("/")[0] + "/keys")
    await admin.execute("delete from subject_key where subject = $1", child)
    await admin.execute(
        "insert into erased (subject, erasure, authority, reason, asked_by, asked_at, confirmed_by, erased_at)"
        " values ($1, $2, $3, 'error', 'a', now(), 'b', now())",
        child, uuid4(), AUTHORITY,
    )  # fmt: skip
    await admin.close()


async def test_the_sealed_record_of_an_adopted_child_is_given_to_nobody(feed: Served) -> None:
    adopted, other = await children(feed.running, 2)
    await says(feed.running, adopted, HELD)
    said = await says(feed.running, other, HELD)
    async with feed.client() as client:
        before = await everything(client)
        await heard(feed, adopted, SEALED)
        assert len(before) == 2
        assert ids(await everything(client)) == said


async def heard(feed: Served, subject: UUID, kind: str, on: str = "2026-05-04") -> None:
    """As if it had come from placement."""
    await feed.running.pool.execute(
        "insert into received (subject, topic, topic_version, id, type, authority, headers, payload)"
        " values ($1, 'care.placement', 1, $2, $3, $4, $5, '{}')",
        subject, uuid4(), kind, AUTHORITY, json.dumps({"ce_effectivefrom": on}).encode(),
    )  # fmt: skip


async def test_an_agency_that_left_its_trust_is_given_nothing_more(feed: Served) -> None:
    agency = uuid4()
    async with feed.client(actor=str(agency)) as client:
        assert await everything(client) == []
        await heard(feed, agency, LEFT)
        answer = await client.get(f"/feed/{TOPIC}")
    assert answer.status_code == 403
    assert "left the trust" in answer.json()["detail"]


async def test_a_cursor_of_another_topic_is_told_so(feed: Served) -> None:
    async with feed.client() as client:
        other = (await page(client, topic=TWIN))["next"]
        answer = await client.get(f"/feed/{TOPIC}", params={"after": other})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:carejourney:problem:bad-cursor"
    assert f"a cursor of {TWIN} and not of {TOPIC}" in answer.json()["detail"]


@pytest.mark.parametrize("cursor", ["1", "1abc", "2" + "A" * 90, "not a cursor", "1" + "A" * 90, "0,0"])
async def test_what_is_no_cursor_is_told_so(feed: Served, cursor: str) -> None:
    async with feed.client() as client:
        answer = await client.get(f"/feed/{TOPIC}", params={"after": cursor})
    assert (answer.status_code, answer.json()["title"]) == (400, "This is no cursor of this feed")
    assert "leave `after` out" in answer.json()["detail"]


async def test_a_cursor_from_before_a_restore_is_told_that_it_has_expired(feed: Served, book: Probe) -> None:
    (child,) = await children(feed.running, 1)
    await says(feed.running, child, HELD)
    async with feed.client() as client:
        cursor = (await page(client))["next"]
        admin = await asyncpg.connect(book.owner_dsn)
        await admin.execute("delete from fact")
        await admin.close()
        answer = await client.get(f"/feed/{TOPIC}", params={"after": cursor})
        streamed = await client.get(f"/feed/{TOPIC}", headers={"accept": "text/event-stream", "last-event-id": cursor})
    assert (answer.status_code, streamed.status_code) == (410, 410)
    assert answer.json()["type"] == "urn:carejourney:problem:cursor-expired"
    assert "without `after`" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("roles", "authorities", "query", "status", "told"),
    [
        (("operations",), ["*"], {}, 403, "review, social-work"),
        (("social-work",), [], {}, 403, "covers no authority"),
        (("social-work",), ["*"], {"types": "health.nothing_like_it"}, 422, "no type of care.health"),
        (("health",), ["*"], {"types": "health.substance_misuse_reported"}, 403, "may not see"),
        (("social-work",), ["*"], {"limit": 0}, 422, "limit"),
        (("social-work",), ["*"], {"wait": 31}, 422, "wait"),
    ],
)
async def test_what_cannot_be_had_is_told_plainly(
    feed: Served, roles: tuple[str, ...], authorities: list[str], query: dict[str, str | int], status: int, told: str
) -> None:
    async with feed.client(*roles, authorities=authorities) as client:
        answer = await client.get(f"/feed/{TOPIC}", params=query)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert told in answer.json()["detail"]


async def test_a_topic_of_another_service_is_told_so(feed: Served) -> None:
    async with feed.client() as client:
        answer = await client.get("/feed/care.placement")
    assert answer.status_code == 404
    assert f"it publishes on: {TOPIC}, {TWIN}" in answer.json()["detail"]


async def test_the_right_is_judged_before_the_cursor(feed: Served) -> None:
    async with feed.client("operations") as client:
        assert (await client.get(f"/feed/{TOPIC}", params={"after": "nonsense"})).status_code == 403


async def test_facts_given_in_two_drafts_keep_the_authority_of_their_time(feed: Served) -> None:
    (child,) = await children(feed.running, 1)
    before = await says(feed.running, child, HELD, authority=ELSEWHERE)
    async with feed.running.store.unit([child]) as unit:
        unit.append([Draft(child, HELD, "2026-06-04", TOPIC)], a_context(source="health", authority=AUTHORITY))
    async with feed.client(authorities=[ELSEWHERE]) as client:
        assert ids(await everything(client)) == before
