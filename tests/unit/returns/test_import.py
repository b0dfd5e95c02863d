import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import jsonschema
import pytest

from carejourney.returns.client import Course, Progress, import_enrolments, import_return
from carejourney.returns.errors import ImportStoppedError
from carejourney.returns.report import ImportReport
from carejourney.returns.tables import SERVICES
from tests.unit.returns.made_returns import TODAY, Cells, a_return, episode, header, review, row, write_csv
from tests.unit.returns.service_desk import House, ServiceDesk, open_desk

RUN = UUID("6f1b3f0e-0d52-4a0f-9d4e-0d8b1c1f7a11")
SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schemas/import.schema.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    built = House()
    with open_desk(built) as built.address:
        yield built


@pytest.fixture
def address(house: House) -> str:
    return house.address


@pytest.fixture
def desk(house: House) -> ServiceDesk:
    house.desk = ServiceDesk()
    return house.desk


@pytest.fixture
async def course(address: str, desk: ServiceDesk) -> AsyncIterator[Course]:
    async with httpx.AsyncClient(headers={"authorization": "Bearer made-up"}, timeout=10, trust_env=False) as client:
        assert desk.lines == []
        yield Course({service: f"{address}/{service}" for service in SERVICES}, client, patience=5)


async def take(course: Course, *folders: Path, **options: Any) -> ImportReport:
    report = await import_return(folders, authority="E09000027", today=TODAY, course=course, **options)
    jsonschema.validate(json.loads(report.to_json()), SCHEMA)
    assert report.rows_taken + report.rows_refused == report.rows_read
    return report


async def test_each_service_gets_the_columns_it_owns(course: Course, desk: ServiceDesk, tmp_path: Path) -> None:
    health = row("oc2", SDQ_SCORE="12", CONVICTED="1", TEETH_CHECK="0")
    worker = row("sw_episodes", SW_ID="SW77", SW_DECOM="12/06/2017")
    tables = {"header": [header()], "episodes": [episode()], "oc2": [health], "sw_episodes": [worker]}
    report = await take(course, write_csv(tmp_path, tables))
    sent = {service: desk.posted(service)[0]["tables"] for service in ("placement", "planning", "education", "health")}
    assert sent["education"] == {"header": [{"ref": 1, "upn": "A012345678901"}]}
    assert set(sent["placement"]["header"][0]) == {"ref", "dob", "sex", "ethnic", "mother", "mc_dob"}
    assert sent["placement"]["oc2"] == [{"ref": 3, "convicted": "1"}]
    assert sent["health"]["oc2"][0] | {"ref": 0} == dict.fromkeys(HEALTH_COLUMNS) | {
        "ref": 0,
        "sdq_score": 12,
        "teeth_check": "0",
    }
    assert sent["planning"]["sw_episodes"][0]["sw_id"] == desk.subjects["E09000027", "worker", "SW77"]
    assert desk.posted("leaving_care") == []
    assert (report.facts_recorded, desk.tokens) == (6, {"Bearer made-up"})


HEALTH_COLUMNS = (
    "ref",
    "sdq_score",
    "sdq_reason",
    "health_check",
    "immunisations",
    "teeth_check",
    "health_assessment",
    "substance_misuse",
    "intervention_received",
    "intervention_offered",
)


async def test_a_line_says_which_child_year_and_authority_and_since_when_it_is_known(
    course: Course, desk: ServiceDesk, tmp_path: Path
) -> None:
    folder = write_csv(tmp_path, {"header": [header()], "episodes": [episode()]})
    await take(course, folder, recorded_on=date(2018, 6, 30), complete=True)
    line = desk.posted("placement")[0]
    assert {name: line[name] for name in ("subject", "authority", "year", "known_from", "complete")} == {
        "subject": desk.subjects["E09000027", "child", "A1"],
        "authority": "E09000027",
        "year": 2018,
        "known_from": "2018-06-30",
        "complete": True,
    }
    assert line["tables"]["episodes"][0]["decom"] == "2017-06-12"
    assert line["tables"]["episodes"][0]["dec"] is None


async def test_a_child_with_a_refused_row_is_not_sent_as_complete(
    course: Course, desk: ServiceDesk, tmp_path: Path
) -> None:
    tables = {"header": [header(), header("B2")], "episodes": [episode(), episode(DECOM="x"), episode("B2")]}
    await take(course, write_csv(tmp_path, tables), complete=True)
    complete = {line["subject"]: line["complete"] for line in desk.posted("placement")}
    assert complete[desk.subjects["E09000027", "child", "A1"]] is False
    assert complete[desk.subjects["E09000027", "child", "B2"]] is True


