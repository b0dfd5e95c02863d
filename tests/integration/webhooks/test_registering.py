"""An agency's system registers a webhook, looks after it, and sees nobody else's."""

from typing import Any
from uuid import uuid4

import pytest

from carejourney.webhooks.message import PING
from tests.integration.chassis.probe import children
from tests.integration.feed.served import HELD, says
from tests.integration.webhooks.receiver import Receiver, Reply
from tests.integration.webhooks.sender import TOPIC, TWIN, Sender


async def test_the_secret_is_told_once_and_is_nowhere_in_the_database(sender: Sender, receiver: Receiver) -> None:
    webhook = await sender.register(receiver.url)
    assert webhook["secret"].startswith("whsec_")
    assert "secret" not in await sender.shown(webhook)
    rows = await sender.running.pool.fetch("select w::text as row from webhook w")
    assert len(rows) == 1
    assert webhook["secret"].removeprefix("whsec_")[:20] not in rows[0]["row"]
    root = await sender.running.keys.secret("webhooks")
    assert len(root) == 32


async def test_a_registration_sent_again_is_answered_as_before_and_registers_nothing_more(
    sender: Sender, receiver: Receiver
) -> None:
    key = {"idempotency-key": str(uuid4())}
    async with sender.client() as client:
        first = await client.post("/webhooks", json={"url": receiver.url}, headers=key)
        again = await client.post("/webhooks", json={"url": receiver.url}, headers=key)
        other = await client.post("/webhooks", json={"url": receiver.url, "start": "beginning"}, headers=key)
        listed = (await client.get("/webhooks")).json()["webhooks"]
        sender.clock.forward(hours=2)
        late = await client.post("/webhooks", json={"url": receiver.url}, headers=key)
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert other.status_code == 409
    assert [one["id"] for one in listed] == [first.json()["id"]]
    assert "secret" not in late.json()


async def test_who_is_no_agency_s_system_or_may_see_nothing_is_told_which_role_is_needed(
    sender: Sender, receiver: Receiver
) -> None:
    for roles, needed in ((("social-work",), "agency-system"), (("agency-system",), "health")):
        async with sender.client(*roles) as client:
            answer = await client.post("/webhooks", json={"url": receiver.url})
        assert answer.status_code == 403
        assert needed in answer.json()["detail"]
    async with sender.client("agency-system", "virtual-school") as client:
        answer = await client.post("/webhooks", json={"url": receiver.url, "topics": [TWIN]})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"topics": ["care.education"]}, "not of this service"), ({"types": ["health.nothing"]}, "no type"),
        ({"after": {TOPIC: "1nonsense"}}, "no cursor"), ({"start": "yesterday"}, "beginning"),
        ({"topics": []}, "at least"), ({"colour": "red"}, "colour"),
    ],
)  # fmt: skip
async def test_what_cannot_be_meant_is_refused_and_named(
    sender: Sender, receiver: Receiver, wrong: dict[str, Any], word: str
) -> None:
    async with sender.client() as client:
        answer = await client.post("/webhooks", json={"url": receiver.url, **wrong})
        assert answer.status_code in {400, 422}
        assert word in answer.text
        assert not (await client.get("/webhooks")).json()["webhooks"]


async def test_another_agency_s_webhook_is_not_known_to_anybody_but_operators(
    sender: Sender, receiver: Receiver
) -> None:
    webhook = await sender.register(receiver.url, actor="agency-one")
    place = f"/webhooks/{webhook['id']}"
    async with sender.client(actor="agency-two") as client:
        answers = [
            await client.get(place), await client.delete(place), await client.get(f"{place}/parked"),
            await client.post(f"{place}/ping", json={}), await client.post(f"{place}/secret", json={}),
            await client.post(f"{place}/state", json={"state": "paused"}),
            await client.post(f"{place}/redrive", json={"all": True}),
        ]  # fmt: skip
        assert (await client.get("/webhooks")).json()["webhooks"] == []
    assert {answer.status_code for answer in answers} == {404}
    async with sender.client("operations") as client:
        assert (await client.get(place)).json()["url"] == receiver.url.removesuffix("/facts?of=agency")
        assert (await client.post(f"{place}/secret", json={})).status_code == 403
        assert (await client.delete(place)).status_code == 204
        assert (await client.get(place)).status_code == 404


