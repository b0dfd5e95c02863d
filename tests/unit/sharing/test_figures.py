"""Figures over children: late and disordered facts, what is wrong with a record, what schools know, where facts go."""

from datetime import date
from itertools import permutations
from typing import Any, get_args

import pytest

from carejourney.envelope import Recorded
from carejourney.information_flow import Limits, flow, limits
from carejourney.keys import open_fields
from carejourney.versions import Versions
from events.catalogue import CATALOGUE
from events.education import SchoolChanged, SchoolInformationShared
from events.health import GpRegistered
from events.journey import AchievementRecorded, DataQualityIssueRaised, DataQualityIssueResolved
from events.placement import ChildDetailsRecorded
from events.planning import NeedsAssessed, SocialWorkerVisitMade
from events.sampling import sample_of
from events.upcasting import Upcast
from services.journey.history import history
from services.journey.sharing.chain import assessment_chains
from services.journey.sharing.figures import Quality, currency, policy
from services.journey.sharing.viewing import Lanes
from services.journey.values import Opening
from tests.unit.journey.made_facts import CHILD, KEY, Record


def lanes(record: Record, on: date | None = None) -> Lanes:
    told = history(record.facts, key=None, child=str(CHILD), local_id=None, true_on=on, withhold=True)
    found: Lanes = told["lanes"]
    return found


def figures(*records: Record) -> dict[str, Any]:
    quality = Quality()
    for record in records:
        quality.add(record.facts)
    return quality.shown()


def visited(record: Record, on: str, recorded: str) -> str:
    record.day = recorded
    return record.says(SocialWorkerVisitMade(seen_alone=True), on)


@pytest.mark.source("CM7.8")
def test_a_visit_recorded_offline_and_sent_later_counts_as_late_and_out_of_order() -> None:
    record = Record()
    visited(record, "2026-02-02", "2026-02-02")
    visited(record, "2026-02-20", "2026-02-21")
    visited(record, "2026-02-10", "2026-02-25")
    shown = figures(record)["planning"]
    assert (shown["facts"], shown["late"], shown["out_of_order"]) == (3, 1, 1)
    assert shown["mean_days_to_record"] == pytest.approx(16 / 3, abs=0.05)


@pytest.mark.source("CM7.8")
def test_late_facts_are_accepted_in_any_order_with_the_same_journey() -> None:
    record = Record()
    for on, recorded in (("2026-02-02", "2026-02-02"), ("2026-02-20", "2026-02-21"), ("2026-02-10", "2026-02-25")):
        visited(record, on, recorded)
    wanted = lanes(record)
    assert [one["from"] for one in wanted["visit"]] == ["2026-02-02", "2026-02-10", "2026-02-20"]
    for order in permutations(record.facts):
        record.facts = list(order)
        assert lanes(record) == wanted


@pytest.mark.source("SR2.31.f")
def test_quality_is_told_by_producer_and_what_was_put_right_is_open_no_more() -> None:
    one, other = Record(), Record()
    issue = one.says(DataQualityIssueRaised(source="education", field="urn", kind="missing"), "2026-01-05")
    other.says(DataQualityIssueRaised(source="education", field="urn", kind="invalid"), "2026-01-05")
    visited(one, "2026-01-05", "2026-01-05")
    wrong = visited(other, "2026-01-05", "2026-01-20")
    assert figures(one, other)["education"]["open_issues"] == {"invalid": 1, "missing": 1}
    assert figures(one, other)["planning"]["timely_share"] == 0.5

    one.says(DataQualityIssueResolved(incident=issue), "2026-01-06")
    other.retracts(wrong, SocialWorkerVisitMade)

    shown = figures(one, other)
    assert (shown["education"]["open_issues"], shown["education"]["resolved_issues"]) == ({"invalid": 1}, 1)
    assert (shown["planning"]["timely_share"], shown["planning"]["retracted"]) == (1, 1)


@pytest.mark.source("SR2.31.f")
def test_a_field_that_a_complete_record_states_counts_as_blank_until_it_is_put_right() -> None:
    record = Record()
    record.says(GpRegistered(practice="Elm Surgery", permanent=True), "2026-01-05")
    blank = record.says(GpRegistered(practice="Oak Surgery"), "2026-01-05")
    visited(record, "2026-01-05", "2026-01-05")
    shown = figures(record)
    assert (shown["health"]["expected_fields"], shown["health"]["complete_share"]) == (4, 0.75)
    assert shown["health"]["blank_fields"] == {"health.gp_registered.permanent": 1}
    assert (shown["planning"]["expected_fields"], shown["planning"]["complete_share"]) == (0, None)

    record.corrects(blank, GpRegistered(practice="Oak Surgery", permanent=False), "2026-01-05")
    assert (figures(record)["health"]["complete_share"], figures(record)["health"]["blank_fields"]) == (1, {})