async def test_no_child_is_sent_as_complete_when_a_refused_row_does_not_show_whose_it_is(
    course: Course, desk: ServiceDesk, tmp_path: Path
) -> None:
    tables = {"header": [header(), header("B2")], "episodes": [episode(), episode("")]}
    report = await take(course, write_csv(tmp_path, tables), complete=True)
    assert [line["complete"] for line in desk.posted("placement")] == [False, False]
    assert any("nothing is retracted" in note for note in report.notes)


async def test_a_table_without_a_row_for_the_child_is_sent_empty_and_an_absent_table_is_not_sent(
    course: Course, desk: ServiceDesk, tmp_path: Path
) -> None:
    tables = {"header": [header(), header("B2")], "episodes": [episode()], "missing": []}
    await take(course, write_csv(tmp_path, tables))
    sent = {line["subject"]: line["tables"] for line in desk.posted("placement")}
    assert sent[desk.subjects["E09000027", "child", "B2"]].keys() == {"header", "episodes", "missing"}
    assert sent[desk.subjects["E09000027", "child", "B2"]]["episodes"] == []
    assert all(tables["missing"] == [] for tables in sent.values())


async def test_importing_again_changes_nothing(course: Course, desk: ServiceDesk, tmp_path: Path) -> None:
    folder = write_csv(tmp_path, a_return(200))
    first = await take(course, folder)
    again = await take(course, folder)
    assert first.rows_refused == 0
    assert first.facts_recorded > first.rows_read
    assert (again.facts_recorded, again.corrections, again.rows_read) == (0, 0, first.rows_read)
    assert len({line["command_id"] for _, line in desk.lines}) == len(desk.lines)


async def test_the_same_run_sends_the_same_commands(course: Course, desk: ServiceDesk, tmp_path: Path) -> None:
    folder = write_csv(tmp_path, a_return(20))
    await take(course._replace(run_id=RUN), folder)
    await take(course._replace(run_id=RUN), folder)
    commands = [line["command_id"] for _, line in desk.lines]
    assert len(set(commands)) * 2 == len(commands)


async def test_several_folders_are_imported_in_the_order_of_their_years(
    course: Course, desk: ServiceDesk, tmp_path: Path
) -> None:
    late = write_csv(tmp_path / "a", {"header": [header()], "episodes": [episode(DECOM="01/05/2019")]})
    early = write_csv(
        tmp_path / "b", {"header": [header()], "episodes": [episode(), episode(LS="Q9", DECOM="02/07/2017")]}
    )
    report = await take(course, late, early)
    assert [line["year"] for line in desk.posted("placement")] == [2018, 2020]
    assert [entry.file for entry in report.refused] == ["b/episodes.csv"]
    assert len({line["command_id"] for line in desk.posted("placement")}) == 2


async def test_a_child_outside_header_is_refused_until_the_register_knows_it(
    course: Course, desk: ServiceDesk, tmp_path: Path
) -> None:
    folder = write_csv(
        tmp_path, {"header": [header()], "episodes": [episode(), episode("B2")], "reviews": [review("B2")]}
    )
    report = await take(course, folder)
    assert [(entry.file, entry.row, entry.column) for entry in report.refused] == [
        ("episodes.csv", 3, "CHILD"),
        ("reviews.csv", 2, "CHILD"),
    ]
    assert "add the child to Header" in report.refused[0].remedy
    desk.subjects["E09000027", "child", "B2"] = "child-known"
    assert (await take(course, folder)).rows_refused == 0


async def test_a_sealed_child_is_refused_row_by_row_and_the_others_are_taken(
    course: Course, desk: ServiceDesk, tmp_path: Path
) -> None:
    desk.sealed.add("B2")
    tables = {"header": [header(), header("B2")], "episodes": [episode(), episode("B2")]}
    report = await take(course, write_csv(tmp_path, tables))
    assert {(entry.file, entry.row, entry.value_class) for entry in report.refused} == {
        ("header.csv", 3, "sealed record"),
        ("episodes.csv", 3, "sealed record"),
    }
    assert (report.rows_taken, len({line["subject"] for _, line in desk.lines})) == (2, 1)


async def test_what_a_service_refuses_or_flags_is_reported_with_file_and_row(
    course: Course, desk: ServiceDesk, tmp_path: Path
) -> None:
    refusal = {"column": "decom", "value_class": "sealed", "reason": "is sealed", "remedy": "ask"}
    flag = {"table": "episodes", "column": "dec", "rule": "vanished", "reason": "a row is gone"}
    desk.judge = lambda service, _: (
        {"refused": [refusal | {"table": "episodes", "ref": 3}], "flagged": [flag | {"ref": 2}, flag]}
        if service == "placement"
        else {}
    )
    folder = write_csv(tmp_path, {"header": [header()], "episodes": [episode(DECOM="02/09/2017"), episode()]})
    report = await take(course, folder)
    assert [(entry.file, entry.row, entry.column) for entry in report.refused] == [("episodes.csv", 2, "DECOM")]
    assert [(entry.file, entry.row) for entry in report.flagged] == [("episodes.csv", 3), ("episodes.csv", None)]
    assert (report.rows_read, report.rows_refused) == (3, 1)


