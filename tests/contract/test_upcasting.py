"""Old versions: a whole chain of upcasts, samples that read as the newest, corrections in the version of their day."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from carejourney.cli import running
from carejourney.contracts import PUBLISHED
from carejourney.contracts.messages import message_of
from carejourney.envelope import Recorded
from carejourney.standing import standing
from carejourney.versions import Versions
from events.catalogue import CATALOGUE
from events.correction import FactCorrected
from events.education import ExclusionImposed
from events.event import Fact
from events.families import Activity
from events.sampling import Sample, sample_of, unreadable
from events.upcasting import Upcast

VERSIONS = Versions(CATALOGUE)
WIRE = "education.exclusion_imposed"
OLD = {"kind": "fixed", "days": 2.5, "authority_consulted": None, "reason": None}
OLD_VERSIONS = [
    pytest.param(cls, number, id=f"{wire}.v{number}")
    for wire, cls in CATALOGUE.items()
    for number in range(1, cls.version)
]


def made(version: int, *steps: Upcast) -> type[Any]:
    """A fact made here, with this version and these steps."""
    said = {"wire": "odd.odd", "topic": "care.odd", "lane": "odd", "version": version, "upcasts": steps}
    return type("Odd", (Activity,), {**said, "__module__": __name__})


def renamed(before: str, after: str) -> Upcast:
    def change(content: Mapping[str, Any]) -> dict[str, Any]:
        return {after if name == before else name: value for name, value in content.items()}

    return Upcast(change, "a better name")


def recorded(content: dict[str, Any], version: int, *, wire: str = WIRE) -> Recorded:
    """A fact with this content, as Kafka brings it."""
    message = message_of(PUBLISHED, CATALOGUE[wire], CATALOGUE[wire].version)
    headers = {**message.headers, "ce_dataschema": f"urn:carejourney:{wire}:{version}"}
    return Recorded(headers, json.dumps(content).encode(), message.topic)


def correction(replacement: dict[str, Any], **more: Any) -> Recorded:
    message = message_of(PUBLISHED, FactCorrected, 1)
    corrects = message_of(PUBLISHED, ExclusionImposed, 2).headers["ce_id"]
    content = {"corrects": corrects, "type": WIRE, "effective": "2026-04-28", "replacement": replacement, **more}
    headers = {**message.headers, "ce_id": "0198f2c4-7d05-7a41-8e6f-2b9c3d4e5f61", "ce_streamversion": "2"}
    return Recorded(headers, json.dumps(content).encode(), "care.education")


def test_days_of_a_fixed_period_exclusion_are_read_as_sessions_of_a_suspension() -> None:
    (fact,) = VERSIONS.newest([recorded(OLD, 1)])
    assert fact.data == {"kind": "suspension", "sessions": 5, "authority_consulted": None, "reason": None}
    assert json.loads(fact.payload) == OLD
    assert ExclusionImposed.model_validate(fact.data)


@pytest.mark.parametrize(("days", "sessions"), [(None, None), (0.5, 1), (3, 6), (1.2, 3), (0, 0)])
def test_a_part_of_a_session_counts_as_one(days: float | None, sessions: int | None) -> None:
    assert ExclusionImposed.newest({**OLD, "days": days}, 1)["sessions"] == sessions


def test_what_is_newest_already_or_newer_than_the_program_stays_the_same_object() -> None:
    facts = [recorded({"kind": "permanent"}, 2), recorded({"kind": "permanent", "more": 1}, 3)]
    read = VERSIONS.newest(facts)
    assert all(one is before for one, before in zip(read, facts, strict=True))
    assert [VERSIONS.knows(fact) for fact in facts] == [True, False]


def test_a_correction_made_in_the_old_version_is_read_as_the_newest() -> None:
    (fact,) = standing(VERSIONS.newest([recorded(OLD, 1), correction({**OLD, "days": 4})]))
    assert (fact.corrected, fact.data["sessions"], fact.data["kind"]) == (True, 8, "suspension")
    assert "days" not in fact.data


def test_a_correction_made_now_says_its_version_and_is_left_as_it_is() -> None:
    new = {"kind": "permanent", "sessions": None, "authority_consulted": True, "reason": None}
    body = FactCorrected(corrects="0198f2c4-7d05-7a41-8e6f-2b9c3d4e5f60", type=WIRE, replacement=new)
    assert body.of_version == 2
    (fact,) = standing(VERSIONS.newest([recorded(OLD, 1), correction(new, of_version=2)]))
    assert fact.data == new


def test_a_consequence_of_a_correction_is_read_as_the_newest_too() -> None:
    consequence = {"corrects": "other", "type": WIRE, "effective": None, "replacement": {**OLD, "days": 1}}
    (fact,) = VERSIONS.newest([correction({"kind": "permanent"}, of_version=2, consequences=[consequence])])
    (after,) = fact.data["consequences"]
    assert (after["replacement"]["sessions"], after["of_version"]) == (2, 2)


def test_a_correction_in_a_version_that_is_not_known_yet_is_not_taken_for_known() -> None:
    assert not VERSIONS.knows(correction({"kind": "permanent"}, of_version=3))
    assert VERSIONS.knows(correction({"kind": "permanent"}, of_version=2))


@pytest.mark.parametrize(("version", "steps"), [(2, 0), (3, 1), (1, 1), (0, 0)])
def test_a_version_without_its_step_is_named(version: int, steps: int) -> None:
    told = f"odd.odd: version {version} needs an upcast from each version before it; it has {steps}"
    assert unreadable([made(version, *[renamed("a", "b")] * steps)]) == [told]


def test_a_content_goes_through_every_step_from_its_own_version_on() -> None:
    cls = made(3, renamed("a", "b"), renamed("b", "c"))
    assert [cls.newest({"a": 1}, 1), cls.newest({"b": 1}, 2), cls.newest({"c": 1}, 3)] == [{"c": 1}] * 3


@pytest.mark.parametrize(("cls", "version"), OLD_VERSIONS)
def test_the_sample_of_an_old_version_reads_as_the_newest(cls: type[Fact], version: int) -> None:
    assert unreadable([cls]) == []
    assert cls.newest(sample_of(cls, version).content, version).keys() == cls.model_fields.keys()


@pytest.mark.parametrize(("cls", "version"), OLD_VERSIONS)
def test_an_upcast_leaves_what_is_sealed_under_its_own_name(cls: type[Any], version: int) -> None:
    before = message_of(PUBLISHED, cls, version).value
    sealed = {name: value for name, value in before.items() if str(value).startswith("sealed.")}
    after = cls.newest(before, version)
    assert {name: v for name, v in after.items() if str(v).startswith("sealed.")} == sealed
    assert sealed.keys() <= set(cls.personal_fields())


def forgetful() -> type[Any]:
    """The exclusion, with an upcast that forgets a field and keeps an old one."""
    steps = (Upcast(lambda content: {"days": content["days"]}, "a mistake"),)
    return type("Wrong", (ExclusionImposed,), {"upcasts": steps, "__module__": __name__})


def test_an_old_sample_that_no_longer_reads_is_named_and_the_service_does_not_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(running, "CATALOGUE", {WIRE: forgetful()})
    with pytest.raises(SystemExit) as ended:
        running._refuse_unread_versions()
    assert ended.value.code == 2
    assert f"{WIRE} version 1: its sample does not fit the newest version in kind, days" in capsys.readouterr().err


def test_an_old_version_without_a_sample_is_named() -> None:
    assert unreadable([made(2, renamed("a", "b"))]) == ["odd.odd version 1: it has no sample"]


def test_a_sample_is_kept_of_every_version() -> None:
    assert all(isinstance(sample_of(c, n), Sample) for c in CATALOGUE.values() for n in range(1, c.version + 1))
