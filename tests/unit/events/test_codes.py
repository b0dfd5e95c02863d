import pytest
from pydantic import ValidationError

from events import codes
from events.catalogue import CATALOGUE
from events.codes import CODE_SETS, UnknownCodeError, describe
from events.event import OWNERS
from events.journey import DataQualityIssueRaised


@pytest.mark.parametrize("code_set", CODE_SETS.values(), ids=list(CODE_SETS))
def test_every_code_has_a_meaning_and_a_year_in_which_it_was_valid(code_set: codes.CodeSet) -> None:
    for entry in code_set:
        assert entry.meaning
        assert code_set.known(entry.code)
        assert any(code_set.in_year(entry.code, year) for year in range(2017, 2028))


@pytest.mark.parametrize(
    ("code_set", "code", "first_refused", "last_refused"),
    [
        (codes.PLACEMENT_TYPE, "H5", 2025, 2027),
        (codes.PLACEMENT_TYPE, "P2", 2025, 2027),
        (codes.PLACEMENT_TYPE, "K3", 2017, 2024),
        (codes.PLACEMENT_TYPE, "Z11", 2017, 2025),
        (codes.SEX, "1", 2025, 2027),
        (codes.SEX, "M", 2017, 2024),
        (codes.REASON_EPISODE_CEASED, "E43", 2019, 2027),
        (codes.REASON_PLACEMENT_CHANGE, "CUSTOD", 2017, 2018),
        (codes.ACTIVITY, "F3", 2019, 2027),
        (codes.ACTIVITY, "P5", 2017, 2018),
    ],
)
def test_a_code_belongs_to_its_years_only(
    code_set: codes.CodeSet, code: str, first_refused: int, last_refused: int
) -> None:
    refused = [year for year in range(2017, 2028) if not code_set.in_year(code, year)]
    assert refused == list(range(first_refused, last_refused + 1))


def test_the_placement_types_of_2025_have_supported_accommodation_and_no_independent_living() -> None:
    assert {"H5", "P2"} & set(codes.PLACEMENT_TYPE.valid_in(2025)) == set()
    assert "K3" in codes.PLACEMENT_TYPE.valid_in(2025)
    assert len(codes.PLACEMENT_TYPE.valid_in(2024)) == 27


def test_other_placement_is_taken_in_2026_in_both_forms_because_the_sources_disagree() -> None:
    assert {"Z1", "Z11", "Z14"} <= set(codes.PLACEMENT_TYPE.valid_in(2026))
    assert "disagree" in codes.PLACEMENT_TYPE.meaning("Z1")
    assert codes.UNPUBLISHED in codes.PLACEMENT_TYPE.meaning("Z12")


def test_an_unknown_code_has_no_meaning_and_the_error_does_not_repeat_it() -> None:
    with pytest.raises(UnknownCodeError) as refused:
        codes.LEGAL_STATUS.meaning("Q9")
    assert "Q9" not in str(refused.value)
    assert "Q9" not in codes.LEGAL_STATUS
    assert not codes.LEGAL_STATUS.in_year("Q9", 2020)


def test_a_code_is_described_with_its_meaning() -> None:
    assert describe(codes.LEGAL_STATUS, "C2") == {
        "code": "C2",
        "meaning": "Full care order (Children Act 1989, section 31)",
    }
    assert describe(codes.LEGAL_STATUS, "Q9")["meaning"] == "not a published code"


def test_accommodation_says_whether_it_is_suitable() -> None:
    assert codes.suitable("B1") is True
    assert codes.suitable("S2") is False
    assert codes.suitable("0") is None
    assert codes.suitable("Q1") is None
    assert len(codes.ACCOMMODATION) == 33


def test_the_authority_of_an_earlier_order_may_be_any_english_authority_by_number() -> None:
    assert codes.LA_PERM.known("305")
    assert codes.LA_PERM.in_year("305", 2020)
    assert codes.LA_PERM.meaning("WAL") == "Wales"
    assert not codes.LA_PERM.known("30")
    assert "England" in codes.LA_PERM.meaning("305")


def test_every_field_of_the_published_language_and_every_service_can_be_said_to_be_at_fault() -> None:
    said = {name for cls in CATALOGUE.values() if cls.topic != "*" for name in cls.model_fields}
    assert said - set(codes.FIELD.codes) == set()
    assert set(codes.PRODUCER.codes) == set(OWNERS.values())


@pytest.mark.parametrize(("name", "wrong"), [("source", "Anna Smith"), ("source", "police"), ("field", "anna_smith")])
def test_what_is_wrong_with_a_record_is_said_in_codes_alone(name: str, wrong: str) -> None:
    with pytest.raises(ValidationError, match=f"{name} is not a code of"):
        DataQualityIssueRaised(**{"source": "health", "field": "practice", "kind": "invalid", name: wrong})
