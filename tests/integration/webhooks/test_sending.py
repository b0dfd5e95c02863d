"""Facts arrive at an agency's own address: signed, as it may see them, each child's in order."""

import asyncio

import asyncpg

from carejourney.erasure.scan import database_of
from carejourney.webhooks import schedule
from events.health import HealthOutcomesReported
from tests.integration.chassis.probe import children, until
from tests.integration.feed.served import ELSEWHERE, HELD, MISUSE, PLAN, says
from tests.integration.webhooks.receiver import Receiver, Reply
from tests.integration.webhooks.sender import TOPIC, TWIN, Sender, lanes


async def test_a_fact_recorded_now_arrives_signed_as_a_structured_cloud_event(
    sender: Sender, receiver: Receiver
) -> None:
    registered = await sender.register(receiver.url)
    (child,) = await children(sender.running, 1)
    (fact,) = await says(sender.running, child, HELD)
    await receiver.has(1)
    (sent,) = receiver.sent
    assert sent.headers["content-type"].startswith("application/cloudevents+json")
    assert (sent.id, sent.event["id"], sent.child) == (fact, fact, str(child))
    assert (sent.event["type"], sent.event["specversion"]) == (HELD.wire, "1.0")
    assert sent.signed_with(registered["secret"])
    assert not sent.signed_with("whsec_" + "A" * 43 + "=")


async def test_facts_from_before_arrive_only_where_the_beginning_was_asked_for(
    sender: Sender, receiver: Receiver
) -> None:
    (child,) = await children(sender.running, 1)
    before = await says(sender.running, child, HELD, HELD)
    await sender.register(receiver.url, actor="from-now")
    (after,) = await says(sender.running, child, HELD)
    await receiver.has(1)
    assert receiver.of(child) == [after]
    await sender.register(receiver.url, actor="from-the-beginning", start="beginning")
    await receiver.heard(4)
    await receiver.has(3)
    assert receiver.of(child) == [after, *before, after]


async def test_a_webhook_begins_after_a_cursor_of_the_feed(sender: Sender, receiver: Receiver) -> None:
    (child,) = await children(sender.running, 1)
    first, *_ = await says(sender.running, child, HELD)
    place = await sender.running.feed.begin(TOPIC, "latest")
    second = await says(sender.running, child, HELD, HELD)
    cursor = sender.running.feed.cursors.of(TOPIC, place)
    await sender.register(receiver.url, after={TOPIC: cursor})
    await receiver.has(2)
    assert receiver.of(child) == second
    assert first not in receiver.of(child)


async def test_only_what_the_registering_token_may_see_is_sent_of_the_types_asked_for(
    sender: Sender, receiver: Receiver
) -> None:
    (child,) = await children(sender.running, 1)
    async with sender.client("agency-system", "health", authorities=["E08000025"]) as client:
        body = {"url": receiver.url, "types": [HELD.wire, PLAN.wire], "topics": [TOPIC]}
        assert (await client.post("/webhooks", json=body)).status_code == 201
    await says(sender.running, child, HELD, authority=ELSEWHERE)
    await says(sender.running, child, MISUSE, HealthOutcomesReported(year=2026))
    (plan,) = await says(sender.running, child, PLAN)
    (held,) = await says(sender.running, child, HELD)
    await receiver.has(2)
    assert receiver.of(child) == [plan, held]
    assert receiver.sent[0].event["data"]["summary"] == PLAN.summary


async def test_a_child_s_next_fact_is_sent_once_the_one_before_was_accepted_while_others_go_on(
    sender: Sender, receiver: Receiver
) -> None:
    slow, quick = await children(sender.running, 2)
    answered = asyncio.Event()
    receiver.decide = lambda sent: Reply(after=answered.wait()) if sent.child == str(slow) else Reply()
    await sender.register(receiver.url)
    of_slow = await says(sender.running, slow, HELD, HELD)
    of_quick = await says(sender.running, quick, HELD, HELD, HELD)
    await receiver.has(3)
    assert receiver.of(quick) == of_quick
    assert [one.id for one in receiver.sent if one.child == str(slow)] == of_slow[:1]
    answered.set()
    await receiver.has(5)
    assert receiver.of(slow) == of_slow


