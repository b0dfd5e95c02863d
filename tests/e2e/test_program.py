"""The program as a person at a terminal uses it: import, history, lag, rebuild, and what it says when refused."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from carejourney.embedded.layout import SERVICES
from tests.e2e.importing import new_authority
from tests.e2e.installation import Installation
from tests.e2e.return_folders import Tables, children_in, iso, of_children, write_tables


@dataclass(frozen=True)
class Told:
    """An authority of which two years were imported, one child in both, and the moment between the imports."""

    authority: str
    child: str
    between: str
    folders: tuple[Path, Path]


@pytest.fixture(scope="module")
def told(installation: Installation, years: dict[int, Tables], tmp_path_factory: pytest.TempPathFactory) -> Told:
    work, authority = tmp_path_factory.mktemp("program"), new_authority()
    # The year of a return is told by its latest episode, so some child's must begin in it.
    moved = {one["CHILD"] for one in years[2026]["episodes"] if (iso(one["DECOM"]) or "") >= "2025-04-01"}
    both = [c for c in children_in(years[2025], "episodes") if c in moved][:6]
    first, last = (write_tables(work / str(y), of_children(years[y], both, f"{authority}-")) for y in (2025, 2026))
    installation.told("import ssda903", first, "--authority", authority)
    between = datetime.now(UTC).isoformat()
    installation.told("import ssda903", last, "--authority", authority)
    return Told(authority, f"{authority}:{authority}-{both[0]}", between, (first, last))


def test_both_folders_named_in_any_order_change_nothing(installation: Installation, told: Told) -> None:
    report = installation.told("import ssda903", *reversed(told.folders), "--authority", told.authority)

    assert (report["facts_recorded"], report["corrections"], report["refused"]) == (0, 0, [])


def test_history_tells_a_child_as_it_was_known_before_the_last_year(installation: Installation, told: Told) -> None:
    now = installation.told("history", told.child)
    then = installation.told("history", told.child, "--known-on", told.between)

    assert now["local_id"] == told.child.partition(":")[2]
    assert now["known_on"] is None
    assert max(one["recorded"] for one in now["lanes"]["episode"]) > max(
        one["recorded"] for one in then["lanes"]["episode"]
    )
    on_the_day = installation.told("history", told.child, "--true-on", "2025-03-31")
    assert [one for one in on_the_day["lanes"]["episode"] if one["until"] and one["until"] <= "2025-03-31"] == []


def test_every_history_of_an_authority_is_one_line(installation: Installation, told: Told) -> None:
    lines = installation.run("history --all --authority", told.authority, "--json").splitlines()

    assert len({json.loads(line)["child"] for line in lines}) == len(lines) == 6


@pytest.mark.parametrize("service", SERVICES)
def test_a_rebuild_finds_every_projection_as_it_is(installation: Installation, told: Told, service: str) -> None:
    assert told.authority
    found = json.loads(installation.run("rebuild", service, "--json"))

    assert found
    assert all(one["subjects"] >= 6 for one in found)
    assert [one for one in found if one["different"] or one["missing"] or one["left_over"]] == []


def test_nothing_is_behind_and_no_lane_is_parked(installation: Installation, told: Told) -> None:
    assert told.authority
    lag = installation.told("lag")

    assert lag["total"] == 0
    assert {one["parked"] for one in lag["projections"]} == {0}


def test_everything_is_equal_also_after_it_was_published_again(installation: Installation, told: Told) -> None:
    assert told.authority
    before = installation.told("verify")
    begun = json.loads(installation.run("republish placement --topic care.placement --json"))
    installation.settle()
    after = installation.told("verify")

    assert begun == [{"service": "placement", "topics": ["care.placement"]}]
    assert (before["equal"], after["equal"]) == (True, True)
    (topic,) = [one for one in after["topics"] if one["topic"] == "care.placement"]
    assert topic["duplicates"] >= topic["facts"] > 0
    assert topic["hash"] == topic["kafka_hash"]


def test_a_rebuild_can_be_looked_at_first_and_has_nothing_to_take_back(installation: Installation, told: Told) -> None:
    assert told.authority
    (looked,) = json.loads(installation.run("rebuild journey children --dry-run --json"))
    installation.run("rebuild journey --forget")
    refused = installation.start("rebuild journey children --roll-back")
    _, errors = refused.communicate(timeout=60)

    assert (looked["switched"], looked["different"]) == (False, 0)
    assert refused.returncode == 1
    assert "nothing is kept" in errors


def test_a_folder_that_is_refused_ends_with_status_one_and_says_why(installation: Installation, tmp_path: Path) -> None:
    process = installation.start("import ssda903", tmp_path / "nowhere", "--authority", "E06999998", "--json")
    output, _ = process.communicate(timeout=60)

    assert process.returncode == 1
    assert [one["value_class"] for one in json.loads(output)["refused"]] == ["missing folder"]


def test_an_authority_without_children_is_said_so_and_is_no_success(installation: Installation) -> None:
    process = installation.start("history --all --authority E06999997 --json")
    output, errors = process.communicate(timeout=60)

    assert (process.returncode, output) == (1, "")
    assert "no child of E06999997 is known" in errors


def test_that_nothing_was_known_yet_is_said_beside_the_empty_history(installation: Installation, told: Told) -> None:
    process = installation.start("history", told.child, "--known-on", "2015-01-01", "--json")
    output, errors = process.communicate(timeout=60)

    assert process.returncode == 0
    assert not any(json.loads(output)["lanes"].values())
    assert errors == "nothing of this child was known by 2015-01-01\n"


def test_a_return_taken_under_a_mistyped_authority_is_put_right_by_a_person(
    installation: Installation, told: Told
) -> None:
    right = new_authority()
    process = installation.start("import ssda903", told.folders[0], "--authority", right)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"6 of its 6 children were brought by a return loaded for another authority: {told.authority} (6)" in output

    confirmed = ("--authority", right, "--also-loaded-for", told.authority)
    report = installation.told("import ssda903", told.folders[0], *confirmed)

    assert report["refused"] == []
    assert len(installation.run("history --all --authority", right).splitlines()) == 6
