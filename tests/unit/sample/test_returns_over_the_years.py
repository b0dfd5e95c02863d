import re
from itertools import pairwise

from tests.unit.sample.made_sample import Cells, Return, Sample

RECODED = ("PLACE", "URN")


def _open_rows(before: Return, after: Return) -> list[tuple[Cells, Cells]]:
    firsts = {(row["CHILD"], row["DECOM"]): row for row in after.table("episodes")}
    return [(row, firsts[row["CHILD"], row["DECOM"]]) for row in before.looked_after().values()]


def test_an_episode_open_on_31_march_appears_unchanged_in_the_next_return(sample: Sample) -> None:
    for before, after in pairwise(sample.returns.values()):
        for row, again in _open_rows(before, after):
            changed = {column for column in row if row[column] != again[column]}
            assert changed <= {"DEC", "REC", "REASON_PLACE_CHANGE", *RECODED}
            if before.year not in {2023, 2024, 2025}:
                assert not changed & set(RECODED)


def test_what_changes_of_an_open_episode_between_years_is_only_what_the_return_renamed(sample: Sample) -> None:
    renamed = {("H5", "K3"), ("Z1", "Z11"), ("Z1", "Z12"), ("Z1", "Z13"), ("Z1", "Z14")}
    for before, after in pairwise(sample.returns.values()):
        for row, again in _open_rows(before, after):
            assert row["PLACE"] == again["PLACE"] or (row["PLACE"], again["PLACE"]) in renamed
            assert row["URN"] == again["URN"] or (before.year, row["PLACE"]) == (2023, "H5")


def test_every_year_has_only_codes_that_were_valid_in_it(sample: Sample) -> None:
    for year, told in sample.returns.items():
        places = {row["PLACE"] for row in told.table("episodes")}
        assert ("H5" in places, "K3" in places) == (year < 2025, year >= 2025)
        assert ("Z1" in places, "Z12" in places) == (year < 2026, year >= 2026)
        assert {row["SEX"] for row in told.table("header")} == ({"1", "2"} if year < 2025 else {"M", "F"})


def test_who_a_child_is_stays_the_same_from_year_to_year(sample: Sample) -> None:
    for before, after in pairwise(sample.returns.values()):
        earlier = before.header()
        for child, row in after.header().items():
            if child in earlier:
                assert (row["DOB"], row["ETHNIC"]) == (earlier[child]["DOB"], earlier[child]["ETHNIC"])
                assert row["UPN"] == earlier[child]["UPN"] or earlier[child]["UPN"].startswith("UN")


def test_the_population_turns_over(sample: Sample) -> None:
    for before, after in pairwise(sample.returns.values()):
        stayed = before.looked_after().keys() & after.looked_after().keys()
        assert 0.5 < len(stayed) / len(after.looked_after()) < 0.85


def test_a_decision_for_adoption_is_told_every_year_until_it_ends(sample: Sample) -> None:
    for before, after in pairwise(sample.returns.values()):
        earlier = {row["CHILD"]: row for row in before.table("placed_for_adoption")}
        later = {row["CHILD"]: row for row in after.table("placed_for_adoption")}
        for child in before.looked_after():
            if child in earlier and not earlier[child]["DATE_PLACED_CEASED"]:
                assert later[child]["DATE_PLACED"] == earlier[child]["DATE_PLACED"]


def test_every_identifier_is_plainly_generated(sample: Sample) -> None:
    for told in sample.returns.values():
        assert all(re.fullmatch(r"S[2-9B-Z]{4}[0-9]{5}", row["CHILD"]) for row in told.table("header"))
        assert all(row["UPN"].startswith("UN") or row["UPN"][1:4] == "999" for row in told.table("header"))
        assert all(row["URN"].startswith("SC9") for row in told.table("episodes") if row["URN"] not in {"", "XXXXXXX"})
