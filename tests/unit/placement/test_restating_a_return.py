"""A return against the record: what was said before, what is filled in, what changed, what is gone."""

from collections.abc import Sequence
from typing import Any

import pytest

from carejourney.returns.tables import PLACEMENT, RETURN_TABLES
from tests.builders import FAR, HOME, NEAR, Child, Row, a_header, an_episode

ENDED = an_episode(
    "2025-05-01", dec="2025-07-01", rec="X1", reason_place_change="CARPL", home_post=HOME, pl_post=NEAR, urn="SC111111"
)
LATER = an_episode("2025-07-01", rne="B", ls="E1", place="K2", pl_post=FAR)
STATED: dict[str, list[Row]] = {
    "header": [a_header(mother="1", mc_dob="2025-02-03")],
    "episodes": [ENDED, LATER],
    "uasc": [{"duc": "2026-02-01"}],
    "oc2": [{"convicted": "1"}],
    "ad1": [
        {"date_int": "2025-05-01", "date_match": "2025-08-01", "foster_care": "0", "nb_adoptr": "2",
         "sex_adoptr": "MF", "ls_adoptr": "L11"}
    ],
    "placed_adoption": [
        {"date_placed": "2025-05-02", "date_placed_ceased": "2025-09-01", "reason_placed_ceased": "RD1"}
    ],
    "prev_perm": [{"prev_perm": "P1", "la_perm": "330", "date_perm": "xx/11/2015"}],
    "missing": [{"mis_start": "2025-05-03", "missing": "M", "mis_end": "2025-05-05"}],
    "dolo": [{"dolo_start": "2025-06-01", "dolo_end": "2025-08-01"}],
}  # fmt: skip
CHANGED: dict[str, dict[str, Sequence[str | None]]] = {
    "header": {
        "sex": ["1"], "dob": ["2014-03-10"], "ethnic": ["MWBC"], "mother": ["0", None], "mc_dob": ["2025-02-04", None],
    },
    "episodes": {
        "decom": ["2025-05-02"], "rne": ["P"], "ls": ["V2"], "cin": ["N8"], "place": ["U4"],
        "place_provider": ["PR4", None], "dec": ["2025-06-30", None], "rec": ["E4A", None],
        "reason_place_change": ["CREQB", None], "home_post": [FAR, None], "pl_post": [FAR, None],
        "urn": ["SC222222", None],
    },
    "uasc": {"duc": ["2026-02-02", None]},
    "oc2": {"convicted": ["0", None]},
    "ad1": {
        "date_int": ["2025-05-02"], "date_match": ["2025-08-02"], "foster_care": ["1"], "nb_adoptr": ["1"],
        "sex_adoptr": ["MM"], "ls_adoptr": ["L12"],
    },
    "placed_adoption": {
        "date_placed": ["2025-05-01"], "date_placed_ceased": ["2025-09-02", None],
        "reason_placed_ceased": ["RD2", None],
    },
    "prev_perm": {"prev_perm": ["P2"], "la_perm": ["WAL", None], "date_perm": ["xx/12/2015", None]},
    "missing": {"mis_start": ["2025-05-02"], "missing": ["A"], "mis_end": ["2025-05-06", None]},
    "dolo": {"dolo_start": ["2025-06-02"], "dolo_end": ["2025-08-02", None]},
}  # fmt: skip
CELLS = [
    pytest.param(table, column, value, id=f"{table}.{column}={'blank' if value is None else 'other'}")
    for table, columns in CHANGED.items()
    for column, values in columns.items()
    for value in values
]


def known_child() -> Child:
    child = Child()
    child.states(tables=STATED)
    return child


def with_cell(table: str, column: str, value: Any) -> dict[str, list[Row]]:
    first, *others = STATED[table]
    return {**STATED, table: [{**first, column: value}, *others]}


def content(child: Child) -> set[tuple[Any, ...]]:
    """Everything that stands, with its day."""
    return {(f.id, f.type, f.effective, tuple(sorted(f.data.items()))) for f in child.own if not f.retracted}


def test_every_column_placement_takes_is_changed_by_these_tests() -> None:
    taken = {t.name: {w for _, w in t.taken_by(PLACEMENT)} for t in RETURN_TABLES.values() if PLACEMENT in t.owners()}
    assert {table: set(columns) for table, columns in CHANGED.items()} == taken


def test_a_return_said_again_changes_nothing() -> None:
    assert known_child().states(tables=STATED).nothing


def test_a_return_with_its_rows_in_another_order_changes_nothing() -> None:
    shuffled = {table: rows[::-1] for table, rows in reversed(STATED.items())}
    assert known_child().states(tables=shuffled).nothing


