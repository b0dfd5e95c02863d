"""What a feed gives, read from the beginning to its end: other tests record facts before."""

from collections.abc import Mapping
from typing import Any

from tests.fixtures.system import System


async def everything_fed(
    desk: System, service: str, topic: str, headers: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Every fact of a topic that a reader with these headers is given, in order."""
    found: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        page = (await desk[service].get(f"/feed/{topic}", params=after, headers=headers)).raise_for_status().json()
        found += page["facts"]
        if not page["more"]:
            return found
        after = {"after": page["next"]}
