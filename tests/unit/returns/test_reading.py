import stat
from datetime import date
from pathlib import Path

import pytest

from carejourney.returns.children import ChildCheck, batches
from carejourney.returns.reading import Reading, collection_year, read_return
from carejourney.returns.report import Refusal
from tests.unit.returns.made_returns import (
    TODAY,
    Cells,
    a_return,
    episode,
    header,
    review,
    row,
    write_csv,
    write_table,
)


def checked(reading: Reading) -> Reading:
    for _ in batches(reading, ChildCheck(reading, reading.report)):
        pass
    return reading


def read(folder: Path, **tables: list[Cells]) -> Reading:
    with read_return(write_csv(folder, tables), day=TODAY) as reading:
        return checked(reading)


def only_refusal(reading: Reading) -> Refusal:
    (refusal,) = reading.report.refused
    return refusal


def test_a_clean_return_is_taken_whole(tmp_path: Path) -> None:
    made = a_return(60)
    reading = read(tmp_path, **made)
    assert reading.report.refused == []
    assert reading.report.flagged == []
    assert reading.report.rows_read == sum(len(rows) for rows in made.values())
    assert reading.tables == set(made)
    assert all(made.values())
    assert reading.year == 2018


@pytest.mark.parametrize(
    ("day", "year"), [("2017-03-31", 2017), ("2017-04-01", 2018), ("2018-01-01", 2018), ("2025-12-31", 2026)]
)
def test_the_collection_year_turns_on_the_first_of_april(day: str, year: int) -> None:
    assert collection_year(day) == year


def test_the_year_comes_from_the_dates_and_not_from_the_name_of_the_folder(tmp_path: Path) -> None:
    reading = read(tmp_path / "2031", header=[header()], episodes=[episode(DECOM="01/04/2019")])
    assert reading.year == 2020


def test_without_episodes_the_year_comes_from_other_starts_but_not_from_reviews(tmp_path: Path) -> None:
    missing = row("missing", MISSING="M", MIS_START="02/02/2021")
    reading = read(tmp_path, header=[header()], missing=[missing], reviews=[review(REVIEW="01/09/2024")])
    assert reading.year == 2021


def test_a_folder_whose_year_cannot_be_told_is_refused_with_the_remedy(tmp_path: Path) -> None:
    reading = read(tmp_path, header=[header()], reviews=[review()])
    refusal = only_refusal(reading)
    assert (refusal.file, refusal.value_class) == (str(tmp_path), "unknown year")
    assert "state the collection year" in refusal.remedy
    assert reading.report.rows_taken == 0


def test_where_no_file_could_be_read_nothing_is_said_of_the_year(tmp_path: Path) -> None:
    (tmp_path / "return.xml").write_text("<Message><Children>", encoding="utf-8")
    with read_return(tmp_path, day=TODAY) as reading:
        assert only_refusal(reading).file == "return.xml"


def test_a_year_of_which_no_return_is_taken_is_refused_with_the_years_that_are(tmp_path: Path) -> None:
    refusal = only_refusal(read(tmp_path, header=[header()], episodes=[episode(DECOM="12/06/1911")]))
    assert refusal.value_class == "unknown year"
    assert "2017 to 2027" in refusal.reason


def test_the_stated_year_goes_before_the_dates(tmp_path: Path) -> None:
    write_csv(tmp_path, {"header": [header()], "reviews": [review()]})
    with read_return(tmp_path, day=TODAY, year=2019) as reading:
        assert reading.year == 2019
        assert reading.report.refused == []


