"""How values are worded on a page: dates as people write them, counts with their noun."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Final


def day(value: date | datetime | str | None) -> str:
    """`3 March 2026`; an empty text for nothing. Takes ISO text too."""
    if value is None or value == "":
        return ""
    moment = date.fromisoformat(value[:10]) if isinstance(value, str) else value
    return f"{moment.day} {moment:%B %Y}"


def moment(value: str | None) -> str:
    """`3 March 2026, 14:05 UTC` for an ISO instant; an empty text for nothing."""
    if not value:
        return ""
    at = datetime.fromisoformat(value).astimezone(UTC)
    return f"{day(at)}, {at:%H:%M} UTC"


def counted(number: int, noun: str) -> str:
    """`1 child` or `1,204 days`: the noun is given in the singular."""
    plural = {"child": "children"}.get(noun, f"{noun}s")
    return f"{number:,} {noun if number == 1 else plural}"


FILTERS: Final[Mapping[str, Callable[..., str]]] = {"day": day, "moment": moment, "counted": counted}
