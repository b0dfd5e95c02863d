"""How information flows from a service to its subscribers: what each takes, how late, and what nobody takes."""

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

from fastapi import APIRouter, Request, Security

from carejourney.access import Caller, caller
from carejourney.feed.delivered import deliveries

POLICY: Final = Path(__file__).with_suffix(".toml")
# So many of the latest facts are looked at to know what is being published.
LATEST: Final = 50_000
ROLES: Final = ("operations", "strategic")
EXAMPLE: Final[dict[str, Any]] = {
    "slow_after_seconds": 86400,
    "late_after_seconds": 604800,
    "consumers": {"school-health": ["health.gp_registered"]},
    "types": [
        {
            "type": "health.gp_registered",
            "consumers": [
                {
                    "consumer": "school-health", "facts": 12, "median_seconds": 4.0, "greatest_seconds": 9.5,
                    "median_seconds_since_effective": 92681.9, "slow": False,
                    "late": False,
                }
            ],
        }
    ],
    "alerts": [],
    "dead_ends": ["health.pregnancy_recorded"],
}  # fmt: skip

_PUBLISHED: Final = """
select distinct convert_from(headers, 'UTF8')::json ->> 'ce_type' as type
from (select headers from fact order by transaction_id desc, position desc limit $1) latest
"""


class Limits(NamedTuple):
    """Seconds: a delivery is slow so long after its recording, and sharing is late so long after it was so."""

    slow: float
    late: float


@cache
def limits() -> Limits:
    """What the policy beside this module says."""
    policy = tomllib.loads(POLICY.read_text(encoding="utf-8"))
    return Limits(policy["slow_delivery"]["hours"] * 3600, policy["late_sharing"]["days"] * 86_400)


def flow(delivered: Iterable[Mapping[str, Any]], published: Iterable[str], limit: Limits) -> dict[str, Any]:
    """The report out of what was delivered, and of the types published lately.

    A type that was published and that nobody was given is a dead end. An alert is raised where one delivery was slow
    after the recording, or where half the facts of a type came late after they were so; one late entry raises none.
    """
    consumers: dict[str, set[str]] = {}
    types: dict[str, list[dict[str, Any]]] = {}
    for entry in delivered:
        for one in entry["types"]:
            consumers.setdefault(entry["consumer"], set()).add(one["type"])
            types.setdefault(one["type"], []).append(_figures(entry["consumer"], one, limit))
    told = [{"type": wire, **one} for wire, given in sorted(types.items()) for one in given]
    return {
        "slow_after_seconds": limit.slow,
        "late_after_seconds": limit.late,
        "consumers": {consumer: sorted(taken) for consumer, taken in sorted(consumers.items())},
        "types": [{"type": wire, "consumers": given} for wire, given in sorted(types.items())],
        "alerts": [one for one in told if one["slow"] or one["late"]],
        "dead_ends": sorted(set(published) - types.keys()),
    }


def _figures(consumer: str, one: Mapping[str, Any], limit: Limits) -> dict[str, Any]:
    names = ("facts", "median_seconds", "greatest_seconds", "median_seconds_since_effective")
    slow = one["greatest_seconds"] > limit.slow
    late = (one["median_seconds_since_effective"] or 0) > limit.late
    return {"consumer": consumer, **{name: one[name] for name in names}, "slow": slow, "late": late}


def flow_router() -> APIRouter:
    """`GET /operations/information-flow` of every service. It names no child."""
    router = APIRouter(tags=["operations"])

    @router.get(
        "/operations/information-flow",
        summary="Which agency takes which facts of this service, how late they come, and which nobody takes.",
        responses={200: {"content": {"application/json": {"example": EXAMPLE}}}},
    )
    async def information_flow(
        request: Request, _: Annotated[Caller, Security(caller, scopes=ROLES)]
    ) -> dict[str, Any]:
        async with request.app.state.running.pool.acquire() as connection:
            published = [row["type"] for row in await connection.fetch(_PUBLISHED, LATEST)]
            return flow(await deliveries(connection), published, limits())

    return router