@pytest.mark.parametrize(
    ("table", "cells", "column", "value_class"),
    [
        ("episodes", {"DECOM": "31/02/2017"}, "DECOM", "not a date"),
        ("episodes", {"DECOM": "6/12/17"}, "DECOM", "not a date"),
        ("episodes", {"DECOM": ""}, "DECOM", "blank"),
        ("episodes", {"DECOM": "24/11/2026"}, "DECOM", "date in the future"),
        ("episodes", {"DEC": "11/06/2017"}, "DEC", "end before start"),
        ("episodes", {"LS": "Q9"}, "LS", "unknown code"),
        ("episodes", {"LS": ""}, "LS", "blank"),
        ("episodes", {"PL_POST": "x" * 11}, "PL_POST", "over-long field"),
        ("episodes", {"URN": "7" * 1_000_000}, None, "over-long field"),
        ("episodes", {"URN": "7" * 60_000}, "URN", "over-long field"),
        ("episodes", {"URN": "SC\x00123"}, "URN", "not an identifier"),
        ("episodes", {"URN": "Anna Smith"}, "URN", "not an identifier"),
        ("reviews", {"REVIEW": "24/11/2026"}, "REVIEW", "date in the future"),
        ("missing", {"MIS_START": "24/11/2026", "MISSING": "M"}, "MIS_START", "date in the future"),
        (
            "missing",
            {"MIS_START": "02/02/2018", "MIS_END": "01/02/2018", "MISSING": "A"},
            "MIS_END",
            "end before start",
        ),
        ("oc2", {"SDQ_SCORE": "41"}, "SDQ_SCORE", "not a score"),
        ("oc2", {"SDQ_SCORE": "9" * 5000}, "SDQ_SCORE", "not a score"),
        ("oc2", {"SDQ_SCORE": "-1"}, "SDQ_SCORE", "not a score"),
        ("oc2", {"CONVICTED": "yes"}, "CONVICTED", "unknown code"),
        ("oc3", {"IN_TOUCH": "YES", "ACTIV": "F1", "ACCOM": "01"}, "ACCOM", "unknown code"),
        ("prev_perm", {"PREV_PERM": "P1", "DATE_PERM": "zz/13/2012"}, "DATE_PERM", "not a date"),
        ("header", {"CHILD": "B2", "DOB": "24/11/2026"}, "DOB", "date in the future"),
        ("header", {"CHILD": ""}, "CHILD", "blank"),
        ("header", {"CHILD": "9" * 65}, "CHILD", "over-long field"),
    ],
)
def test_a_bad_field_refuses_its_row_and_no_other(
    tmp_path: Path, table: str, cells: Cells, column: str | None, value_class: str
) -> None:
    good = {"header": [header()], "episodes": [episode(DECOM="03/06/2017")], "reviews": [review()]}
    bad = {"header": header, "episodes": episode, "reviews": review}.get(table)
    wrong = (bad() if bad else row(table, DOB="03/05/2010")) | cells
    rows = [*good.get(table, []), wrong]
    reading = read(tmp_path, **(good | {table: rows}))
    refusal = only_refusal(reading)
    assert (refusal.file, refusal.row) == (f"{table}.csv", len(rows) + 1)
    assert (refusal.column, refusal.value_class) == (column, value_class)
    assert refusal.remedy
    assert reading.report.rows_taken == reading.report.rows_read - 1


def test_no_refusal_repeats_what_a_cell_holds(tmp_path: Path) -> None:
    secret = "Zebedee"
    wrong = [episode(**{name: secret}) for name in ("DECOM", "RNE", "LS", "PLACE", "DEC", "REC", "PL_POST")]
    reading = read(tmp_path, header=[header(DOB=secret), header("B2")], episodes=[*wrong, episode("B2")])
    assert reading.report.rows_refused == len(wrong)
    assert secret.encode() not in reading.report.to_json()


def test_a_date_after_the_day_the_return_was_made_is_refused_although_it_is_past_today(tmp_path: Path) -> None:
    write_csv(tmp_path, {"header": [header()], "episodes": [episode()], "reviews": [review(REVIEW="30/06/2018")]})
    with read_return(tmp_path, day=date(2018, 6, 29)) as reading:
        assert only_refusal(reading).column == "REVIEW"


