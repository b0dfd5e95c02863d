"""Whom else a fact names, and which facts of a record are told of in silence because of it."""

from uuid import UUID, uuid4

from carejourney.envelope import CORRECTED
from carejourney.kept import Kept
from carejourney.keys import FORGOTTEN, SubjectKey
from carejourney.naming import forgotten, named_in, naming, ties_with

SISTER, BROTHER = uuid4(), uuid4()
TIE = "journey.relationship_recorded"
KEY = SubjectKey(uuid4(), b"1" * 32)


def fact(identity: str, wire: str = TIE, concerns: str = "", **data: object) -> Kept:
    return Kept(
        "care.journey", data, identity, wire, "journey", "2026-01-01T00:00:00Z", 1, "E08000025", concerns=concerns
    )


def tie(identity: str, person: UUID) -> Kept:
    return fact(identity, person=str(person), name=KEY.seal("name", "A name"))


def correction(identity: str, of: str, person: UUID | None = None) -> Kept:
    replacement = {"person": str(person)} if person else {}
    return fact(identity, CORRECTED, corrects=of, type=TIE, replacement=replacement)


def test_persons_of_ties_those_in_corrections_and_those_touched_are_named() -> None:
    touching = fact("3", "placement.sibling_group_recorded", f"{SISTER},worker")
    assert named_in([tie("1", BROTHER)]) == named_in([correction("2", "1", BROTHER)]) == {BROTHER}
    assert named_in([touching]) == {SISTER}
    assert named_in([fact("4", person="nobody")]) == set()


def test_a_correction_goes_with_what_it_corrects_unless_it_names_somebody_else() -> None:
    facts = [tie("1", SISTER), correction("2", "1"), correction("3", "2"), correction("4", "1", BROTHER)]
    assert naming(facts, {SISTER}) == {"1", "2", "3"}


def test_the_end_of_a_tie_goes_with_the_tie_and_touching_is_no_tie() -> None:
    end = fact("2", "journey.relationship_ended", relationship="1")
    touching = fact("3", "placement.sibling_group_recorded", str(SISTER))
    assert ties_with([tie("1", SISTER), end, touching, tie("4", BROTHER)], {SISTER}) == {"1", "2"}


def test_what_is_forgotten_opens_as_forgotten_and_the_rest_is_kept() -> None:
    told = forgotten({"name": KEY.seal("name", "A name"), "deep": [{"name": KEY.seal("name", "A")}], "rating": 5})
    assert KEY.open("name", told["name"]) == KEY.open("name", told["deep"][0]["name"]) == FORGOTTEN
    assert told["rating"] == 5
