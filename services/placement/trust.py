"""Read models of the register's agencies and providers."""

from datetime import date
from typing import Any

import msgspec

from carejourney.projection import Projection, Secrets
from carejourney.standing import Standing
from services.placement.tables import AGENCIES, PROVIDERS


class Agency(msgspec.Struct, frozen=True):
    """The latest membership of one agency."""

    authority: str = ""
    agency: str = ""
    joined: str | None = None
    left: str | None = None


class Provider(msgspec.Struct, frozen=True):
    """One provider: its sector, and its services in the order in which they were registered."""

    authority: str = ""
    sector: str = ""
    services: tuple[str, ...] = ()


def evolve_agency(agency: Agency, fact: Standing) -> Agency:
    match fact.type:
        case "placement.agency_joined_trust":
            return Agency(fact.authority, fact.data["agency"], fact.effective)
        case "placement.agency_left_trust":
            return msgspec.structs.replace(agency, left=fact.effective)
    return agency


def agency_row(agency: Agency, _: Secrets) -> dict[str, Any] | None:
    if agency.joined is None:
        return None
    left = date.fromisoformat(agency.left) if agency.left else None
    joined = date.fromisoformat(agency.joined)
    return {"authority": agency.authority, "agency": agency.agency, "joined_on": joined, "left_on": left}


def evolve_provider(provider: Provider, fact: Standing) -> Provider:
    service = fact.data["service"]
    services = provider.services if service in provider.services else (*provider.services, service)
    return Provider(fact.authority, fact.data["sector"], services)


def provider_row(provider: Provider, _: Secrets) -> dict[str, Any] | None:
    services = ", ".join(sorted(provider.services))
    return {"authority": provider.authority, "sector": provider.sector, "services": services} if services else None


MEMBERSHIPS = frozenset({"placement.agency_joined_trust", "placement.agency_left_trust"})
REGISTERED = frozenset({"placement.provider_registered"})
PROJECTIONS = (
    Projection("agencies", 1, AGENCIES, Agency, MEMBERSHIPS, evolve_agency, agency_row),
    Projection("providers", 1, PROVIDERS, Provider, REGISTERED, evolve_provider, provider_row),
)
