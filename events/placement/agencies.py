"""Who works in an area: agencies of the children's trust and providers, as subjects of their own."""

from typing import Annotated

from pydantic import Field

from events.codes import AGENCY, SECTOR, SERVICE
from events.event import Coded
from events.families import Register
from events.placement.record import _Placement

Area = Annotated[str, Field(pattern="^[A-Z][0-9]{8}$", description="ONS code of the authority whose area it is.")]


class AgencyJoinedTrust(_Placement, Register):
    """The agency works with the others of this area from now on."""

    wire, lane, edge = "placement.agency_joined_trust", "trust_membership", "point"
    sources, recorded_by, subject_kind = ("CM1.9a", "CM7.6"), "register", "agency"
    agency: Annotated[str, Coded(AGENCY)]
    area: Area


class AgencyLeftTrust(_Placement, Register):
    """The agency no longer works with the others of this area."""

    wire, lane = "placement.agency_left_trust", "trust_membership"
    sources, recorded_by, subject_kind = ("CM1.9a",), "register", "agency"
    area: Area


class ProviderRegistered(_Placement, Register):
    """The provider is known, of this sector and for this service."""

    wire, lane = "placement.provider_registered", "provider"
    sources, recorded_by, subject_kind = ("CM8.12",), "register", "provider"
    sector: Annotated[str, Coded(SECTOR)]
    service: Annotated[str, Coded(SERVICE)]
