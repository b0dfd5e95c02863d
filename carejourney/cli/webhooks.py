"""`carejourney webhooks`: who is sent what, what waits for a person, and trying it again."""

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Annotated, Any, Final
from uuid import UUID

import httpx
import typer

from carejourney.cli.connecting import (
    DEFAULT_DATA,
    SERVICES,
    AsJson,
    ConnectionProblem,
    Data,
    Installation,
    installation,
    told,
)
from carejourney.cli.printing import printing, show_rows
from carejourney.web.wording import counted

Service = Annotated[str | None, typer.Option("--service", help="One service; all of them if left out.")]
Child = Annotated[UUID | None, typer.Option("--child", help="A pseudonym.")]
Named = Annotated[UUID | None, typer.Option("--webhook", help="One webhook; all of them if left out.")]
One = Annotated[UUID, typer.Argument(metavar="WEBHOOK", help="The id of a webhook, as `list` shows it.")]

PAGE: Final = "200"
Found = list[dict[str, Any]]

app = typer.Typer(
    help="See and mend the sending of facts to other systems: who is sent what, what waits, trying again, pausing."
    " Webhooks are registered over HTTP (POST /webhooks of a service; docs/subscribe/webhooks.md). It needs the running"
    " system, and a token with the role operations. Exit status 0: done. 1: refused, or nothing answers. 2: wrong"
    " options.",
    no_args_is_help=True,
)


@app.command("list")
def listed(*, service: Service = None, as_json: AsJson = False, data: Data = DEFAULT_DATA) -> None:
    """Every webhook with its state, and how many children's facts wait or are parked."""
    found = asyncio.run(_every(installation(data), _services(service)))
    headings = ("service", "webhook", "system", "state", "waiting", "parked", "url", "why")
    _print(found, headings, as_json=as_json, name="webhooks", title=counted(len(found), "webhook"))


@app.command()
def parked(
    *, service: Service = None, webhook: Named = None, as_json: AsJson = False, data: Data = DEFAULT_DATA
) -> None:
    """Children whose facts a target did not take until its schedule was over, each with the reason."""
    found = asyncio.run(_parked(installation(data), _services(service), webhook))
    headings = ("service", "webhook", "topic", "subject", "facts", "attempts", "parked_at", "fault")
    _print(found, headings, as_json=as_json, name="lanes", title=counted(len(found), "parked lane"))


@app.command()
def redrive(
    *, service: Service = None, webhook: Named = None, child: Child = None,
    every: Annotated[bool, typer.Option("--all", help="Every parked lane.")] = False,
    as_json: AsJson = False, data: Data = DEFAULT_DATA,
) -> None:  # fmt: skip
    """Send what is parked again, in order, from the start of the schedule."""
    if (child is None) != every:
        raise typer.BadParameter("name a --child, or say --all and nothing else")
    body: dict[str, object] = {"all": True} if every else {"child": str(child)}
    lanes = asyncio.run(_redriven(installation(data), _services(service), webhook, body))
    _tell({"lanes": lanes}, f"{counted(lanes, 'lane')} tried again", as_json=as_json)


@app.command()
def pause(webhook: One, *, as_json: AsJson = False, data: Data = DEFAULT_DATA) -> None:
    """Send nothing more to a target until `resume`; what is recorded meanwhile waits for it."""
    _set_state(data, webhook, "paused", as_json=as_json)


@app.command()
def resume(webhook: One, *, as_json: AsJson = False, data: Data = DEFAULT_DATA) -> None:
    """Send again to a paused webhook, from where it stopped."""
    _set_state(data, webhook, "active", as_json=as_json)


@app.command()
def remove(webhook: One, *, as_json: AsJson = False, data: Data = DEFAULT_DATA) -> None:
    """Forget a webhook for good, with its place and what waits for it; the facts stay in the store."""
    asyncio.run(_of_one(installation(data), webhook, "DELETE"))
    _tell({"removed": str(webhook)}, f"{webhook} is removed", as_json=as_json)


def _set_state(data: Data, webhook: UUID, state: str, *, as_json: bool) -> None:
    found = asyncio.run(_of_one(installation(data), webhook, "POST", "/state", {"state": state}))
    _tell(found, f"{webhook} is {found['state']}", as_json=as_json)


def _services(service: str | None) -> Sequence[str]:
    if service is None:
        return SERVICES
    name = service.replace("-", "_")
    if name not in SERVICES:
        raise typer.BadParameter(f"there is no service {service}; choose one of: {', '.join(SERVICES)}")
    return (name,)


async def _every(place: Installation, services: Sequence[str]) -> Found:
    found: Found = []
    for service in services:
        answer = await _asked(place, service, "GET", "/webhooks")
        found += [{"service": service, "webhook": one.pop("id"), "system": one["consumer"], **one}
                  for one in answer["webhooks"]]  # fmt: skip
    return found


async def _with_parked(place: Installation, services: Sequence[str], webhook: UUID | None) -> Found:
    every = await _every(place, services)
    return [one for one in every if one["parked"] and webhook in {None, UUID(one["webhook"])}]


async def _parked(place: Installation, services: Sequence[str], webhook: UUID | None) -> Found:
    found: Found = []
    for one in await _with_parked(place, services, webhook):
        after: str | None = ""
        while after is not None:
            query = {"limit": PAGE, **({"after": after} if after else {})}
            page = await _asked(place, one["service"], "GET", f"/webhooks/{one['webhook']}/parked", params=query)
            found += [{"service": one["service"], "webhook": one["webhook"], **lane} for lane in page["lanes"]]
            after = page["next"]
    return found


async def _redriven(place: Installation, services: Sequence[str], webhook: UUID | None, body: dict[str, object]) -> int:
    lanes = 0
    for one in await _with_parked(place, services, webhook):
        answer = await _asked(place, one["service"], "POST", f"/webhooks/{one['webhook']}/redrive", json=body)
        lanes += answer["lanes"]
    return lanes


async def _of_one(
    place: Installation, webhook: UUID, method: str, path: str = "", body: dict[str, str] | None = None
) -> dict[str, Any]:
    """Ask the service that has the webhook. Raises `ConnectionProblem` where none has it."""
    for one in await _every(place, SERVICES):
        if one["webhook"] == str(webhook):
            how = {"json": body} if body is not None else {}
            return await _asked(place, one["service"], method, f"/webhooks/{webhook}{path}", **how)
    raise ConnectionProblem(f"no service has a webhook {webhook}: `carejourney webhooks list` shows all of them")


async def _asked(place: Installation, service: str, method: str, path: str, **how: Any) -> dict[str, Any]:
    async with place.client(service) as client:
        try:
            answer = (await client.request(method, path, **how)).raise_for_status()
        except httpx.HTTPError as error:
            raise told(error) from error
    found: dict[str, Any] = answer.json() if answer.content else {}
    return found


def _print(found: Found, headings: Sequence[str], *, as_json: bool, name: str, title: str) -> None:
    if as_json:
        sys.stdout.write(json.dumps({name: found}) + "\n")
        return
    rows = [["" if one[heading] is None else str(one[heading]) for heading in headings] for one in found]
    show_rows(printing(), title, headings, rows)


def _tell(found: dict[str, Any], words: str, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        printing().print(words, highlight=False, markup=False)
