"""The parts of the health service."""

from pathlib import Path

from fastapi import FastAPI

from carejourney.service import Parts, build
from carejourney.settings import Settings
from events.catalogue import CATALOGUE
from services.health import recording
from services.health.api import router
from services.health.projections import KEEPS, PROJECTIONS

PARTS = Parts(
    name="health",
    title="Health",
    catalogue=CATALOGUE,
    topics=("care.health", "care.health.restricted"),
    listens=("care.placement", "care.health", "care.leaving-care"),
    keeps=KEEPS,
    migrations=Path(__file__).parent / "migrations",
    routers=(router, recording.router),
    projections=PROJECTIONS,
)


def make() -> FastAPI:
    return build(PARTS, Settings())