@pytest.mark.parametrize(("table", "column", "value"), CELLS)
def test_a_changed_cell_is_one_correction_and_one_back_again(table: str, column: str, value: str | None) -> None:
    child = known_child()
    before = content(child)
    there = child.states(tables=with_cell(table, column, value))
    assert there.corrections == 1
    assert content(child) != before
    assert child.states(tables=with_cell(table, column, value)).nothing
    back = child.states(tables=STATED)
    assert (back.corrections, content(child) >= before) == (1, True)
    assert child.states(tables=STATED).nothing


def test_a_cell_of_a_later_episode_corrects_what_follows_from_both() -> None:
    child = known_child()
    said = child.states(tables=with_cell("episodes", "ls", "V2"))
    assert said.types == ["fact_corrected"]
    assert {c["type"] for c in said.facts[0].data["consequences"]} == {
        "placement.child_entered_care", "placement.legal_status_changed",
    }  # fmt: skip
    assert [f.data["previous"] for f in child.standing("legal_status_changed")] == [None, "V2"]


def test_the_open_episode_of_last_year_is_the_same_one_and_its_end_is_a_new_fact() -> None:
    child = Child()
    child.states(an_episode("2024-11-01"), year=2025)
    said = child.states(an_episode("2024-11-01", dec="2025-07-01", rec="E4A"), year=2026)
    assert said.corrections == 0
    assert sorted(said.types) == ["child_left_care", "episode_ended", "placement_ended"]
    assert len(child.episodes) == 1


@pytest.mark.parametrize(
    ("table", "open_row", "end", "types"),
    [
        ("missing", {"mis_start": "2025-05-03", "missing": "M"}, {"mis_end": "2025-05-05"}, ["child_returned"]),
        ("dolo", {"dolo_start": "2025-06-01"}, {"dolo_end": "2025-08-01"}, ["deprivation_of_liberty_ended"]),
        (
            "placed_adoption", {"date_placed": "2025-05-02"},
            {"date_placed_ceased": "2025-09-01", "reason_placed_ceased": "RD1"}, ["adoption_decision_ceased"],
        ),
    ],
)  # fmt: skip
def test_an_end_filled_in_is_a_new_fact_and_no_correction(
    table: str, open_row: Row, end: Row, types: list[str]
) -> None:
    child = Child()
    child.states(tables={table: [open_row]})
    said = child.states(tables={table: [{**open_row, **end}]})
    assert (said.types, said.corrections) == (types, 0)


def test_an_episode_that_is_open_again_takes_back_what_followed_from_its_end() -> None:
    child = Child()
    child.states(an_episode(dec="2025-07-01", rec="E4A"))
    said = child.states(an_episode())
    assert said.corrections == 1
    assert child.standing("child_left_care") == child.standing("placement_ended") == []
    assert [e.dec for e in child.episodes.values()] == [None]
    assert child.states(an_episode(dec="2025-07-01", rec="E4A")).corrections == 1
    assert len(child.standing("child_left_care")) == 1


def test_the_returns_of_two_years_said_again_change_nothing() -> None:
    child = Child()
    years: dict[int, dict[str, list[Row]]] = {
        2025: {"episodes": [an_episode("2024-11-01")], "missing": [{"mis_start": "2025-03-28", "missing": "M"}]},
        2026: {
            "episodes": [an_episode("2024-11-01", dec="2025-07-01", rec="X1"), an_episode("2025-07-01", rne="P")],
            "missing": [{"mis_start": "2025-03-28", "missing": "M", "mis_end": "2025-04-03"}],
        },
    }
    for year, tables in years.items():
        child.states(year=year, tables=tables)
    assert [child.states(year=year, tables=tables).nothing for year, tables in years.items()] == [True, True]


@pytest.mark.parametrize("table", sorted(STATED))
def test_a_row_that_vanished_is_flagged_and_stands(table: str) -> None:
    child = known_child()
    before = content(child)
    said = child.states(tables={**STATED, table: []})
    assert "vanished" in said.rules
    assert (said.nothing, content(child)) == (True, before)


@pytest.mark.parametrize("table", sorted(STATED))
def test_a_row_that_vanished_from_a_complete_return_is_retracted(table: str) -> None:
    child = known_child()
    said = child.states(complete=True, tables={**STATED, table: []})
    assert said.corrections == len(STATED[table])
    assert "fact_retracted" in said.types
    assert child.states(tables=STATED).facts
    assert child.states(tables=STATED).nothing


