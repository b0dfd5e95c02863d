import shutil
from pathlib import Path

import pytest

from carejourney.returns.errors import ReturnRefusedError
from carejourney.returns.reading import read_enrolments, read_return
from carejourney.returns.sources import find_sources
from tests.unit.returns.made_returns import TODAY, a_return, episode, header, write_csv, write_table, write_xml


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "return", {"header": [header()], "episodes": [episode()]})


def test_tables_are_known_by_their_columns_whatever_the_files_are_called(folder: Path) -> None:
    (folder / "header.csv").rename(folder / "episodes of care (final).csv")
    assert {name: path.name for name, (path,) in find_sources(folder).csv.items()} == {
        "header": "episodes of care (final).csv",
        "episodes": "episodes.csv",
    }


def test_two_files_for_one_table_are_refused_by_name(folder: Path) -> None:
    shutil.copy(folder / "episodes.csv", folder / "old episodes.csv")
    with pytest.raises(ReturnRefusedError, match=r"episodes\.csv and old episodes\.csv") as refused:
        find_sources(folder)
    assert refused.value.value_class == "ambiguous files"
    assert "say which" in refused.value.remedy


def test_a_chosen_file_settles_which_of_two_is_meant(folder: Path) -> None:
    shutil.copy(folder / "episodes.csv", folder / "old episodes.csv")
    sources = find_sources(folder, {"episodes": [Path("old episodes.csv")]})
    assert [path.name for path in sources.csv["episodes"]] == ["old episodes.csv"]
    assert sources.notes == ["episodes.csv was passed over: another file was chosen for Episodes"]


def test_csv_tables_beside_the_xml_are_refused_by_name(folder: Path) -> None:
    write_xml(folder, a_return(2))
    with pytest.raises(ReturnRefusedError, match=r"return\.xml stands beside CSV tables: episodes\.csv, header\.csv"):
        find_sources(folder)


@pytest.mark.parametrize(
    ("chosen", "left"), [({"xml": [Path("return.xml")]}, "xml"), ({"header": [Path("header.csv")]}, "csv")]
)
def test_a_choice_between_csv_and_xml_settles_which_is_meant(
    folder: Path, chosen: dict[str, list[Path]], left: str
) -> None:
    write_xml(folder, a_return(2))
    sources = find_sources(folder, chosen)
    assert bool(sources.xml) is (left == "xml")
    assert bool(sources.csv) is (left == "csv")
    assert all("passed over" in note for note in sources.notes)


def test_several_chosen_files_are_one_split_table(folder: Path) -> None:
    columns = list(episode())
    write_table(folder / "part2.csv", [episode(DECOM="01/08/2017")], columns)
    with read_return(folder, day=TODAY, files={"episodes": [Path("episodes.csv"), Path("part2.csv")]}) as reading:
        assert reading.spool.count() == 3
        assert reading.files == ["header.csv", "episodes.csv", "part2.csv"]


def test_a_chosen_file_that_holds_another_table_is_refused(folder: Path) -> None:
    (refused,) = find_sources(folder, {"reviews": [folder / "episodes.csv"]}).refused
    assert (refused.place, refused.value_class) == ("episodes.csv", "another table")


def test_a_choice_for_no_table_is_misuse(folder: Path) -> None:
    with pytest.raises(ValueError, match="no such table: episode"):
        find_sources(folder, {"episode": [folder / "episodes.csv"]})


def test_a_table_with_unknown_columns_is_refused_with_what_was_expected_and_the_others_are_taken(folder: Path) -> None:
    secret = "Zebedee"
    columns = [name for name in episode() if name != "LS"]
    write_table(folder / "odd.csv", [], [*columns, secret])
    with read_return(folder, day=TODAY) as reading:
        (refusal,) = reading.report.refused
        assert reading.spool.count() == 2
    assert (refusal.file, refusal.row, refusal.value_class) == ("odd.csv", None, "unknown columns")
    assert "the nearest table is Episodes" in refusal.reason
    assert "LS is missing" in refusal.reason
    assert "number 13" in refusal.reason
    assert secret not in refusal.reason


def test_a_doubled_column_is_refused(folder: Path) -> None:
    (folder / "twice.csv").write_text("CHILD,DOB,REVIEW,REVIEW_CODE,DOB\n", encoding="utf-8")
    (refused,) = find_sources(folder).refused
    assert "a column name stands twice" in refused.reason


@pytest.mark.parametrize(
    ("content", "value_class"),
    [
        ("CHILD,DOB,REVIEW,REVIEW_CODE\nA1,03/05/2010,03/07/2017,PN1\n".encode("utf-16"), "not UTF-8"),
        (b"", "empty file"),
        (b'"CHILD,DOB\n', "unknown columns"),
        (b"x" * 100_000, "unknown columns"),
    ],
)
def test_a_bad_file_is_refused_and_the_others_are_taken(folder: Path, content: bytes, value_class: str) -> None:
    (folder / "bad.csv").write_bytes(content)
    with read_return(folder, day=TODAY) as reading:
        (refusal,) = reading.report.refused
        assert reading.spool.count() == 2
    assert (refusal.file, refusal.row, refusal.value_class) == ("bad.csv", None, value_class)
    assert refusal.remedy