async def test_a_row_refused_by_two_services_counts_once(course: Course, desk: ServiceDesk, tmp_path: Path) -> None:
    refusal = {"table": "oc2", "value_class": "sealed", "reason": "is sealed", "remedy": "ask"}
    desk.judge = lambda service, _: {"refused": [refusal]} if service in {"placement", "health"} else {}
    report = await take(
        course, write_csv(tmp_path, {"header": [header()], "episodes": [episode()], "oc2": [row("oc2")]})
    )
    assert (len(report.refused), report.rows_refused) == (2, 1)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_service_that_is_away_for_a_moment_is_waited_for(
    course: Course, desk: ServiceDesk, tmp_path: Path, status: int
) -> None:
    desk.outages = [status, status]
    report = await take(course, write_csv(tmp_path, {"header": [header()], "episodes": [episode()]}))
    assert report.facts_recorded == 3
    assert desk.calls["/placement/returns/claims"] == 3


async def test_a_service_that_stays_away_stops_the_import(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nowhere = f"http://127.0.0.1:{taken.getsockname()[1]}"
    folder = write_csv(tmp_path, {"header": [header()], "episodes": [episode(), episode(DECOM="x")]})
    async with httpx.AsyncClient(trust_env=False) as client:
        course = Course(dict.fromkeys(SERVICES, nowhere), client, patience=0.15)
        with pytest.raises(ImportStoppedError, match="placement cannot be reached") as stopped:
            await take(course, folder)
    assert (stopped.value.report.rows_read, stopped.value.report.rows_refused) == (1, 1)


async def test_a_refusal_of_the_whole_request_stops_with_its_text(
    course: Course, desk: ServiceDesk, tmp_path: Path
) -> None:
    desk.outages, desk.problem = [403], {"title": "Forbidden", "detail": "needs the role historic-load"}
    folder = write_csv(tmp_path, {"header": [header()], "episodes": [episode()]})
    with pytest.raises(ImportStoppedError, match="placement answered 403: Forbidden: needs the role historic-load"):
        await take(course, folder)


async def test_a_stopped_import_counts_what_was_taken_and_not_what_was_under_way(
    course: Course, desk: ServiceDesk, tmp_path: Path
) -> None:
    desk.silent_for = "child-0"
    twice = [review("A1"), review("A1"), review("A1"), review("A1")]
    folder = write_csv(tmp_path, {"header": [header()], "episodes": [episode()], "reviews": twice})
    with pytest.raises(ImportStoppedError) as stopped:
        await take(course, folder)
    report = stopped.value.report
    assert (report.rows_taken, report.rows_refused, report.rows_read) == (0, 3, 3)


async def test_a_stopped_import_counts_the_rows_of_the_batches_that_were_taken(
    course: Course, desk: ServiceDesk, tmp_path: Path
) -> None:
    first = {"header": [header("A1"), header("B2")], "episodes": [episode("A1")]}
    last = {"header": [header("Z9")], "episodes": [episode("Z9", DECOM="01/04/2019")]}
    folders = [write_csv(tmp_path / "first", first), write_csv(tmp_path / "last", last)]
    desk.silent_for = "child-2"
    with pytest.raises(ImportStoppedError) as stopped:
        await take(course, *folders)
    assert stopped.value.report.rows_taken == 3


@pytest.mark.parametrize("year", [1900, 2016, 2028])
async def test_a_year_whose_returns_are_not_taken_is_misuse(course: Course, tmp_path: Path, year: int) -> None:
    with pytest.raises(ValueError, match="2017 to 2027"):
        await take(course, tmp_path, year=year)


async def test_a_service_that_leaves_out_a_child_stops_the_import(
    course: Course, desk: ServiceDesk, tmp_path: Path
) -> None:
    desk.silent_for = "child-0"
    with pytest.raises(ImportStoppedError, match="did not answer for every child"):
        await take(course, write_csv(tmp_path, {"header": [header()], "episodes": [episode()]}))


async def test_progress_ends_with_every_row_done(course: Course, tmp_path: Path) -> None:
    seen: list[Progress] = []
    report = await take(course._replace(on_progress=seen.append), write_csv(tmp_path, a_return(300)))
    assert [progress.rows_done for progress in seen] == sorted(progress.rows_done for progress in seen)
    assert seen[-1] == (report.rows_read, report.rows_read, report.facts_recorded)
    assert len(seen) > 4


async def test_a_refused_folder_is_in_the_report_and_nothing_is_sent(
    course: Course, desk: ServiceDesk, tmp_path: Path
) -> None:
    report = await take(course, tmp_path / "nowhere")
    assert [entry.value_class for entry in report.refused] == ["missing folder"]
    assert (report.files_refused, report.clean, desk.lines) == (1, False, [])


@pytest.mark.parametrize(
    ("folders", "options"),
    [(1, {"recorded_on": date(2027, 1, 1)}), (2, {"year": 2018}), (2, {"files": {"header": [Path("x")]}})],
)
async def test_options_that_make_no_sense_are_misuse(
    course: Course, tmp_path: Path, folders: int, options: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"cannot be after today|single folder"):
        await take(course, *[tmp_path] * folders, **options)


def enrolments(path: Path, *rows: Cells) -> Path:
    head = "local_id,upn,urn,school,from,until,reason"
    lines = [",".join(one.get(name, "") for name in head.split(",")) for one in rows]
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return path


async def test_enrolments_go_to_education_for_children_the_register_knows(
    course: Course, desk: ServiceDesk, tmp_path: Path
) -> None:
    desk.subjects["E09000027", "child", "A1"] = "child-known"
    known = {"local_id": "A1", "upn": "UN1", "urn": "100", "school": "Elm", "from": "01/09/2017"}
    path = enrolments(tmp_path / "e.csv", known, known | {"local_id": "B2"})
    report = await import_enrolments(path, authority="E09000027", today=TODAY, course=course)
    sent = {"ref": 1, "upn": "UN1", "urn": "100", "school": "Elm", "from": "2017-09-01", "until": None, "reason": None}
    (line,) = desk.posted("education")
    assert (line["subject"], line["year"], line["tables"]) == ("child-known", None, {"enrolments": [sent]})
    assert desk.calls["/education/returns/enrolments"] == 1
    (refusal,) = report.refused
    assert (refusal.row, refusal.column, refusal.remedy) == (
        3,
        "LOCAL_ID",
        "import the return that names the child first",
    )
    jsonschema.validate(json.loads(report.to_json()), SCHEMA)


_IMPORT = """
import asyncio, sys
from datetime import date
from pathlib import Path
import httpx
from carejourney.returns.client import Course, import_return
from carejourney.returns.tables import SERVICES
async def main():
    async with httpx.AsyncClient(trust_env=False) as client:
        course = Course({s: f"{sys.argv[1]}/{s}" for s in SERVICES}, client)
        await import_return([Path(sys.argv[2])], authority="E09000027", today=date(2026, 11, 23), course=course)
asyncio.run(main())
"""


def _import_and_die(address: str, folder: Path, point: str) -> tuple[int, list[Path]]:
    """Import in a process that is killed at a point; its exit status and what it left in its temporary folder."""
    left = folder.parent / "tmp"
    left.mkdir()
    environment = os.environ | {"CAREJOURNEY_CRASH_AT": point, "TMPDIR": str(left)}
    killed = subprocess.run([sys.executable, "-c", _IMPORT, address, str(folder)], check=False, env=environment)
    return killed.returncode, list(left.iterdir())


@pytest.mark.parametrize("point", ["import.after_resolve", "import.after_placement:2", "import.after_batch"])
async def test_an_import_killed_at_any_point_ends_the_same_when_run_again(
    course: Course, desk: ServiceDesk, address: str, tmp_path: Path, point: str
) -> None:
    folder = write_csv(tmp_path / "in", a_return(200))
    killed = await asyncio.to_thread(_import_and_die, address, folder, point)
    await take(course, folder)
    clean = ServiceDesk()
    with open_desk(clean) as other:
        services = {service: f"{other}/{service}" for service in SERVICES}
        await take(course._replace(services=services), folder)
    assert killed == (-signal.SIGKILL, [])
    assert _by_local_id(desk) == _by_local_id(clean)


def _by_local_id(desk: ServiceDesk) -> dict[tuple[str, str, str], list[dict[str, Any]]]:
    local_ids = {subject: local_id for (_, _, local_id), subject in desk.subjects.items()}
    return {
        (service, local_ids[subject], table): [
            {name: local_ids[value] if name == "sw_id" else value for name, value in one.items()} for one in rows
        ]
        for (service, subject, table), rows in desk.rows.items()
    }


async def test_a_child_whom_the_next_return_does_not_name_is_told_to_the_services(
    course: Course, desk: ServiceDesk, tmp_path: Path
) -> None:
    both = {"header": [header(), header("B2")], "episodes": [episode(), episode("B2")]}
    await take(course, write_csv(tmp_path / "first", both))
    desk.lines.clear()
    await take(course, write_csv(tmp_path / "second", {"header": [header()], "episodes": [episode()]}))
    absent = desk.subjects["E09000027", "child", "B2"]
    (line,) = [line for line in desk.posted("placement") if line["subject"] == absent]
    assert line["tables"] == {"header": [], "episodes": []}
