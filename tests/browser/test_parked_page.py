from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from carejourney.service import Running, build
from services.health.app import PARTS
from tests.browser.looking import DESKTOP, PHONE, SIZES, a_page, overflow, served, signed_in, violations
from tests.fixtures.system import Surroundings

pytestmark = pytest.mark.browser
HOME = "/operations/parked/page"
LANES = 30


@dataclass(frozen=True)
class Site:
    """Where the health service answers with parked lanes, and a token of an operator."""

    address: str
    token: str
    running: Running


async def _park(running: Running) -> None:
    await running.pool.execute(
        "insert into parked (projection, subject, topic, reason, place)"
        " select 'health_record', gen_random_uuid(), '', 'KeyError', 'services.health.projections:41'"
        " from generate_series(1, $1)",
        LANES,
    )
    await running.pool.execute(
        "insert into unreadable (topic, partition, record_offset, reason) values ('care.placement', 3, 417, $1)"
        " on conflict (topic, partition, record_offset) do update set acknowledged_at = null",
        "the record has no value",
    )


@pytest_asyncio.fixture(loop_scope="session")
async def site(surroundings: Surroundings) -> AsyncIterator[Site]:
    app = build(PARTS, surroundings.settings("health").model_copy(update={"instance": "parked"}))
    async with served(app) as address:
        running = app.state.running
        await running.pool.execute("delete from parked")
        await _park(running)
        yield Site(address, surroundings.token("operations"), running)
        await running.pool.execute("delete from parked")


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
async def test_parked_lanes_can_be_read_and_axe_finds_nothing_serious(
    browser: Browser, site: Site, size: dict[str, Any]
) -> None:
    async with a_page(browser, size) as page:
        await signed_in(page, site.address, site.token, HOME)
        await expect(page.get_by_role("heading", name="Parked lanes")).to_be_visible()
        await expect(page.get_by_text(f"{LANES} lanes parked")).to_be_visible()
        await expect(page.get_by_text("services.health.projections:41")).to_have_count(25)

        assert await violations(page) == []
        assert await overflow(page) == 0


async def test_lanes_are_redriven_from_the_keyboard_after_a_rehearsal(browser: Browser, site: Site) -> None:
    async with a_page(browser, PHONE, scripts=False) as page:
        await signed_in(page, site.address, site.token, f"{HOME}?reason=KeyError")
        await page.get_by_role("button", name="Redrive these lanes").focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name=f"Redrive {LANES} lanes?")).to_be_visible()
        await expect(page.get_by_text(f"{LANES} lanes would go on")).to_be_visible()
        assert await site.running.pool.fetchval("select count(*) from parked") == LANES

        await page.get_by_role("button", name="Redrive").focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status")).to_contain_text(f"{LANES} lanes tried again: {LANES} done")
        assert await site.running.pool.fetchval("select count(*) from parked") == 0


async def test_the_rehearsal_page_has_nothing_axe_finds_serious(browser: Browser, site: Site) -> None:
    async with a_page(browser, PHONE) as page:
        await signed_in(page, site.address, site.token, HOME)
        await page.get_by_role("button", name="Redrive all lanes").click()
        await expect(page.get_by_role("link", name="Go back without a redrive")).to_be_visible()

        assert await violations(page) == []
        assert await overflow(page) == 0


async def test_a_record_is_acknowledged_and_leaves_the_page(browser: Browser, site: Site) -> None:
    async with a_page(browser, DESKTOP) as page:
        await signed_in(page, site.address, site.token, HOME)
        await page.get_by_role("button", name="Acknowledge care.placement/3 at 417").click()

        await expect(page.get_by_role("heading", name="Parked lanes")).to_be_visible()
        await expect(page.get_by_text("the record has no value")).to_have_count(0)
    row = await site.running.pool.fetchrow("select acknowledged_by from unreadable where record_offset = 417")
    assert row["acknowledged_by"] == "tester"


async def test_parked_lanes_have_pages(browser: Browser, site: Site) -> None:
    async with a_page(browser) as page:
        await signed_in(page, site.address, site.token, HOME)
        await page.get_by_role("link", name="Next page").click()

        await expect(page.get_by_text("services.health.projections:41")).to_have_count(LANES - 25)


async def test_a_form_sent_from_another_site_redrives_nothing(browser: Browser, site: Site) -> None:
    async with a_page(browser) as page:
        await signed_in(page, site.address, site.token, HOME)
        answer = await page.request.post(
            f"{site.address}{HOME}/redrive", form={"reason": "KeyError"}, headers={"sec-fetch-site": "cross-site"}
        )
        assert answer.status == 403
    assert await site.running.pool.fetchval("select count(*) from parked") == LANES


async def test_who_is_no_operator_is_refused_in_words(browser: Browser, site: Site, surroundings: Surroundings) -> None:
    async with a_page(browser) as page:
        await signed_in(page, site.address, surroundings.token("health"), HOME)

        await expect(page.get_by_role("heading")).to_have_text("The token does not carry the right for this")
        await expect(page.get_by_role("link", name="Parked lanes")).to_have_count(0)