def test_a_file_that_stops_being_text_half_way_is_refused_whole(folder: Path) -> None:
    rows = "A1,03/05/2010,03/07/2017,PN1\nA1,03/05/2010,04/07/2017,PN9\n" * 5000
    content = b"CHILD,DOB,REVIEW,REVIEW_CODE\n" + rows.encode() + b"A1,\xff\xfe,,\n"
    (folder / "reviews.csv").write_bytes(content)
    with read_return(folder, day=TODAY) as reading:
        assert (reading.spool.count(), reading.report.rows_read) == (2, 2)
        assert [entry.value_class for entry in reading.report.refused] == ["not UTF-8"]
        assert "reviews" not in reading.tables


def test_a_file_that_cannot_be_opened_is_refused_by_name(folder: Path) -> None:
    (folder / "lost.csv").symlink_to(folder / "nowhere.csv")
    (folder / "folder.csv").mkdir()
    with read_return(folder, day=TODAY) as reading:
        assert {(entry.file, entry.value_class) for entry in reading.report.refused} == {
            ("folder.csv", "unreadable file"),
            ("lost.csv", "missing file"),
        }


def test_other_files_are_passed_over_with_a_note(folder: Path) -> None:
    (folder / "LICENSE.txt").write_text("words", encoding="utf-8")
    (folder / "enrolments.csv").write_text("local_id,upn,urn,school,from,until,reason\n", encoding="utf-8")
    with read_return(folder, day=TODAY) as reading:
        assert reading.report.refused == []
        assert reading.report.notes == [
            "LICENSE.txt was passed over: it is neither CSV nor XML",
            "enrolments.csv holds school enrolments: import it with `carejourney import enrolments`",
        ]


@pytest.mark.parametrize(("name", "value_class"), [("nowhere", "missing folder"), ("header.csv", "not a folder")])
def test_what_is_no_folder_is_refused(folder: Path, name: str, value_class: str) -> None:
    with read_return(folder / name, day=TODAY) as reading:
        assert [entry.value_class for entry in reading.report.refused] == [value_class]
        assert reading.tables == set()


def test_a_folder_of_folders_says_to_give_one_of_them(folder: Path) -> None:
    with read_return(folder.parent, day=TODAY) as reading:
        (refusal,) = reading.report.refused
    assert refusal.value_class == "no return"
    assert refusal.remedy == "give one of the folders in it: return"


@pytest.mark.parametrize(
    ("content", "value_class"),
    [
        ("<EXPSSDA903><CHILD>", "unreadable XML"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><EXPSSDA903><CHILD><HEADER/></CHILD></EXPSSDA903>', "unreadable XML"),
        ("<Message><Header/></Message>", "unknown XML"),
    ],
)
def test_an_xml_that_is_no_return_is_refused(tmp_path: Path, content: str, value_class: str) -> None:
    (tmp_path / "return.xml").write_text(content, encoding="utf-8")
    with read_return(tmp_path, day=TODAY, year=2018) as reading:
        assert [entry.value_class for entry in reading.report.refused] == [value_class]
        assert reading.spool.count() == 0


def test_a_bad_field_in_the_xml_is_refused_with_the_ordinal_of_its_child(tmp_path: Path) -> None:
    made = a_return(4)
    made["episodes"][4]["LS"] = "Q9"
    with read_return(write_xml(tmp_path, made), day=TODAY) as reading:
        (refusal,) = reading.report.refused
    assert (refusal.file, refusal.row, refusal.column) == ("return.xml", 3, "LS")


def test_an_unknown_element_of_the_xml_is_flagged(tmp_path: Path) -> None:
    path = write_xml(tmp_path, a_return(1)) / "return.xml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("<MOTHER", "<SHOE_SIZE>4</SHOE_SIZE><MOTHER"), encoding="utf-8")
    with read_return(tmp_path, day=TODAY) as reading:
        assert [(flag.row, flag.rule) for flag in reading.report.flagged] == [(1, "unknown-element")]
        assert reading.report.refused == []


@pytest.mark.parametrize(
    ("content", "value_class"),
    [("local_id,upn\n", "unknown columns"), ("", "empty file"), (None, "missing file")],
)
def test_an_enrolments_file_that_is_none_is_refused(tmp_path: Path, content: str | None, value_class: str) -> None:
    path = tmp_path / "enrolments.csv"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with read_enrolments(path, day=TODAY) as reading:
        (refusal,) = reading.report.refused
    assert (refusal.file, refusal.value_class) == ("enrolments.csv", value_class)


def test_enrolments_take_dates_in_both_ways_of_writing(tmp_path: Path) -> None:
    path = tmp_path / "enrolments.csv"
    head = "local_id,upn,urn,school,from,until,reason\n"
    path.write_text(f"{head}A1,UN1,100,Elm,01/09/2017,,new\nA1,UN1,101,Oak,2018-09-01,31/08/2030,\n", encoding="utf-8")
    with read_enrolments(path, day=TODAY) as reading:
        ((child, rows),) = reading.spool.children()
    assert (child, reading.report.refused) == ("A1", [])
    assert [row.values[0] for row in rows] == ["2017-09-01", "2018-09-01"]
    assert [row.values[4] for row in rows] == [None, "2030-08-31"]
