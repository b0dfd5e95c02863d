from collections.abc import AsyncIterator, Iterator
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio

from carejourney.access import COOKIE
from tests.fixtures.system import Surroundings, System
from tests.integration.education.neighbours import Neighbours

OWN = "E06000021"


@pytest_asyncio.fixture
async def reader(education: System) -> AsyncIterator[httpx.AsyncClient]:
    """A browser without a token."""
    transport = education["education"]._transport
    client = httpx.AsyncClient(transport=transport, base_url="http://education")
    yield client


def _token(surroundings: Surroundings, *roles: str) -> str:
    return surroundings.token(*(roles or ("virtual-school",)), authorities=(OWN,))


async def test_a_page_without_a_token_leads_to_sign_in_and_back(reader: httpx.AsyncClient) -> None:
    answer = await reader.get("/pages/roll?q=elm%20bank")

    assert answer.status_code == 303
    assert answer.headers["location"] == f"/sign-in?next={quote('/pages/roll?q=elm%20bank', safe='')}"


async def test_the_address_of_the_service_leads_to_its_first_page(reader: httpx.AsyncClient) -> None:
    assert (await reader.get("/")).headers["location"] == "/pages/roll"


async def test_signing_in_sets_a_cookie_that_scripts_and_other_sites_cannot_use(
    reader: httpx.AsyncClient, surroundings: Surroundings
) -> None:
    answer = await reader.post("/sign-in", data={"token": f" {_token(surroundings)}\n", "next": "/pages/roll?page=1"})

    assert (answer.status_code, answer.headers["location"]) == (303, "/pages/roll?page=1")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=eyJ")
    assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/"))
    assert (await reader.get("/pages/roll")).status_code == 200


async def test_a_link_with_a_token_signs_in_and_forgets_the_token(
    reader: httpx.AsyncClient, surroundings: Surroundings
) -> None:
    answer = await reader.get("/sign-in", params={"token": _token(surroundings), "next": "//evil.example"})

    assert (answer.status_code, answer.headers["location"]) == (303, "/pages/roll")
    assert answer.headers["referrer-policy"] == "no-referrer"


async def test_a_form_of_another_site_signs_nobody_in(reader: httpx.AsyncClient, surroundings: Surroundings) -> None:
    foreign = {"sec-fetch-site": "cross-site"}
    answer = await reader.post("/sign-in", data={"token": _token(surroundings)}, headers=foreign)

    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


async def test_a_token_that_is_no_token_is_refused_in_words(reader: httpx.AsyncClient) -> None:
    for token, words in (("", "Enter a token"), ("x" * 4000, "3,800 characters or fewer"), ("x", "not valid")):
        answer = await reader.post("/sign-in", data={"token": token})
        assert (answer.status_code, words in answer.text) == (401, True)


async def test_signing_out_takes_the_cookie_away(reader: httpx.AsyncClient, surroundings: Surroundings) -> None:
    await reader.post("/sign-in", data={"token": _token(surroundings)})
    await reader.post("/sign-out")

    assert (await reader.get("/pages/roll")).status_code == 303


async def test_a_cookie_reads_and_never_writes(
    reader: httpx.AsyncClient, surroundings: Surroundings, neighbours: Neighbours
) -> None:
    child = await neighbours.a_child_in_care("COOKIE-1", authority=OWN)
    await neighbours.heard()
    await reader.post("/sign-in", data={"token": _token(surroundings)})
    body = {"on": "2025-11-03", "urn": "990002", "school": "Ash Lane School", "reason": "choice"}

    assert (await reader.get(f"/children/{child}/education")).status_code == 200
    assert (await reader.post(f"/children/{child}/school-changes", json=body)).status_code == 401


async def test_a_page_allows_a_browser_nothing_from_elsewhere(
    reader: httpx.AsyncClient, surroundings: Surroundings
) -> None:
    await reader.post("/sign-in", data={"token": _token(surroundings)})
    headers = (await reader.get("/pages/roll")).headers

    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")
    assert headers["cache-control"] == "no-store"


async def test_what_is_searched_for_is_shown_as_text(reader: httpx.AsyncClient, surroundings: Surroundings) -> None:
    await reader.post("/sign-in", data={"token": _token(surroundings)})
    page = await reader.get("/pages/roll", params={"q": "<script>alert(1)</script>"})

    assert "<script" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text


async def test_a_role_that_may_not_read_the_roll_gets_a_page_that_says_so(
    reader: httpx.AsyncClient, surroundings: Surroundings
) -> None:
    await reader.post("/sign-in", data={"token": _token(surroundings, "operations")})
    page = await reader.get("/pages/roll")

    assert (page.status_code, page.headers["content-type"]) == (403, "text/html; charset=utf-8")
    assert "This needs one of the roles" in page.text


async def test_a_page_address_that_cannot_be_read_gets_a_page_that_says_so(
    reader: httpx.AsyncClient, surroundings: Surroundings
) -> None:
    await reader.post("/sign-in", data={"token": _token(surroundings)})

    for query in ("sort=born", "page=minus", "in_care=perhaps", f"q={'x' * 201}"):
        page = await reader.get(f"/pages/roll?{query}")
        assert (page.status_code, "cannot be read" in page.text) == (422, True)


async def test_an_asset_is_kept_for_ever_under_its_present_address_only(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/sign-in")).text
    address = page.partition('rel="stylesheet" href="')[2].partition('"')[0]

    present, other = await reader.get(address), await reader.get("/assets/carejourney.css?old")
    assert present.headers["cache-control"].endswith("immutable")
    assert (other.status_code, other.headers["cache-control"]) == (200, "no-cache")
    assert (await reader.get("/assets/..%2Fpages.py")).status_code == 404


@pytest.fixture
def production(education: System) -> Iterator[None]:
    running = education.running["education"]
    before = running.settings
    running.settings = before.model_copy(update={"environment": "production"})
    yield
    running.settings = before


@pytest.mark.usefixtures("production")
async def test_in_production_a_token_is_taken_from_the_form_only_and_kept_to_https(
    reader: httpx.AsyncClient, surroundings: Surroundings
) -> None:
    link = await reader.get("/sign-in", params={"token": _token(surroundings)})
    form = await reader.post("/sign-in", data={"token": _token(surroundings)})

    assert (link.status_code, "set-cookie" in link.headers) == (403, False)
    assert "Secure" in form.headers["set-cookie"]
