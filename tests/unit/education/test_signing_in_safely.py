from datetime import date

import pytest

from carejourney.web.assets import asset_path
from carejourney.web.signing import safe_next
from carejourney.web.wording import counted, day


@pytest.mark.parametrize("wanted", ["/pages/roll", "/pages/roll?q=a%20b&page=2", "/pages/children/x"])
def test_a_reader_comes_back_to_the_page_asked_for(wanted: str) -> None:
    assert safe_next(wanted, "/home") == wanted


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        "pages/roll",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        "/\tx",
        "/a\r\nSet-Cookie: x=1",
        "/sign-out",
        "/sign-in?token=x",
    ],
)
def test_a_reader_is_never_led_elsewhere(wanted: str) -> None:
    assert safe_next(wanted, "/home") == "/home"


def test_dates_and_counts_are_worded_as_people_write_them() -> None:
    assert [day(date(2026, 3, 3)), day("2026-03-03"), day(None)] == ["3 March 2026", "3 March 2026", ""]
    assert [counted(1, "child"), counted(2, "child"), counted(1204, "day")] == ["1 child", "2 children", "1,204 days"]


def test_an_asset_has_another_address_when_it_changes() -> None:
    path, _, mark = asset_path("carejourney.css").partition("?")

    assert path == "/assets/carejourney.css"
    assert len(mark) == 12
