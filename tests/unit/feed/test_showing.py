"""Facts as they are shown: opened, withheld or forgotten, and without what may not be seen."""

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid4

from carejourney.envelope import Recorded
from carejourney.feed.entitlement import Entitlement
from carejourney.feed.showing import shown
from carejourney.keys import SubjectKey
from events.catalogue import CATALOGUE

CHILD = UUID("01980000-0000-7000-8000-000000000001")
KEY = SubjectKey(CHILD, b"k" * 32)
EVERYWHERE = frozenset({"*"})


def a_fact(wire: str, topic: str, data: dict[str, Any]) -> Recorded:
    headers = {
        "ce_specversion": "1.0", "ce_id": str(uuid4()), "ce_source": topic, "ce_type": wire, "ce_subject": str(CHILD),
        "ce_time": "2026-05-04T09:30:00.000000Z", "content-type": "application/json", "ce_streamversion": "3",
        "ce_authority": "E08000025",
    }  # fmt: skip
    return Recorded(headers, json.dumps(data, separators=(",", ":")).encode(), topic)


def details() -> Recorded:
    data = {"sex": "F", "date_of_birth": KEY.seal("date_of_birth", "2012-04-09")}
    return a_fact("placement.child_details_recorded", "care.placement", data)


class KeyStore:
    """A key store with the one key, or without it."""

    def __init__(self, key: SubjectKey | None) -> None:
        self._keys = {CHILD: key} if key else {}

    async def of(self, subjects: Iterable[UUID]) -> dict[UUID, SubjectKey]:
        return {subject: self._keys[subject] for subject in subjects if subject in self._keys}


async def seen_by(
    fact: Recorded, *roles: str, key: SubjectKey | None = KEY, where: frozenset[str] = EVERYWHERE
) -> dict[str, Any]:
    entitlement = Entitlement(frozenset(roles), where)
    (event,) = await shown([fact], entitlement, KeyStore(key), CATALOGUE)  # type: ignore[arg-type]  # as far as is used
    return event


async def test_who_may_read_a_fact_in_full_is_shown_its_personal_fields() -> None:
    assert (await seen_by(details(), "social-work"))["data"] == {"sex": "F", "date_of_birth": "2012-04-09"}


async def test_who_may_not_is_shown_that_there_is_one_without_its_content() -> None:
    fact = details()
    shown = (await seen_by(fact, "virtual-school"))["data"]
    assert shown == {"sex": "F", "date_of_birth": f"sealed.1.{CHILD}.withheld"}
    assert fact.data["date_of_birth"] not in json.dumps(shown)


async def test_of_an_erased_child_everybody_is_shown_that_it_is_forgotten() -> None:
    for role in ("social-work", "virtual-school"):
        assert (await seen_by(details(), role, key=None))["data"]["date_of_birth"] == {"forgotten": True}


async def test_a_correction_is_opened_wherever_it_has_a_personal_field() -> None:
    sealed = KEY.seal("date_of_birth", "2012-04-10")
    wire = "placement.child_details_recorded"
    change = {"corrects": "a", "type": wire, "replacement": {"date_of_birth": sealed}}
    fact = a_fact("correction.fact_corrected", "care.placement", {**change, "consequences": [change]})
    data = (await seen_by(fact, "social-work"))["data"]
    assert data["replacement"] == data["consequences"][0]["replacement"] == {"date_of_birth": "2012-04-10"}


async def test_what_follows_from_a_correction_for_a_hidden_fact_is_left_out() -> None:
    one, hidden = "health.gp_registered", "health.pregnancy_recorded"
    consequences = [{"corrects": "b", "type": one}, {"corrects": "c", "type": hidden}]
    fact = a_fact(
        "correction.fact_retracted", "care.health", {"corrects": "a", "type": one, "consequences": consequences}
    )
    assert (await seen_by(fact, "health"))["data"]["consequences"] == consequences[:1]
    assert (await seen_by(fact, "social-work"))["data"]["consequences"] == consequences


async def test_a_child_s_facts_are_numbered_only_for_whoever_sees_all_of_them() -> None:
    assert (await seen_by(details(), "social-work"))["streamversion"] == "3"
    assert "streamversion" not in await seen_by(details(), "social-work", where=frozenset({"E08000025"}))