@pytest.mark.parametrize(("code", "blank"), [("WBRI", 0), ("NOBT", 1), (None, 1)])
def test_a_code_for_what_is_not_yet_known_is_a_blank(code: str | None, blank: int) -> None:
    record = Record()
    record.says(ChildDetailsRecorded(**{**sample_of(ChildDetailsRecorded).content, "ethnicity": code}))
    assert sum(figures(record)["placement"]["blank_fields"].values()) == blank


def test_the_fields_of_a_complete_record_are_fields_that_may_be_left_blank() -> None:
    for wire, names in policy()["complete_record"]["fields"].items():
        for name in names:
            assert type(None) in get_args(CATALOGUE[wire].model_fields[name].annotation), (wire, name)


def test_what_is_wrong_and_not_yet_put_right_lowers_the_share_that_is_valid() -> None:
    record = Record()
    for day in range(1, 5):
        visited(record, f"2026-02-0{day}", "2026-02-04")
    record.says(DataQualityIssueRaised(source="planning", field="notes", kind="missing"), "2026-02-05")
    issue = record.says(DataQualityIssueRaised(source="planning", field="notes", kind="invalid"), "2026-02-05")
    assert figures(record)["planning"]["valid_share"] == 0.75
    record.says(DataQualityIssueResolved(incident=issue), "2026-02-06")
    assert figures(record)["planning"]["valid_share"] == 1


def at_school(record: Record) -> None:
    record.entered("2026-01-05")
    record.placed("2026-01-05")
    record.says(SchoolChanged(urn="990001", school="Elm Bank School", reason="choice"), "2026-01-12")


def known(record: Record, on: str) -> tuple[str, str] | None:
    told = [
        history(record.facts, key=KEY, child=str(CHILD), local_id=None, true_on=day, withhold=True)["lanes"]
        for day in (date.fromisoformat(on), None)
    ]
    return currency(told[0], told[1], on)


def test_a_school_that_is_forgotten_is_in_no_figure() -> None:
    record = Record()
    at_school(record)
    assert known(record, "2026-02-01") is not None
    assert currency(lanes(record, date(2026, 2, 1)), lanes(record), "2026-02-01") is None


@pytest.mark.source("MB.8.10.g")
def test_a_school_that_is_not_told_of_a_move_within_the_days_of_the_policy_is_behind() -> None:
    record, days = Record(), policy()["telling_the_school"]["days"]
    at_school(record)
    record.says(SchoolInformationShared(urn="990001", item="care_status", purpose="teaching"), "2026-01-12")
    assert known(record, "2026-02-01") == ("990001", "current")
    record.placed("2026-03-02", kind="K2")
    assert known(record, f"2026-03-{2 + days:02}") == ("990001", "due")
    assert known(record, f"2026-03-{3 + days:02}") == ("990001", "overdue")
    record.says(SchoolInformationShared(urn="990002", item="placement_change", purpose="teaching"), "2026-03-03")
    assert known(record, "2026-03-20") == ("990001", "overdue")
    record.says(SchoolInformationShared(urn="990001", item="placement_change", purpose="teaching"), "2026-03-19")
    assert known(record, "2026-03-20") == ("990001", "current")


GIVEN: dict[str, Any] = {"facts": 3, "median_seconds": 2.0, "median_seconds_since_effective": 90_000.0}


def delivered(consumer: str, wire: str, greatest: float) -> dict[str, Any]:
    return {"consumer": consumer, "types": [{"type": wire, "greatest_seconds": greatest, **GIVEN}]}


@pytest.mark.source("CM1.10b")
def test_a_delivery_slower_than_the_threshold_raises_an_alert() -> None:
    slow = limits().slow
    given = [delivered("school", "health.gp_registered", slow), delivered("nurse", "health.gp_registered", slow + 1)]
    report = flow(given, [], limits())
    assert [(one["type"], one["consumer"]) for one in report["alerts"]] == [("health.gp_registered", "nurse")]