async def test_while_a_secret_is_changed_both_sign_and_then_the_new_one_alone(
    sender: Sender, receiver: Receiver
) -> None:
    webhook = await sender.register(receiver.url)
    key = {"idempotency-key": "rotate-1"}
    async with sender.client() as client:
        place, body = f"/webhooks/{webhook['id']}/secret", {"overlap_seconds": 3600}
        fresh = (await client.post(place, json=body, headers=key)).json()["secret"]
        assert (await client.post(place, json=body, headers=key)).json()["secret"] == fresh
    old = webhook["secret"]
    for ahead, signed in ((0, (True, True)), (2, (False, True))):
        sender.clock.forward(hours=ahead)
        async with sender.client() as client:
            assert (await client.post(f"/webhooks/{webhook['id']}/ping", json={})).json()["accepted"]
        sent = receiver.sent[-1]
        assert _signs(sent, ahead, old, fresh) == signed


def _signs(sent: Any, ahead: int, *secrets: str) -> tuple[bool, ...]:
    assert len(sent.headers["webhook-signature"].split(" ")) == (1 if ahead else 2)
    return tuple(sent.signed_with(secret, ahead * 3600) for secret in secrets)


async def test_a_try_out_is_an_event_that_says_nothing_of_anybody(sender: Sender, receiver: Receiver) -> None:
    webhook = await sender.register(receiver.url)
    async with sender.client() as client:
        answer = (await client.post(f"/webhooks/{webhook['id']}/ping", json={"note": "hello"})).json()
        receiver.decide = lambda _: Reply(418)
        refused = (await client.post(f"/webhooks/{webhook['id']}/ping", json={"note": "hello"})).json()
    event = receiver.sent[0].event
    assert (event["type"], event["data"]["note"], event["id"]) == (PING, "hello", answer["id"])
    assert "subject" not in event
    assert (answer["accepted"], answer["status"]) == (True, 204)
    assert (refused["accepted"], refused["status"]) == (False, 418)
    assert receiver.sent[0].signed_with(webhook["secret"])


async def test_what_is_recorded_during_a_pause_is_sent_after_it_in_order(sender: Sender, receiver: Receiver) -> None:
    webhook = await sender.register(receiver.url)
    (child,) = await children(sender.running, 1)
    said = await says(sender.running, child, HELD)
    await receiver.has(1)
    async with sender.client() as client:
        place = f"/webhooks/{webhook['id']}/state"
        paused = (await client.post(place, json={"state": "paused"})).json()
        assert (paused["state"], paused["why"]) == ("paused", "paused by agency")
        said += await says(sender.running, child, HELD, HELD)
        await sender.becomes(webhook, state="paused")
        assert (await client.post(place, json={"state": "active"})).json()["state"] == "active"
    await receiver.has(3)
    assert receiver.of(child) == said


async def test_a_removed_webhook_is_sent_nothing_more(sender: Sender, receiver: Receiver) -> None:
    webhook, other = await sender.register(receiver.url), await sender.register(receiver.url + "&other=1")
    async with sender.client() as client:
        assert (await client.delete(f"/webhooks/{webhook['id']}")).status_code == 204
        assert [one["id"] for one in (await client.get("/webhooks")).json()["webhooks"]] == [other["id"]]
    (child,) = await children(sender.running, 1)
    await says(sender.running, child, HELD, HELD)
    await receiver.has(2)
    assert len(receiver.sent) == 2


async def test_a_system_has_so_many_webhooks_at_most(sender: Sender, receiver: Receiver) -> None:
    async with sender.client() as client:
        answers = [await client.post("/webhooks", json={"url": f"{receiver.url}&n={n}"}) for n in range(21)]
    assert [answer.status_code for answer in answers] == [201] * 20 + [409]


async def test_what_an_agency_was_given_is_noted(sender: Sender, receiver: Receiver) -> None:
    webhook = await sender.register(receiver.url, actor="agency-noted")
    (child,) = await children(sender.running, 1)
    await says(sender.running, child, HELD, HELD)
    await receiver.has(2)
    await sender.becomes(webhook, waiting=0)
    rows = await sender.running.pool.fetch("select consumer, topic, facts from delivered")
    while not rows:
        rows = await sender.running.pool.fetch("select consumer, topic, facts from delivered")
    assert [tuple(row) for row in rows] == [("agency-noted", TOPIC, 2)]