@pytest.mark.parametrize("table", sorted(STATED))
def test_a_return_that_does_not_say_all_of_the_child_neither_flags_nor_retracts(table: str) -> None:
    child = known_child()
    said = child.states(complete=True, partial=STATED, tables={**STATED, table: []})
    assert (said.nothing, said.flagged) == (True, [])


def test_a_return_that_does_not_say_all_joins_no_rows() -> None:
    child = Child()
    child.states(an_episode("2025-05-01"))
    said = child.states(an_episode("2025-05-02"), partial=["episodes"])
    assert said.corrections == 0
    assert sorted(e.decom for e in child.episodes.values()) == ["2025-05-01", "2025-05-02"]


def test_a_refused_row_is_not_taken_for_a_vanished_one_nor_joined_with_another() -> None:
    child = Child()
    child.states(an_episode("2025-05-01"))
    wrong = an_episode("2025-05-03", dec="2025-04-02", rec="X1")
    said = child.states(wrong, an_episode("2025-06-01"), complete=True)
    assert len(said.refused) == 1
    assert said.corrections == 0
    assert sorted(e.decom for e in child.episodes.values()) == ["2025-05-01", "2025-06-01"]


def test_a_return_of_a_later_year_does_not_miss_what_ended_before_it() -> None:
    child = Child()
    child.states(an_episode("2024-05-01", dec="2024-07-01", rec="E4A"), year=2025)
    said = child.states(an_episode("2025-05-01"), year=2026, complete=True)
    assert (said.flagged, said.corrections) == ([], 0)


def test_a_reason_on_an_open_episode_is_kept_until_it_is_no_longer_stated() -> None:
    child = Child()
    child.states(an_episode(rec="E4A"))
    assert [f.data["reason_ceased"] for f in child.standing("open_episode_reason_stated")] == ["E4A"]
    assert child.states(an_episode()).corrections == 1
    assert child.standing("open_episode_reason_stated") == []


def test_a_reason_on_an_open_episode_gives_way_to_the_end_that_states_one() -> None:
    child = Child()
    child.states(an_episode(rec="E4A"), year=2026)
    said = child.states(an_episode(dec="2026-05-01", rec="E4A"), year=2027)
    assert (said.corrections, child.standing("open_episode_reason_stated")) == (0, [])
    assert child.states(an_episode(rec="E4A"), year=2026).nothing
    assert child.states(an_episode(rec="E4A"), year=2027).corrections == 1
    assert len(child.standing("open_episode_reason_stated")) == 1


def test_of_rows_with_the_same_first_day_the_unchanged_one_is_never_taken_for_a_changed_one() -> None:
    one, other = an_episode(place="U6", urn="SC1"), an_episode(place="K2", urn="SC2")
    child = Child()
    child.states(other, one)
    assert child.states({**one, "place": "K2"}, other).corrections == 1


def test_episodes_of_the_same_days_keep_the_order_in_which_they_were_first_stated() -> None:
    places = ("U6", "K2", "H5", "P1")
    within_a_day = [an_episode("2025-05-01", dec="2025-05-01", rec="X1", rne="P", place=place) for place in places]
    child = Child()
    child.states(*within_a_day)
    assert [f.data["to_type"] for f in sorted(child.standing("placement_moved"), key=lambda f: f.version)] == [
        "K2", "H5", "P1",
    ]  # fmt: skip
    assert child.states(*within_a_day[::-1]).nothing


@pytest.mark.parametrize("row", [{"mis_start": "2025-05-05", "missing": "M", "mis_end": "2025-05-03"}])
def test_a_child_cannot_return_before_going_missing(row: Row) -> None:
    said = Child().states(tables={"missing": [row]})
    assert [(r["table"], r["column"]) for r in said.refused] == [("missing", "MIS_END")]
    assert said.facts == []


def test_what_a_return_states_of_adoption_custody_and_conviction_is_restricted() -> None:
    child = known_child()
    restricted = {f.type.partition(".")[2] for f in child.facts if f.topic == "care.placement.restricted"}
    assert restricted == {
        "adoption_decided", "adoption_decision_ceased", "adoption_recorded", "conviction_recorded",
        "deprivation_of_liberty_started", "deprivation_of_liberty_ended",
    }  # fmt: skip


def test_a_refused_row_of_another_table_leaves_a_changed_first_day_one_correction() -> None:
    child = Child()
    child.states(an_episode("2025-05-01"))
    changed = child.states(an_episode("2025-05-02"), partial=["placed_adoption"])
    back = child.states(an_episode("2025-05-01"), partial=["placed_adoption"])
    assert (changed.corrections, back.corrections) == (1, 1)
    assert [e.decom for e in child.episodes.values()] == ["2025-05-01"]
