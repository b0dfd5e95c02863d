"""The catalogue as a reader uses it: with a search, without script, on a phone, by keyboard, and as a mere file."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from fastapi import FastAPI
from playwright.async_api import Browser, Page, expect

from carejourney.contracts import PUBLISHED
from carejourney.contracts.page import page as catalogue_page
from carejourney.contracts.serving import catalogue
from events.catalogue import CATALOGUE
from tests.browser.looking import PHONE, SIZES, a_page, overflow, served, violations

pytestmark = pytest.mark.browser
MOVED = "Placement moved"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def address() -> AsyncIterator[str]:
    """The page as a service serves it, policy and all."""
    app = FastAPI()
    app.include_router(catalogue)
    async with served(app) as found:
        yield f"{found}/catalogue/"


async def searched(page: Page, words: str) -> None:
    await page.get_by_role("searchbox", name="Search").fill(words)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
async def test_the_catalogue_can_be_read_and_axe_finds_nothing_serious(
    browser: Browser, address: str, size: dict[str, Any]
) -> None:
    async with a_page(browser, size) as page:
        await page.goto(address)
        await searched(page, "placement_moved")
        fact = page.get_by_role("article").filter(has=page.get_by_role("heading", name=MOVED))
        for summary in await fact.locator("summary").all():
            await summary.click()
        await expect(fact.get_by_text("urn:carejourney:placement.placement_moved:1")).to_be_visible()

        assert await violations(page) == []
        assert await overflow(page) == 0


async def test_a_search_finds_facts_by_word_family_topic_and_owner(browser: Browser, address: str) -> None:
    async with a_page(browser) as page:
        await page.goto(address)
        status, facts = page.get_by_role("status"), page.get_by_role("article")
        await expect(status).to_have_text(f"{len(CATALOGUE)} facts")
        await searched(page, "SCHOOL changed")
        await expect(facts.get_by_role("heading", name="School changed")).to_be_visible()
        await expect(facts.get_by_role("heading", name="Care plan made")).to_be_hidden()
        await searched(page, "CM4.72")
        await expect(facts.get_by_role("heading", name="Exclusion imposed")).to_be_visible()
        await searched(page, "")
        await page.get_by_label("Family").select_option("age")
        await expect(status).to_have_text("4 facts")
        await page.get_by_label("Topic").select_option("care.health")
        await expect(status).to_have_text("0 facts")
        await page.get_by_role("button", name="Show all facts").click()
        await expect(status).to_have_text(f"{len(CATALOGUE)} facts")


async def test_without_script_every_fact_is_there_with_its_example(browser: Browser, address: str) -> None:
    async with a_page(browser, PHONE, scripts=False) as page:
        await page.goto(address)
        await expect(page.get_by_role("searchbox")).to_have_count(0)
        await expect(page.get_by_role("article")).to_have_count(len(CATALOGUE))
        await page.get_by_text("By topic", exact=True).click()
        await page.locator("nav").get_by_role("link", name=MOVED).first.click()
        fact = page.get_by_role("article").filter(has=page.get_by_role("heading", name=MOVED))
        await fact.get_by_text("Example and schema").click()
        await expect(fact.get_by_role("region")).to_contain_text("ce_type: placement.placement_moved")


async def test_codes_are_reached_and_opened_by_keyboard_from_the_field_that_uses_them(
    browser: Browser, address: str
) -> None:
    async with a_page(browser) as page:
        await page.goto(f"{address}#placement.placement_moved")
        fact = page.get_by_role("article").filter(has=page.get_by_role("heading", name=MOVED))
        await fact.locator("summary").first.focus()
        await page.keyboard.press("Enter")
        await fact.get_by_role("link", name="Codes of PLACE").first.focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#codes-PLACE").get_by_text("Secure children's home", exact=True)).to_be_visible()


async def test_a_link_to_a_fact_that_a_search_hides_shows_it(browser: Browser, address: str) -> None:
    async with a_page(browser) as page:
        await page.goto(address)
        await searched(page, "turned sixteen")
        await page.evaluate("location.hash = 'placement.placement_moved'")
        await expect(page.get_by_role("heading", name=MOVED)).to_be_in_viewport()


async def test_the_page_works_as_a_file_without_any_server(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "index.html"
    file.write_text(catalogue_page(PUBLISHED))
    async with a_page(browser) as page:
        await page.goto(file.as_uri())
        await searched(page, "leaving_care.turned")
        await expect(page.get_by_role("status")).to_have_text("4 facts")
