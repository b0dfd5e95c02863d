"""The operators' page of webhooks: how each one is, and what is done about it."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from carejourney.service import build
from services.health.app import PARTS
from tests.browser.looking import DESKTOP, PHONE, SIZES, a_page, overflow, served, signed_in, violations
from tests.browser.test_parked_page import Site
from tests.fixtures.system import Surroundings

pytestmark = pytest.mark.browser
HOME = "/operations/webhooks/page"
LANES = 27
STOPPED, FAILING = uuid4(), uuid4()
_WEBHOOK = """
insert into webhook (id, consumer, url, types, roles, authorities, asked, registered_at, changed_at, secret, state, why,
  failures, failing_since, retry_at)
values ($1, $2, $3, '{}', '{health}', '{*}', '', now(), now(), gen_random_uuid(), $4, $5, $6,
  case when $6 > 0 then now() - interval '3 hours' end, case when $6 > 0 then now() + interval '1 hour' end)
"""
_LANES = """
insert into webhook_lane
  (webhook, topic, subject, version, until_version, waits_since, attempts, due_at, fault, parked_at)
select $1, 'care.health', gen_random_uuid(), 1, 3, now() - interval '2 days', 11, now() + interval '1 hour',
  'answered 422', case when $3 then now() end from generate_series(1, $2)
"""


@pytest_asyncio.fixture(loop_scope="session")
async def site(surroundings: Surroundings) -> AsyncIterator[Site]:
    app = build(PARTS, surroundings.settings("health").model_copy(update={"instance": "webhooks"}))
    async with served(app) as address:
        running = app.state.running
        await running.pool.execute("delete from webhook")
        away = "https://school.example/hook/PATH-SECRET?key=QUERY-SECRET"
        await running.pool.execute(_WEBHOOK, STOPPED, "school-health", away, "paused", "paused by tester", 0)
        await running.pool.execute(_WEBHOOK, FAILING, "clinic", "https://clinic.example:8443/in", "active", None, 7)
        await running.pool.execute(_LANES, STOPPED, LANES, True)
        await running.pool.execute(_LANES, FAILING, 1, False)
        yield Site(address, surroundings.token("operations"), running)
        await running.pool.execute("delete from webhook")


@pytest.mark.parametrize("path", ["", f"/parked?webhook={STOPPED}"], ids=["webhooks", "their lanes"])
@pytest.mark.parametrize("size", [*SIZES.values(), {"width": 320, "height": 640}], ids=[*SIZES, "320 px"])
async def test_webhooks_can_be_read_at_every_size_and_axe_finds_nothing_serious(
    browser: Browser, site: Site, size: dict[str, Any], path: str
) -> None:
    async with a_page(browser, size) as page:
        await signed_in(page, site.address, site.token, f"{HOME}{path}")
        await expect(page.get_by_text("school-health").first).to_be_visible()

        assert await violations(page) == []
        assert await overflow(page) == 0


async def test_the_page_says_of_each_webhook_how_it_is_and_why(browser: Browser, site: Site) -> None:
    async with a_page(browser) as page:
        await signed_in(page, site.address, site.token, HOME)
        stopped = page.get_by_role("row").filter(has_text=str(STOPPED))
        failing = page.get_by_role("row").filter(has_text=str(FAILING))

        await expect(stopped).to_contain_text("paused by tester")
        await expect(stopped).to_contain_text(f"{LANES} lanes")
        await expect(failing).to_contain_text("answered 422")
        await expect(failing).to_contain_text("next try")
        await expect(failing).to_contain_text("https://clinic.example:8443")
        await expect(page.get_by_text(f"2 webhooks: 1 stopped, {LANES} lanes parked, 1 lane waiting.")).to_be_visible()


async def test_neither_path_nor_query_of_an_address_is_shown(browser: Browser, site: Site) -> None:
    async with a_page(browser) as page:
        for path in ("", f"/parked?webhook={STOPPED}"):
            await signed_in(page, site.address, site.token, f"{HOME}{path}")
            shown = await page.content()
            assert "https://school.example" in shown
            assert "SECRET" not in shown


async def test_a_webhook_is_resumed_from_the_keyboard_and_who_did_it_is_noted(browser: Browser, site: Site) -> None:
    async with a_page(browser, PHONE, scripts=False) as page:
        await signed_in(page, site.address, site.token, HOME)
        await page.get_by_role("button", name=f"Resume {STOPPED}").focus()
        await page.keyboard.press("Enter")

        await expect(page.get_by_role("status")).to_contain_text("goes on where it stopped")
        await expect(
            page.get_by_role("listitem").filter(has_text=f"tester (operations): resume {STOPPED}")
        ).to_be_visible()
    assert await site.running.pool.fetchval("select state from webhook where id = $1", STOPPED) == "active"


async def test_parked_lanes_of_a_webhook_are_sent_again_one_child_or_all(browser: Browser, site: Site) -> None:
    async with a_page(browser, DESKTOP) as page:
        await signed_in(page, site.address, site.token, HOME)
        await page.get_by_role("link", name=f"{LANES} lanes of {STOPPED}").click()
        await expect(page.get_by_text("answered 422")).to_have_count(25)
        await page.get_by_role("link", name="Next page").click()
        await expect(page.get_by_text("answered 422")).to_have_count(LANES - 25)

        await page.get_by_role("button", name="on care.health").first.click()
        await expect(page.get_by_role("status")).to_contain_text("1 lane of")
        await page.get_by_role("button", name=f"Redrive {STOPPED}").click()
        await expect(page.get_by_role("status")).to_contain_text(f"{LANES - 1} lanes of")
    parked = await site.running.pool.fetchval("select count(*) from webhook_lane where parked_at is not null")
    assert parked == 0


async def test_a_form_sent_from_another_site_does_nothing(browser: Browser, site: Site) -> None:
    async with a_page(browser) as page:
        await signed_in(page, site.address, site.token, HOME)
        for action in ("resume", "redrive"):
            answer = await page.request.post(
                f"{site.address}{HOME}/{action}",
                form={"webhook": str(STOPPED)},
                headers={"sec-fetch-site": "cross-site"},
            )
            assert answer.status == 403
    assert await site.running.pool.fetchval("select state from webhook where id = $1", STOPPED) == "paused"


async def test_who_is_no_operator_sees_no_webhook(browser: Browser, site: Site, surroundings: Surroundings) -> None:
    async with a_page(browser) as page:
        await signed_in(page, site.address, surroundings.token("health", "agency-system"), HOME)

        await expect(page.get_by_role("heading")).to_have_text("The token does not carry the right for this")
        await expect(page.get_by_text("school-health")).to_have_count(0)