@pytest.mark.source("CM1.10b")
@pytest.mark.parametrize(("beyond", "alerted"), [(0, []), (1, ["nurse"])])
def test_what_is_delivered_at_once_but_long_after_it_was_so_raises_an_alert(beyond: int, alerted: list[str]) -> None:
    given = delivered("nurse", "health.gp_registered", 3)
    given["types"][0]["median_seconds_since_effective"] = limits().late + beyond
    report = flow([given], [], limits())
    assert [one["consumer"] for one in report["alerts"]] == alerted
    assert report["late_after_seconds"] == limits().late


@pytest.mark.source("SR2.11.f")
def test_the_map_says_which_agency_takes_what_and_how_long_after_it_was_so() -> None:
    given = [delivered("school", "a.b", 3), delivered("nurse", "a.b", 4), delivered("nurse", "c.d", 5)]
    report = flow(given, ["a.b"], Limits(60, 10**6))
    assert report["consumers"] == {"nurse": ["a.b", "c.d"], "school": ["a.b"]}
    [first, _] = report["types"]
    assert [(one["consumer"], one["median_seconds_since_effective"]) for one in first["consumers"]] == [
        ("school", 90_000.0), ("nurse", 90_000.0),
    ]  # fmt: skip


@pytest.mark.source("ES.6")
def test_a_fact_that_is_published_and_that_nobody_takes_is_a_dead_end() -> None:
    assert flow([delivered("school", "a.b", 3)], ["a.b", "c.d"], Limits(60, 10**6))["dead_ends"] == ["c.d"]


def assessed(record: Record, kind: str, on: str, because_of: str | None = None) -> str:
    body = NeedsAssessed(**{**sample_of(NeedsAssessed).content, "kind": kind})
    identity = record.says(body, on)
    if because_of:
        made = record.facts.pop()
        record.facts.append(Recorded({**made.headers, "ce_causationid": because_of}, made.payload, made.topic))
    return identity


def chains(record: Record) -> list[dict[str, Any]]:
    return assessment_chains(record.facts, Opening(KEY), withhold=True)


@pytest.mark.source("CM2.52b")
def test_an_assessment_leads_to_the_next_by_what_each_names_as_its_cause() -> None:
    record = Record()
    common = assessed(record, "common", "2026-01-05")
    initial = assessed(record, "initial", "2026-01-20", common)
    assessed(record, "core", "2026-02-20", initial)
    assessed(record, "placement", "2026-03-01")
    first, second = chains(record)
    kinds = [first["value"], first["led_to"][0]["value"], first["led_to"][0]["led_to"][0]["value"]]
    assert [one["kind"]["code"] for one in kinds] == ["common", "initial", "core"]
    assert (second["value"]["kind"]["code"], second["led_to"]) == ("placement", [])

    change = record.corrects(common, NeedsAssessed(kind="common"), "2026-01-06")
    assessed(record, "kinship", "2026-03-02", change)
    assert [one["value"]["kind"]["code"] for one in chains(record)[0]["led_to"]] == ["initial", "kinship"]

    record.retracts(initial, NeedsAssessed)
    assert [one["value"]["kind"]["code"] for one in chains(record)] == ["common", "core", "placement"]


class NextModel(NeedsAssessed):
    """The child's needs were assessed as a later model does it."""

    version = 2
    upcasts = (Upcast(lambda content: {**content, "trigger": "not_stated"}, "The model asks what gave rise to it."),)
    wire = NeedsAssessed.wire
    trigger: str


@pytest.mark.source("SR2.12.b")
def test_an_assessment_of_an_old_model_is_read_beside_one_of_a_new_and_each_says_which_it_is() -> None:
    record = Record()
    assessed(record, "core", "2026-01-05")
    record.says(NextModel(**sample_of(NeedsAssessed).content, trigger="referral"), "2026-03-05")
    versions = Versions({**CATALOGUE, NeedsAssessed.wire: NextModel})
    newest = versions.newest(record.facts)
    assert [NextModel.model_validate(_opened(fact)).trigger for fact in newest] == ["not_stated", "referral"]
    told = assessment_chains(newest, Opening(KEY), withhold=True)
    assert [one["schema"].rpartition(":")[2] for one in told] == ["1", "2"]
    assert [one["value"]["kind"]["code"] for one in told] == ["core", "core"]


def _opened(fact: Any) -> dict[str, Any]:
    return open_fields(fact.data, KEY)


def test_what_is_planned_ahead_is_never_late() -> None:
    record = Record()
    record.day = "2026-01-05"
    record.says(AchievementRecorded(kind="sport"), "2026-01-05")
    assert figures(record)["journey"]["late"] == 0