def test_the_end_of_unaccompanied_status_and_of_a_deprivation_order_may_lie_ahead(tmp_path: Path) -> None:
    order = row("dolo", DOLO_START="01/02/2026", DOLO_END="01/02/2027")
    reading = read(tmp_path, header=[header()], dolo=[order], uasc=[row("uasc", DUC="03/05/2028")])
    assert reading.report.refused == []


def test_whole_numbers_written_with_a_decimal_point_are_whole_numbers(tmp_path: Path) -> None:
    tables = {
        "header": [header(MOTHER="1.0", SEX="2.0", MC_DOB="01/02/2018")],
        "episodes": [episode(URN="1234567.0")],
        "oc2": [row("oc2", SDQ_SCORE="7.0", CONVICTED="0.0")],
    }
    with read_return(write_csv(tmp_path, tables), day=TODAY) as reading:
        ((_, rows),) = reading.spool.children()
    assert rows[0].values == ["2010-05-03", "2", "WBRI", "A012345678901", "1", "2018-02-01"]
    assert rows[1].values[-1] == "1234567"
    assert rows[2].values[1:4] == [7, None, "0"]


@pytest.mark.parametrize(
    ("stated", "kept"),
    [
        ("zz/zz/zzzz", "zzzz-zz-zz"),
        ("ZZ/06/2012", "2012-06-zz"),
        ("29/02/2012", "2012-02-29"),
        ("29/02/zzzz", "zzzz-02-29"),
    ],
)
def test_a_date_of_permanence_may_have_unknown_parts(tmp_path: Path, stated: str, kept: str) -> None:
    earlier = row("prev_perm", PREV_PERM="P1", DATE_PERM=stated)
    write_csv(tmp_path, {"header": [header()], "prev_perm": [earlier], "episodes": [episode()]})
    with read_return(tmp_path, day=TODAY) as reading:
        ((_, rows),) = reading.spool.children()
    assert rows[2].values[-1] == kept


def test_a_known_code_of_another_year_is_flagged_and_taken(tmp_path: Path) -> None:
    reading = read(tmp_path, header=[header(SEX="F")], episodes=[episode(PLACE="K3", REASON_PLACE_CHANGE="CUSTOD")])
    assert reading.report.refused == []
    assert [(flag.column, flag.rule) for flag in reading.report.flagged] == [
        ("SEX", "code-not-of-year"),
        ("PLACE", "code-not-of-year"),
        ("REASON_PLACE_CHANGE", "code-not-of-year"),
    ]


@pytest.mark.parametrize(
    ("cells", "column"),
    [({"PL_POST": "NOWHERE"}, "PL_POST"), ({"HOME_POST": "B1"}, "HOME_POST")],
)
def test_an_odd_identifier_is_flagged_and_taken(tmp_path: Path, cells: Cells, column: str) -> None:
    reading = read(tmp_path, header=[header(UPN="UN4")], episodes=[episode(**cells)])
    assert reading.report.refused == []
    assert [(flag.column, flag.rule) for flag in reading.report.flagged] == [(column, "odd-form")]


def test_a_date_of_birth_or_sex_unlike_the_one_in_header_is_flagged(tmp_path: Path) -> None:
    uasc = row("uasc", SEX="1", DOB="03/05/2011")
    reading = read(tmp_path, header=[header()], episodes=[episode()], uasc=[uasc], reviews=[review(DOB="03/05/2010")])
    assert {(flag.file, flag.column) for flag in reading.report.flagged} == {("uasc.csv", "SEX"), ("uasc.csv", "DOB")}
    assert all(flag.rule == "differs-from-header" for flag in reading.report.flagged)


def test_an_exact_duplicate_is_refused_and_names_the_row_it_repeats(tmp_path: Path) -> None:
    reading = read(tmp_path, header=[header()], episodes=[episode(), episode(DECOM="01/07/2017"), episode()])
    refusal = only_refusal(reading)
    assert (refusal.row, refusal.value_class, refusal.reason) == (4, "duplicate row", "repeats row 2")