async def test_a_fact_that_was_not_accepted_is_sent_again_with_the_same_id_and_later_ones_wait(
    sender: Sender, receiver: Receiver
) -> None:
    first, other = await children(sender.running, 2)
    refused = [500, 302, 404]
    receiver.decide = lambda sent: Reply(refused.pop(0) if sent.child == str(first) and refused else 204)
    webhook = await sender.register(receiver.url)
    said = await says(sender.running, first, HELD, HELD, HELD)
    await says(sender.running, other, HELD)
    await receiver.has(1)
    for attempts in (1, 2, 3):
        await until(lambda: _tried(sender, attempts), f"{attempts} attempts noted")  # noqa: B023 - awaited at once
        sender.clock.forward(seconds=schedule.RETRIES[attempts - 1] * 1.3)
    await receiver.has(4)
    tried = [one.id for one in receiver.sent if one.child == str(first)]
    assert tried == [said[0]] * 4 + said[1:]
    await sender.becomes(webhook, waiting=0)


async def test_a_schedule_that_is_over_parks_that_child_alone_and_a_redrive_sends_all_in_order(
    sender: Sender, receiver: Receiver
) -> None:
    bad, good = await children(sender.running, 2)
    receiver.decide = lambda sent: Reply(422 if sent.child == str(bad) else 204)
    webhook = await sender.register(receiver.url)
    said = await says(sender.running, bad, HELD, HELD)
    while not (await sender.shown(webhook))["parked"]:
        before = len(receiver.accepted)
        await says(sender.running, good, HELD)
        await receiver.has(before + 1)
        sender.clock.forward(hours=25)
    said += await says(sender.running, bad, HELD)
    await until(lambda: _waits_for(sender, 3), "the third fact behind the parked lane")
    (lane,) = (await sender.shown(webhook, "/parked"))["lanes"]
    assert (lane["subject"], lane["fault"], lane["facts"]) == (str(bad), "answered 422", 3)
    assert lane["attempts"] == len(schedule.RETRIES) + 1
    receiver.decide = lambda _: Reply()
    async with sender.client("operations") as client:
        answer = await client.post(f"/webhooks/{webhook['id']}/redrive", json={"child": str(bad)})
    assert answer.json() == {"lanes": 1}
    await sender.becomes(webhook, parked=0, waiting=0)
    assert receiver.of(bad) == said


async def _tried(sender: Sender, attempts: int) -> bool:
    return [one["attempts"] for one in await lanes(sender.running.pool)] == [attempts]


async def _waits_for(sender: Sender, facts: int) -> bool:
    return any(one["until_version"] - one["version"] + 1 == facts for one in await lanes(sender.running.pool))


async def test_a_restricted_topic_has_its_own_order_and_is_sent_to_who_may_see_it(
    sender: Sender, receiver: Receiver
) -> None:
    await sender.register(receiver.url, topics=[TWIN])
    (child,) = await children(sender.running, 1)
    await says(sender.running, child, HELD)
    (restricted,) = await says(sender.running, child, MISUSE)
    await receiver.has(1)
    assert receiver.of(child) == [restricted]


async def test_of_an_erased_child_facts_come_with_forgotten_values(sender: Sender, receiver: Receiver) -> None:
    receiver.decide = lambda _: Reply(503)
    webhook = await sender.register(receiver.url)
    (child,) = await children(sender.running, 1)
    await says(sender.running, child, PLAN)
    await sender.becomes(webhook, waiting=1)
    (kept,) = await lanes(sender.running.pool)
    assert not [value for value in kept.values() if "Asha" in str(value)]
    await _erase(sender, str(child))
    receiver.decide = lambda _: Reply()
    sender.clock.forward(seconds=60)
    await receiver.has(1)
    assert receiver.accepted[0].event["data"]["summary"] == {"forgotten": True}


async def _erase(sender: Sender, child: str) -> None:
    keys = await asyncpg.connect(database_of(sender.surroundings.admin_dsn, "keys"))
    await keys.execute("delete from subject_key where subject = $1", child)
    await keys.close()
    sender.running.keys._known.clear()
