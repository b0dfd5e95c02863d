"""The journey pages, read in Chromium over the real services."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from carejourney.service import build
from events.education import SchoolChanged
from events.health import HealthAssessmentHeld
from events.planning import ReviewHeld
from services.journey.app import PARTS
from tests.browser.looking import PHONE, SIZES, a_page, overflow, served, signed_in, violations
from tests.fixtures.system import Surroundings, System, running_services
from tests.integration.education.neighbours import Neighbours, neighbours_of

pytestmark = pytest.mark.browser
AUTHORITY, EMPTY = "E06000021", "E06000022"
LOCAL_ID = "JOURNEY-PAGE-1"


@dataclass(frozen=True)
class Site:
    """Where the journey service answers, a token for its pages, and a child with much of everything."""

    address: str
    token: str
    child: UUID

    @property
    def path(self) -> str:
        return f"/pages/children/{self.child}"


def _episode(ref: int, decom: str, rne: str, **cells: str) -> dict[str, Any]:
    columns = ("place_provider", "dec", "rec", "reason_place_change", "home_post", "pl_post", "urn")
    return (
        dict.fromkeys(columns)
        | {"ref": ref, "decom": decom, "rne": rne, "ls": "C2", "cin": "N1", "place": "U6"}
        | cells
    )


ROWS = [
    _episode(1, "2022-04-01", "P", dec="2023-03-01", rec="X1", place_provider="PR1"),
    _episode(2, "2023-03-01", "P", place="K2", dec="2024-06-10", rec="X1", reason_place_change="CARPL"),
    _episode(3, "2024-06-20", "L", place="K2", ls="C1"),
]


async def _state(system: System, child: UUID, rows: list[dict[str, Any]]) -> None:
    line = {
        "command_id": str(uuid4()), "subject": str(child), "authority": AUTHORITY, "year": 2025, "known_from": None,
        "complete": False, "tables": {"episodes": rows},
    }  # fmt: skip
    (await system["placement"].post("/returns/ssda903", content=json.dumps(line))).raise_for_status()


async def _live(system: System, neighbours: Neighbours) -> UUID:
    [child] = await system.register(LOCAL_ID, authority=AUTHORITY)
    await system.register(*(f"OTHER-{n}" for n in range(60)), authority=AUTHORITY)
    await _state(system, child, ROWS)
    await _state(system, child, [ROWS[0], ROWS[1] | {"place_provider": "PR4"}, ROWS[2]])
    went = {"at": "2025-10-03T22:15:00+01:00", "kind": "M"}
    (await system["placement"].post(f"/children/{child}/missing", json=went)).raise_for_status()
    for body, day in (
        (SchoolChanged(urn="990002", school="Oak Lane School", reason="other"), "2022-09-05"),
        (SchoolChanged(urn="990001", school="Elm Bank School", reason="placement_move"), "2023-03-20"),
        (ReviewHeld(participation="PN1"), "2022-05-02"),
        (ReviewHeld(participation="PN6"), "2023-05-02"),
        (HealthAssessmentHeld(kind="review"), "2023-06-01"),
    ):
        await neighbours.says(child, body, day, authority=AUTHORITY)
    await system.settled()
    await neighbours.heard()
    return child


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(surroundings: Surroundings) -> AsyncIterator[Site]:
    app = build(PARTS, surroundings.settings("journey"))
    async with (
        running_services(surroundings, ("placement",)) as system,
        served(app) as address,
        neighbours_of(app.state.running) as neighbours,
    ):
        child = await _live(system, neighbours)
        yield Site(address, surroundings.token("social-work", authorities=(AUTHORITY, EMPTY)), child)


async def _said(page: Page, text: str) -> None:
    await expect(page.get_by_text(text).first).to_be_visible()


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
async def test_a_journey_can_be_read_and_axe_finds_nothing_serious(
    browser: Browser, site: Site, size: dict[str, int]
) -> None:
    async with a_page(browser, size) as page:
        await signed_in(page, site.address, site.token, site.path)
        await expect(page.get_by_role("heading", name=f"Journey of {LOCAL_ID}")).to_be_visible()

        assert await violations(page) == []
        assert await overflow(page) == 0


async def test_what_is_doubtful_corrected_and_not_known_is_said_in_words(browser: Browser, site: Site) -> None:
    async with a_page(browser) as page:
        await signed_in(page, site.address, site.token, site.path)

        await _said(page, "Since on or before 1 April 2022")
        await _said(page, "no episode is stated for these days, although care is said to have gone on")
        await _said(page, "Corrected")
        await _said(page, "Said on")
        await _said(page, "Does not fit: more than one is stated without an end")
        await expect(page.get_by_role("rowheader", name="Since 3 October 2025, 22:15")).to_be_visible()
        await _said(page, "Placement, from ssda903/2025")
        await _said(page, "Placement and school changed")


async def test_the_picture_says_nothing_that_the_tables_do_not(browser: Browser, site: Site) -> None:
    async with a_page(browser) as page:
        await signed_in(page, site.address, site.token, site.path)

        await expect(page.get_by_role("img", name="Placements:")).to_be_visible()
        await expect(page.get_by_role("table", name="Placements, latest first").get_by_role("row")).to_have_count(4)
        await expect(page.get_by_role("table", name="Reviews, latest first").get_by_role("row")).to_have_count(3)


async def test_a_reader_asks_for_a_day_without_scripts(browser: Browser, site: Site) -> None:
    async with a_page(browser, PHONE, scripts=False) as page:
        await signed_in(page, site.address, site.token, site.path)
        await page.get_by_label("What was true on").fill("2022-06-01")
        await page.get_by_role("button", name="Show").click()

        await _said(page, "what was true on 1 June 2022")
        await expect(page.get_by_role("table", name="Placements, latest first").get_by_role("row")).to_have_count(2)
        await page.get_by_role("link", name="Everything known now").click()
        await expect(page.get_by_role("table", name="Placements, latest first").get_by_role("row")).to_have_count(4)


async def test_nothing_is_shown_for_a_day_before_anything_was_known(browser: Browser, site: Site) -> None:
    async with a_page(browser) as page:
        await signed_in(page, site.address, site.token, f"{site.path}?known_on=2019-01-01")

        await _said(page, "as it was known at the end of 1 January 2019")
        await _said(page, "Nothing was recorded of this child for these dates")
        assert await violations(page) == []


async def test_a_wrong_date_is_said_at_its_field(browser: Browser, site: Site) -> None:
    async with a_page(browser, PHONE) as page:
        await signed_in(page, site.address, site.token, f"{site.path}?true_on=2025-02-30")

        await expect(page.get_by_role("alert")).to_contain_text("must be a date such as")
        await page.get_by_role("link", name="must be a date such as").click()
        await expect(page.get_by_label("What was true on")).to_be_focused()
        assert await violations(page) == []


async def test_a_child_is_found_by_local_id_and_otherwise_the_list_is_shown(browser: Browser, site: Site) -> None:
    async with a_page(browser, PHONE, scripts=False) as page:
        await signed_in(page, site.address, site.token, f"/pages/children?authority={AUTHORITY}")
        await page.get_by_label("Local ID").fill("NOBODY")
        await page.get_by_role("button", name="Find").click()
        await _said(page, "No child of this authority has the local ID")
        await page.get_by_label("Local ID").fill(LOCAL_ID)
        await page.get_by_role("button", name="Find").click()

        await expect(page.get_by_role("heading", name=f"Journey of {LOCAL_ID}")).to_be_visible()
        assert LOCAL_ID not in page.url


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
async def test_the_list_has_pages_and_axe_finds_nothing_serious(
    browser: Browser, site: Site, size: dict[str, int]
) -> None:
    async with a_page(browser, size) as page:
        await signed_in(page, site.address, site.token, f"/pages/children?authority={AUTHORITY}")
        await expect(page.get_by_role("row")).to_have_count(51)
        assert await violations(page) == []
        assert await overflow(page) == 0

        await page.get_by_role("link", name="Next").click()
        await expect(page.get_by_role("row")).to_have_count(12)


async def test_an_authority_without_children_says_so(browser: Browser, site: Site) -> None:
    async with a_page(browser) as page:
        await signed_in(page, site.address, site.token, f"/pages/children?authority={EMPTY}")

        await _said(page, "No child of this authority is known yet")
        assert await violations(page) == []


async def test_a_child_who_is_not_known_has_a_page_that_says_so(browser: Browser, site: Site) -> None:
    async with a_page(browser) as page:
        await signed_in(page, site.address, site.token, f"/pages/children/{uuid4()}")

        await _said(page, "No child of that pseudonym or local id is known here")


async def test_a_role_that_may_not_read_a_record_is_told_so(
    browser: Browser, site: Site, surroundings: Surroundings
) -> None:
    async with a_page(browser) as page:
        await signed_in(page, site.address, surroundings.token("virtual-school"), site.path)

        await _said(page, "This needs one of the roles")
