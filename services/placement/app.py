"""The parts of the placement service."""

from pathlib import Path

from fastapi import FastAPI

from carejourney.service import Parts, build
from carejourney.settings import Settings
from events.catalogue import CATALOGUE
from services.placement import agencies, api, erasing, recording, register, sealing
from services.placement.projections import KEEPS, PROJECTIONS

PARTS = Parts(
    name="placement",
    title="Placement",
    catalogue=CATALOGUE,
    topics=("care.placement", "care.placement.restricted", "care.missing", "care.missing.restricted"),
    listens=("care.placement", "care.missing", "care.education", "care.leaving-care"),
    keeps=KEEPS,
    migrations=Path(__file__).parent / "migrations",
    routers=(register.router, api.router, recording.router, erasing.router, sealing.router, agencies.router),
    projections=PROJECTIONS,
    sealed={"earlier_record": frozenset({"earlier"})},
)


def make() -> FastAPI:
    return build(PARTS, Settings())
