from datetime import date
from pathlib import Path
from typing import Any

import pytest

from carejourney.sample import UnknownAuthorityError, generate
from carejourney.sample.tables import FILES, TABLES
from tests.unit.sample.made_sample import Return


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.csv"))}


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        generate(30, (2025, 2026), seed=4, out=tmp_path / name)

    assert _bytes(tmp_path / "one") == _bytes(tmp_path / "two")


def test_another_seed_gives_other_children(tmp_path: Path) -> None:
    generate(30, (2026, 2026), seed=4, out=tmp_path / "one")
    generate(30, (2026, 2026), seed=5, out=tmp_path / "two")

    assert _bytes(tmp_path / "one")["2026/header.csv"] != _bytes(tmp_path / "two")["2026/header.csv"]


def _identifiers(folder: Path) -> set[str]:
    made = Return(folder / "2026", 2026)
    children = {row[column] for row in made.table("header") for column in ("CHILD", "UPN")}
    workers = {row["SW_ID"] for row in made.table("sw_episodes")}
    return {identifier for identifier in children | workers if not identifier.startswith("UN")}


@pytest.mark.parametrize(
    "other",
    [
        {"children": 31},
        {"years": (2025, 2026)},
        {"seed": 5},
        {"authority": "E09000027"},
    ],
)
def test_samples_of_other_arguments_share_no_identifier(tmp_path: Path, other: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {"children": 30, "years": (2026, 2026), "seed": 4, "authority": "E08000025"}
    generate(**arguments, out=tmp_path / "one")
    generate(**arguments | other, out=tmp_path / "two")

    assert not _identifiers(tmp_path / "one") & _identifiers(tmp_path / "two")


def test_two_authorities_of_one_seed_have_other_children(tmp_path: Path) -> None:
    births = []
    for authority in ("E08000025", "E09000027"):
        generate(30, (2026, 2026), seed=4, out=tmp_path / authority, authority=authority)
        births.append({row["DOB"] for row in Return(tmp_path / authority / "2026", 2026).table("header")})

    assert len(births[0] & births[1]) < len(births[0]) / 4


def test_as_many_children_are_looked_after_on_the_last_census_day_as_were_asked_for(tmp_path: Path) -> None:
    summary = generate(40, range(2024, 2027), seed=1, out=tmp_path)

    assert summary.looked_after[2026] == 40
    assert len(Return(tmp_path / "2026", 2026).looked_after()) == 40
    assert [folder.name for folder in summary.folders] == ["2024", "2025", "2026"]


def test_the_summary_counts_the_rows_that_were_written(tmp_path: Path) -> None:
    summary = generate(25, (2026, 2026), seed=2, out=tmp_path)

    for table, file in FILES.items():
        path = tmp_path / "2026" / file
        lines = len(path.read_text(encoding="utf-8").splitlines()) - 1 if path.exists() else 0
        assert summary.rows.get(table, 0) == lines
    assert summary.enrolments == len((tmp_path / "enrolments.csv").read_text(encoding="utf-8").splitlines()) - 1


def test_every_table_has_exactly_the_columns_of_the_specification(tmp_path: Path) -> None:
    generate(20, (2027, 2027), seed=3, out=tmp_path)

    for table, file in FILES.items():
        first = (tmp_path / "2027" / file).read_text(encoding="utf-8").splitlines()[0]
        assert first == ",".join(TABLES[table])


@pytest.mark.parametrize(("year", "absent"), [(2023, {"sw_episodes.csv", "dolo.csv"}), (2026, {"dolo.csv"})])
def test_a_return_has_no_table_before_the_year_that_brought_it(tmp_path: Path, year: int, absent: set[str]) -> None:
    generate(10, (year, year), seed=3, out=tmp_path)

    assert {path.name for path in (tmp_path / str(year)).iterdir()} == set(FILES.values()) - absent


def test_progress_is_told_for_every_child(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    summary = generate(15, (2026, 2026), seed=3, out=tmp_path, progress=lambda done, of: told.append((done, of)))

    assert told == [(number, summary.children) for number in range(1, summary.children + 1)]


def test_a_sample_that_was_interrupted_does_not_look_complete(tmp_path: Path) -> None:
    def interrupt(_done: int, _of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(10, (2026, 2026), seed=3, out=tmp_path, progress=interrupt)

    assert not (tmp_path / "enrolments.csv").exists()


def test_another_authority_places_its_children_from_homes_of_its_own(tmp_path: Path) -> None:
    generate(20, (2026, 2026), seed=3, out=tmp_path, authority="E08000003")

    homes = {row["HOME_POST"][0] for row in Return(tmp_path / "2026", 2026).table("episodes") if row["HOME_POST"]}
    assert homes == {"M"}


def test_an_authority_without_postcodes_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(UnknownAuthorityError, match="ONS code of an English authority"):
        generate(10, (2026, 2026), seed=1, out=tmp_path, authority="E99")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("children", "years"), [(0, (2026, 2026)), (10, (2026, 2025)), (10, (2016, 2026))])
def test_a_sample_without_children_or_valid_years_is_refused(
    tmp_path: Path, children: int, years: tuple[int, int]
) -> None:
    with pytest.raises(ValueError, match=r"at least one child|collection years"):
        generate(children, years, seed=1, out=tmp_path)


def test_nothing_is_said_of_a_day_after_the_year(tmp_path: Path) -> None:
    generate(40, (2026, 2026), seed=6, out=tmp_path)

    told = Return(tmp_path / "2026", 2026)
    days = [row[column] for row in told.table("episodes") for column in ("DECOM", "DEC") if row[column]]
    days += [row["REVIEW"] for row in told.table("reviews")]
    assert max(date(int(cell[6:]), int(cell[3:5]), int(cell[:2])) for cell in days) <= told.last
