"""Who may see which fact: from the published language's own readers."""

import pytest

from carejourney.access import Caller
from carejourney.envelope import Recorded
from carejourney.errors import Forbidden
from carejourney.feed.entitlement import TWIN, WHOLE_RECORD, Entitlement, entitlement_of
from events.catalogue import CATALOGUE, TOPICS
from events.event import WHOLE_RECORD as WRITTEN_DOWN

HERE, ELSEWHERE = "E08000025", "E06000016"


def entitled(*roles: str, authorities: tuple[str, ...] = (HERE,)) -> Entitlement:
    return entitlement_of(Caller("reader", frozenset(roles), frozenset(authorities)))


def a_fact(wire: str, topic: str, authority: str = HERE, payload: bytes = b"{}") -> Recorded:
    return Recorded({"ce_type": wire, "ce_authority": authority}, payload, topic)


def test_the_whole_record_is_for_the_same_roles_as_the_language_says() -> None:
    assert frozenset(WRITTEN_DOWN) == WHOLE_RECORD


@pytest.mark.parametrize("wire", [wire for wire, kind in CATALOGUE.items() if kind.topic != "*"])
def test_a_fact_is_seen_by_its_readers_and_nobody_else(wire: str) -> None:
    kind = CATALOGUE[wire]
    fact = a_fact(wire, kind.destination())
    roles = {"operations", "import", "service", "health", "virtual-school", "leaving-care", *WHOLE_RECORD}
    assert {role for role in roles if entitled(role).may_see(fact, CATALOGUE)} == roles & set(kind.subscribers())


def test_a_fact_of_another_authority_is_not_seen() -> None:
    fact = a_fact("health.gp_registered", "care.health", ELSEWHERE)
    assert not entitled("health").may_see(fact, CATALOGUE)
    assert entitled("health", authorities=("*",)).may_see(fact, CATALOGUE)
    assert entitled("health", authorities=(HERE, ELSEWHERE)).may_see(fact, CATALOGUE)


def test_a_fact_raised_to_the_twin_is_for_the_whole_record_alone() -> None:
    fact = a_fact("health.gp_registered", f"care.health{TWIN}")
    assert not entitled("health").may_see(fact, CATALOGUE)
    assert entitled("review").may_see(fact, CATALOGUE)


def test_a_correction_is_seen_by_whoever_sees_what_it_corrects() -> None:
    payload = b'{"corrects":"a","type":"health.substance_misuse_reported"}'
    fact = a_fact("correction.fact_retracted", f"care.health{TWIN}", payload=payload)
    assert not entitled("health").may_see(fact, CATALOGUE)
    assert entitled("social-work").may_see(fact, CATALOGUE)


def test_a_type_that_nobody_knows_is_seen_by_nobody() -> None:
    assert not entitled("social-work").may_see(a_fact("health.not_yet_known", "care.health"), CATALOGUE)


def test_who_reads_the_whole_record_may_subscribe_to_every_topic() -> None:
    assert entitled("social-work").topics(TOPICS, CATALOGUE) == TOPICS


@pytest.mark.parametrize("role", ["operations", "import", "service", "historic-load", "erasure"])
def test_a_role_that_reads_no_record_may_subscribe_to_nothing(role: str) -> None:
    assert entitled(role).topics(TOPICS, CATALOGUE) == ()
    with pytest.raises(Forbidden, match="social-work"):
        entitled(role).check("care.placement", CATALOGUE)


def test_personal_fields_are_for_those_in_whose_care_they_are() -> None:
    assert entitled("health").in_full("care.health")
    assert entitled("social-work").in_full("care.placement.restricted")
    assert not entitled("health").in_full("care.placement")
    assert not entitled("virtual-school").in_full("care.placement")


def test_an_entitlement_is_kept_and_read_again_as_it_was() -> None:
    one = entitled("health", "virtual-school", authorities=(HERE, ELSEWHERE))
    assert Entitlement.unpacked(one.packed()) == one


def test_only_who_reads_the_whole_record_of_every_authority_sees_everything() -> None:
    assert entitled("social-work", authorities=("*",)).sees_everything()
    assert not entitled("social-work").sees_everything()
    assert not entitled("health", authorities=("*",)).sees_everything()
