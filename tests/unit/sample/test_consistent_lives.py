from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

from carejourney.workdays import add_working_days, birthday
from tests.unit.sample.made_sample import Cells, Return, Sample, day

CARER = ("PLACE", "PL_POST", "URN", "PLACE_PROVIDER")
TEMPORARY = {"T0", "T1", "T2", "T3", "T4"}


def _neighbours(told: Return) -> Iterator[tuple[Cells, Cells]]:
    for rows in told.episodes().values():
        yield from pairwise(rows)


def test_no_child_is_in_two_episodes_at_once(sample: Sample) -> None:
    for told in sample.returns.values():
        for before, after in _neighbours(told):
            assert before["DEC"]
            assert day(before["DECOM"]) < day(before["DEC"]) <= day(after["DECOM"])


def test_an_episode_that_goes_on_is_followed_on_the_same_day_and_any_other_ends_the_period(sample: Sample) -> None:
    for told in sample.returns.values():
        for before, after in _neighbours(told):
            goes_on = before["REC"] == "X1"
            assert goes_on == (before["DEC"] == after["DECOM"])
            assert goes_on == (after["RNE"] != "S")
        assert all(rows[-1]["REC"] != "X1" for rows in told.episodes().values())


def test_the_reason_for_a_new_episode_is_what_changed(sample: Sample) -> None:
    for told in sample.returns.values():
        for before, after in _neighbours(told):
            status = before["LS"] != after["LS"]
            carer = any(before[column] != after[column] for column in CARER)
            allowed = {(True, False): "L", (False, True): "PT", (True, True): "BU"}
            assert after["RNE"] == "S" or after["RNE"] in allowed[status, carer]


def test_a_lasting_move_says_why_and_a_temporary_one_does_not(sample: Sample) -> None:
    for told in sample.returns.values():
        for before, after in _neighbours(told):
            temporary = bool({before["PLACE"], after["PLACE"]} & TEMPORARY)
            moved = before["REC"] == "X1" and after["RNE"] != "L"
            assert bool(before["REASON_PLACE_CHANGE"]) == (moved and not temporary)


def test_a_temporary_move_returns_to_the_same_carer(sample: Sample) -> None:
    for told in sample.returns.values():
        for rows in told.episodes().values():
            for before, away, after in zip(rows, rows[1:], rows[2:], strict=False):
                if away["PLACE"] in TEMPORARY:
                    assert [before[column] for column in CARER] == [after[column] for column in CARER]


def test_nobody_is_looked_after_before_birth_or_after_turning_eighteen(sample: Sample) -> None:
    for told in sample.returns.values():
        for row in told.table("episodes"):
            born = day(told.header()[row["CHILD"]]["DOB"])
            assert born <= day(row["DECOM"]) < birthday(born, 18)
            assert not row["DEC"] or day(row["DEC"]) <= birthday(born, 18)


def test_emergency_powers_are_short(sample: Sample) -> None:
    limits = {"L1": timedelta(days=3), "L2": timedelta(days=21)}
    for told in sample.returns.values():
        for row in told.table("episodes"):
            if row["LS"] in limits and row["DEC"]:
                assert day(row["DEC"]) - day(row["DECOM"]) <= limits[row["LS"]]


def test_children_live_where_their_age_and_status_allow(sample: Sample) -> None:
    for told in sample.returns.values():
        for row in told.table("episodes"):
            age = told.age(row["CHILD"], day(row["DECOM"]))
            assert row["PLACE"] not in {"K3", "H5"} or age >= 16
            assert row["PLACE"] != "R5" or age >= 10
            assert row["PLACE"] != "P1" or row["LS"] in {"C1", "C2"}
            assert row["LS"] != "J1" or age >= 10


def test_an_adopted_child_was_decided_ordered_matched_and_placed_in_that_order(sample: Sample) -> None:
    adopted = 0
    for told in sample.returns.values():
        decisions = {row["CHILD"]: row for row in told.table("placed_for_adoption")}
        for row in told.table("ad1"):
            last = told.episodes()[row["CHILD"]][-1]
            assert (last["LS"], last["PLACE"][0], last["REC"] in {"E11", "E12"}) == ("E1", "A", True)
            assert row["DATE_INT"] == decisions[row["CHILD"]]["DATE_PLACED"]
            assert day(row["DATE_INT"]) <= day(row["DATE_MATCH"]) <= day(last["DECOM"])
            adopted += 1
    assert adopted > 20


def test_missing_incidents_lie_in_care_and_do_not_overlap(sample: Sample) -> None:
    for told in sample.returns.values():
        for before, after in pairwise(
            sorted(told.table("missing"), key=lambda row: (row["CHILD"], day(row["MIS_START"])))
        ):
            spans = [(day(row["DECOM"]), row["DEC"]) for row in told.episodes()[after["CHILD"]]]
            start = day(after["MIS_START"])
            assert any(begun <= start and (not ended or start <= day(ended)) for begun, ended in spans)
            assert before["CHILD"] != after["CHILD"] or day(before["MIS_END"]) <= start


def test_social_workers_follow_one_another_without_a_gap(sample: Sample) -> None:
    for year in (2024, 2025, 2026):
        rows = sorted(sample.returns[year].table("sw_episodes"), key=lambda row: (row["CHILD"], day(row["SW_DECOM"])))
        for before, after in pairwise(rows):
            if before["CHILD"] == after["CHILD"] and after["SW_REASON"] != "FCONTA":
                assert before["SW_DEC"] == after["SW_DECOM"]
                assert before["SW_ID"] != after["SW_ID"]


def test_most_first_reviews_are_held_within_twenty_working_days(sample: Sample) -> None:
    told = sample.latest
    held = {row["CHILD"]: day(row["REVIEW"]) for row in reversed(told.table("reviews"))}
    starts = {row["CHILD"]: day(row["DECOM"]) for row in told.table("episodes") if row["RNE"] == "S"}
    due = {child: add_working_days(start, 20) for child, start in starts.items() if start >= told.first}
    on_time = [held[child] <= due[child] for child in due if child in held]
    assert 0.85 < sum(on_time) / len(on_time) < 1


def test_only_young_people_who_left_care_at_sixteen_or_later_are_care_leavers(sample: Sample) -> None:
    for told in sample.returns.values():
        for row in told.table("oc3"):
            assert 17 <= told.age(row["CHILD"], told.last) <= 21
            assert row["CHILD"] not in told.looked_after()
            for episode in told.episodes().get(row["CHILD"], []):
                assert not episode["DEC"] or told.age(row["CHILD"], day(episode["DEC"])) >= 16 or episode["REC"] == "X1"


def test_health_is_told_of_exactly_those_looked_after_for_the_whole_year(sample: Sample) -> None:
    for told in sample.returns.values():
        whole_year = {
            child
            for child, rows in told.episodes().items()
            if not rows[-1]["DEC"] and not any(row["RNE"] == "S" and day(row["DECOM"]) > told.first for row in rows)
        }
        assert {row["CHILD"] for row in told.table("oc2")} == whole_year
