from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from carejourney.ids import new_id
from carejourney.service import build
from events.education import SchoolChanged
from events.missing import ChildWentMissing
from events.placement import PlacementMoved, PlacementStarted
from services.education.app import PARTS
from tests.browser.looking import DESKTOP, PHONE, SIZES, a_page, overflow, served, signed_in, violations
from tests.fixtures.system import Surroundings
from tests.integration.education.neighbours import Neighbours, neighbours_of

pytestmark = pytest.mark.browser
AUTHORITY, EMPTY = "E06000011", "E06000012"
CHILDREN = 120


@dataclass(frozen=True)
class Site:
    """Where the education service answers, and a token for its page."""

    address: str
    token: str

    def path(self, **asked: str) -> str:
        query = "&".join(f"{name}={value}" for name, value in {"authority": AUTHORITY, **asked}.items())
        return f"/pages/roll?{query}"


async def _fill(neighbours: Neighbours) -> None:
    for n in range(CHILDREN):
        child = await neighbours.a_child_in_care(f"R{n:04}", born=f"{2008 + n % 12}-05-06", authority=AUTHORITY)
        if n % 3 == 0:
            first = SchoolChanged(urn="990001", school="Elm Bank School", reason="first_school")
            await neighbours.says(child, first, "2023-09-04", authority=AUTHORITY)
        if n % 6 == 0:
            await _follow_a_move(neighbours, child)
        if n % 40 == 1:
            await neighbours.says(child, ChildWentMissing(kind="M"), "2026-01-05", authority=AUTHORITY)
    await neighbours.heard()


async def _follow_a_move(neighbours: Neighbours, child: object) -> None:
    moved = PlacementMoved(started=str(new_id()), from_type="U4", to_type="U5")
    placed = PlacementStarted(placement_type="U5", home_area=AUTHORITY, placement_area=EMPTY)
    school = SchoolChanged(urn="990002", school="Ash Lane Academy of Arts and Sciences", reason="placement_move")
    for body, day in ((moved, "2025-10-20"), (placed, "2025-10-20"), (school, "2025-11-03")):
        await neighbours.says(child, body, day, authority=AUTHORITY)  # type: ignore[arg-type]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(surroundings: Surroundings) -> AsyncIterator[Site]:
    app = build(PARTS, surroundings.settings("education"))
    async with served(app) as address, neighbours_of(app.state.running) as neighbours:
        await _fill(neighbours)
        yield Site(address, surroundings.token("virtual-school", authorities=(AUTHORITY, EMPTY)))


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
async def test_the_roll_can_be_read_and_axe_finds_nothing_serious(
    browser: Browser, site: Site, size: dict[str, int]
) -> None:
    async with a_page(browser, size) as page:
        await signed_in(page, site.address, site.token, site.path())
        await expect(page.get_by_role("heading", name="Virtual roll")).to_be_visible()
        await expect(page.get_by_role("row")).to_have_count(101)

        assert await violations(page) == []
        assert await overflow(page) == 0


async def test_the_roll_is_searched_without_scripts(browser: Browser, site: Site) -> None:
    async with a_page(browser, PHONE, scripts=False) as page:
        await signed_in(page, site.address, site.token, site.path())
        await page.get_by_label("Local ID, UPN, or part of a school").fill("ash lane")
        await page.get_by_role("button", name="Show").click()

        await expect(page.get_by_role("status")).to_contain_text("20 children found")
        await expect(page.get_by_text("placement move of 20 October 2025")).to_have_count(20)


async def test_a_heading_sorts_and_says_so(browser: Browser, site: Site) -> None:
    async with a_page(browser, DESKTOP) as page:
        await signed_in(page, site.address, site.token, site.path())
        await page.get_by_role("link", name="Missing now").click()
        await page.get_by_role("link", name="Missing now").click()

        heading = page.get_by_role("columnheader", name="Missing now")
        await expect(heading).to_have_attribute("aria-sort", "descending")
        await expect(page.get_by_role("row").nth(1)).to_contain_text("Yes")


async def test_the_roll_has_pages(browser: Browser, site: Site) -> None:
    async with a_page(browser) as page:
        await signed_in(page, site.address, site.token, site.path())
        await page.get_by_role("navigation", name="Pages of the virtual roll").get_by_role("link", name="Next").click()

        await expect(page).to_have_title("Virtual roll (page 2 of 2) - carejourney")
        await expect(page.get_by_role("row")).to_have_count(CHILDREN - 100 + 1)


async def test_each_child_leads_to_the_journey(browser: Browser, site: Site) -> None:
    async with a_page(browser) as page:
        await signed_in(page, site.address, site.token, site.path(q="R0007"))

        link = await page.get_by_role("link", name="R0007").get_attribute("href")
        assert (link or "").startswith("http://127.0.0.1:8006/pages/children/")


async def test_an_empty_roll_says_what_to_do(browser: Browser, site: Site) -> None:
    async with a_page(browser) as page:
        await signed_in(page, site.address, site.token, f"/pages/roll?authority={EMPTY}")

        await expect(page.get_by_text("No child matches")).to_be_visible()
        assert await violations(page) == []


async def test_a_roll_that_may_not_be_seen_is_refused_in_words(browser: Browser, site: Site) -> None:
    async with a_page(browser) as page:
        await signed_in(page, site.address, site.token, "/pages/roll?authority=E06000099")

        await expect(page.get_by_role("heading")).to_have_text("The token does not carry the right for this")
        assert await violations(page) == []


async def test_a_reader_signs_in_comes_back_and_signs_out(browser: Browser, site: Site) -> None:
    async with a_page(browser) as page:
        await page.goto(site.address + site.path(q="R0007"))
        assert await violations(page) == []
        await page.get_by_label("Your token").fill(site.token)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("status")).to_contain_text("1 child found")
        await page.get_by_role("button", name="Sign out").click()

        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        assert await page.context.cookies() == []


async def test_a_wrong_token_is_named_as_the_problem(browser: Browser, site: Site) -> None:
    async with a_page(browser, PHONE) as page:
        await page.goto(f"{site.address}/sign-in")
        await page.get_by_label("Your token").fill("not a token")
        await page.get_by_role("button", name="Sign in").click()

        await expect(page.get_by_role("alert")).to_contain_text("The token is not valid")
        assert await violations(page) == []


async def test_the_keyboard_reaches_the_content_at_once(browser: Browser, site: Site) -> None:
    async with a_page(browser) as page:
        await signed_in(page, site.address, site.token, site.path())
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to main content")).to_be_focused()
        await page.keyboard.press("Enter")

        await expect(page.locator("main")).to_be_focused()


async def test_a_page_loads_nothing_from_elsewhere(browser: Browser, site: Site) -> None:
    async with a_page(browser) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        faults: list[str] = []
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        await signed_in(page, site.address, site.token, site.path())

        assert [url for url in asked if not url.startswith(site.address)] == []
        assert faults == []