@pytest.mark.parametrize(("first", "second", "refused"), [("U6", "K2", 2), ("K2", "U6", 3)])
def test_of_two_episodes_that_start_on_one_day_the_same_one_is_refused_in_any_order(
    tmp_path: Path, first: str, second: str, refused: int
) -> None:
    reading = read(tmp_path, header=[header()], episodes=[episode(PLACE=first), episode(PLACE=second)])
    refusal = only_refusal(reading)
    assert (refusal.row, refusal.value_class) == (refused, "contradicting row")
    assert refusal.reason.startswith(f"contradicts row {5 - refused}: Episodes")


def test_two_reviews_on_one_day_are_both_taken(tmp_path: Path) -> None:
    reading = read(tmp_path, header=[header()], episodes=[episode()], reviews=[review(), review(REVIEW_CODE="PN4")])
    assert reading.report.refused == []


def test_a_line_with_too_few_fields_or_unbalanced_quotes_costs_that_line_only(tmp_path: Path) -> None:
    write_csv(tmp_path, {"header": [header(), header("B2")], "episodes": [episode()]})
    with (tmp_path / "header.csv").open("a", encoding="utf-8") as stream:
        stream.write('C3,01/02/2011\n"D4,01/02/2011,2,WBRI,UN1,,\n"E5","01/02/2011",2,WBRI,UN1,,\n')
    with read_return(tmp_path, day=TODAY) as reading:
        children = [child for child, _ in reading.spool.children()]
    assert [(entry.row, entry.value_class) for entry in reading.report.refused] == [
        (4, "wrong number of fields"),
        (5, "unbalanced quotes"),
    ]
    assert children == ["A1", "B2", "E5"]


def test_a_byte_order_mark_stray_spaces_small_letters_and_blank_lines_do_no_harm(tmp_path: Path) -> None:
    write_csv(tmp_path, {"header": [header(UPN="UN1")]})
    text = "\n child , decom ,RNE,LS,CIN,PLACE,PLACE_PROVIDER,DEC,REC,REASON_PLACE_CHANGE,HOME_POST,PL_POST,URN\r\n"
    line = " A1 , 12/06/2017 ,S,V2, N1,U4,,,,,,,\r\n\r\n"
    (tmp_path / "anything.CSV").write_text(text.lstrip() + line, encoding="utf-8-sig", newline="")
    with read_return(tmp_path, day=TODAY) as reading:
        ((_, rows),) = reading.spool.children()
    assert reading.report.refused == []
    assert rows[1].values[:4] == ["2017-06-12", "S", "V2", "N1"]


def test_the_spool_is_private_and_leaves_nothing_behind(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    write_csv(tmp_path / "in", a_return(5))
    with read_return(tmp_path / "in", day=TODAY, work_dir=work) as reading:
        held = reading.spool.count()
        modes = [stat.S_IMODE(link.stat().st_mode) for link in _open_spools(work)]
        assert list(work.iterdir()) == []
    assert held > 0
    assert set(modes) == {0o600}
    assert list(work.iterdir()) == []


def _open_spools(work: Path) -> list[Path]:
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return [link for link in links if str(link.readlink()).startswith(str(work))]


def test_a_table_that_is_there_without_rows_is_part_of_the_return(tmp_path: Path) -> None:
    reading = read(tmp_path, header=[header()], episodes=[episode()], missing=[])
    assert reading.tables == {"header", "episodes", "missing"}


def test_the_columns_of_a_table_may_stand_in_any_order(tmp_path: Path) -> None:
    write_csv(tmp_path, {"header": [header()]})
    write_table(tmp_path / "e.csv", [episode()], sorted(episode()))
    with read_return(tmp_path, day=TODAY) as reading:
        assert reading.tables == {"header", "episodes"}
        assert reading.report.refused == []
