"""Opening a service's pages as a reader does, and what every page must keep to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import uvicorn
from axe_playwright_python.async_playwright import Axe
from fastapi import FastAPI
from playwright.async_api import Browser, Page

SERIOUS = {"serious", "critical"}
DESKTOP, PHONE = {"width": 1280, "height": 1024}, {"width": 375, "height": 812}
# A window of 1280 px at 200 % zoom has this many CSS pixels.
ZOOMED = {"width": 640, "height": 512}
SIZES = {"1280 px": DESKTOP, "375 px": PHONE, "200 % zoom": ZOOMED}


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """The address of an application while it is served; it starts and stops with its lifespan."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="on", ws="none")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(60):
        while not server.started:
            if task.done():
                await task
                raise RuntimeError("the application did not start")
            await asyncio.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def a_page(browser: Browser, size: dict[str, int] = DESKTOP, *, scripts: bool = True) -> AsyncIterator[Page]:
    """A page of a fresh browser profile. `scripts` false is a reader whose browser runs none."""
    context = await browser.new_context(
        viewport={"width": size["width"], "height": size["height"]},
        java_script_enabled=scripts,
        device_scale_factor=2 if size is ZOOMED else 1,
        locale="en-GB",
    )
    page = await context.new_page()
    try:
        yield page
    finally:
        await context.close()


async def signed_in(page: Page, address: str, token: str, path: str) -> None:
    """Go to a path as the holder of a token."""
    await page.goto(f"{address}/sign-in?token={token}&next={quote(path)}")


async def violations(page: Page) -> list[str]:
    """What axe finds that is serious or critical."""
    results = await Axe().run(page)
    found: list[dict[str, Any]] = results.response["violations"]
    return [f"{v['id']}: {n['html'][:120]}" for v in found if v["impact"] in SERIOUS for n in v["nodes"]]


async def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window: readers must not scroll in two directions."""
    width: int = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return width
