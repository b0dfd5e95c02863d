"""Which facts stand after corrections, whatever the order in which they arrive."""

from itertools import permutations
from uuid import UUID, uuid4

import pytest

from carejourney.envelope import Draft, Recorded, headers_of, instant
from carejourney.standing import Standing, lane_order, standing
from events.correction import Consequence, FactCorrected, FactRetracted
from events.event import Fact
from events.health import HealthOutcomesReported
from tests.builders import NOW, a_context

CHILD = UUID("01980000-0000-7000-8000-000000000001")
TOPIC = "care.health"


def outcome(score: int | None) -> HealthOutcomesReported:
    return HealthOutcomesReported(year=2025, sdq_score=score)


class Story:
    """Facts of one child in the order in which they were said."""

    def __init__(self) -> None:
        self.facts: list[Recorded] = []

    def says(self, body: Fact, on: str | None = "2024-04-01", topic: str = TOPIC) -> str:
        draft = Draft(CHILD, body, on, topic, id=uuid4())
        headers = headers_of(draft, a_context(), time=instant(NOW), stream_version=len(self.facts) + 1)
        self.facts.append(Recorded(headers, body.model_dump_json().encode(), topic))
        return str(draft.id)

    def corrects(self, fact: str, score: int, *also: tuple[str, int | None]) -> str:
        return self.says(
            FactCorrected(
                corrects=fact,
                type=HealthOutcomesReported.wire,
                effective="2024-04-02",
                replacement=outcome(score).model_dump(),
                consequences=consequences(*also),
            )
        )

    def retracts(self, fact: str, *also: tuple[str, int | None]) -> str:
        wire = HealthOutcomesReported.wire
        return self.says(FactRetracted(corrects=fact, type=wire, reason="error", consequences=consequences(*also)))

    def ends(self) -> dict[str, Standing]:
        """What stands, which must not depend on the order of arrival."""
        found = [{f.id: f for f in standing(order)} for order in permutations(self.facts)]
        assert all(one == found[0] for one in found)
        return found[0]


def consequences(*also: tuple[str, int | None]) -> tuple[Consequence, ...]:
    return tuple(
        Consequence(
            corrects=fact,
            type=HealthOutcomesReported.wire,
            effective="2024-04-03",
            replacement=None if score is None else outcome(score).model_dump(),
        )
        for fact, score in also
    )


def score(fact: Standing) -> int | None:
    value: int | None = fact.data["sdq_score"]
    return value


def test_a_fact_stands_as_it_was_said() -> None:
    story = Story()
    first = story.says(outcome(3))
    (fact,) = story.ends().values()
    assert (fact.id, score(fact), fact.effective, fact.retracted, fact.corrected) == (
        first, 3, "2024-04-01", False, False,
    )  # fmt: skip


def test_a_corrected_fact_keeps_its_id_and_all_that_made_it_so() -> None:
    story = Story()
    first = story.says(outcome(3))
    change = story.corrects(first, 5)
    (fact,) = story.ends().values()
    assert (fact.id, score(fact), fact.effective, fact.facts) == (first, 5, "2024-04-02", (first, change))


@pytest.mark.parametrize("names_the_first", [True, False])
def test_a_correction_may_correct_a_correction(*, names_the_first: bool) -> None:
    story = Story()
    first = story.says(outcome(3))
    change = story.corrects(first, 5)
    story.corrects(first if names_the_first else change, 7)
    assert [score(fact) for fact in story.ends().values()] == [7]


def test_a_retracted_fact_keeps_its_last_content_and_may_be_said_again() -> None:
    story = Story()
    first = story.says(outcome(3))
    story.corrects(first, 5)
    story.retracts(first)
    (fact,) = story.ends().values()
    assert (fact.retracted, score(fact)) == (True, 5)
    story.corrects(first, 6)
    (fact,) = story.ends().values()
    assert (fact.retracted, score(fact)) == (False, 6)


def test_a_correction_changes_what_follows_from_it_as_well() -> None:
    story = Story()
    first, second, third = story.says(outcome(1)), story.says(outcome(2)), story.says(outcome(3))
    story.corrects(first, 5, (second, 6), (third, None))
    ends = story.ends()
    assert [(score(ends[i]), ends[i].retracted) for i in (first, second, third)] == [(5, False), (6, False), (3, True)]


def test_a_retraction_changes_what_follows_from_it_as_well() -> None:
    story = Story()
    first, second = story.says(outcome(1)), story.says(outcome(2))
    story.retracts(first, (second, 6))
    ends = story.ends()
    assert (ends[first].retracted, score(ends[second])) == (True, 6)


def test_who_corrects_a_correction_does_not_mean_what_followed_from_it() -> None:
    story = Story()
    first, second = story.says(outcome(1)), story.says(outcome(2))
    change = story.corrects(first, 5, (second, 6))
    story.corrects(change, 7)
    ends = story.ends()
    assert (score(ends[first]), score(ends[second])) == (7, 6)


def test_a_correction_of_what_has_not_arrived_stands_aside() -> None:
    story = Story()
    first = story.says(outcome(1))
    story.corrects(first, 5)
    assert standing(story.facts[1:]) == []


def test_no_two_facts_have_one_place_in_a_lane_not_even_those_of_a_topic_and_its_twin() -> None:
    plain, twin = Story(), Story()
    plain.says(outcome(1))
    twin.says(outcome(2), topic=f"{TOPIC}.restricted")
    said = standing([*twin.facts, *plain.facts])
    assert [score(fact) for fact in sorted(said, key=lambda f: lane_order(f, "point"))] == [1, 2]


def test_of_one_day_ends_come_before_starts_and_what_was_recorded_first_before_the_rest() -> None:
    story = Story()
    for points in (1, 2, 3):
        story.says(outcome(points))
    places = {lane_order(fact, "start") for fact in standing(story.facts)}
    assert max(lane_order(fact, "end") for fact in standing(story.facts)) < min(places)
    assert [place[-1] for place in sorted(places)] == [1, 2, 3]
