from pathlib import Path

import pytest

from tests.unit.sample.made_sample import Return
from tests.unit.sample.measured import measured
from tests.unit.sample.published import PUBLISHED, Share

PAGE = Path(__file__).parents[3] / "docs/sample.md"


@pytest.fixture(scope="module")
def figures(large_year: Return) -> dict[str, float]:
    return measured(large_year)


@pytest.mark.parametrize("share", PUBLISHED, ids=lambda share: share.name)
def test_a_large_sample_shows_the_published_share(figures: dict[str, float], share: Share) -> None:
    assert figures[share.name] == pytest.approx(share.published, abs=share.tolerance)


def test_a_tenth_of_the_children_who_go_missing_have_a_third_of_the_incidents_or_more(large_year: Return) -> None:
    incidents: dict[str, int] = {}
    for row in large_year.table("missing"):
        incidents[row["CHILD"]] = incidents.get(row["CHILD"], 0) + 1
    ranked = sorted(incidents.values(), reverse=True)

    assert sum(ranked[: len(ranked) // 10]) > sum(ranked) / 3


def test_the_page_quotes_every_figure_as_it_is_published_and_as_it_is_generated(figures: dict[str, float]) -> None:
    page = PAGE.read_text(encoding="utf-8").splitlines()

    for share in PUBLISHED:
        assert f"| {share.name} | {share.published:g} | {figures[share.name]:.1f} | {share.tolerance:g} |" in page
