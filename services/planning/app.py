"""The parts of the planning service."""

from pathlib import Path

from fastapi import FastAPI

from carejourney.service import Parts, build
from carejourney.settings import Settings
from events.catalogue import CATALOGUE
from services.planning import recording
from services.planning.api import router
from services.planning.projections import KEEPS, PROJECTIONS

PARTS = Parts(
    name="planning",
    title="Planning",
    catalogue=CATALOGUE,
    topics=("care.planning", "care.planning.restricted"),
    listens=("care.placement", "care.missing", "care.planning"),
    keeps=KEEPS,
    migrations=Path(__file__).parent / "migrations",
    routers=(router, recording.router),
    projections=PROJECTIONS,
)


def make() -> FastAPI:
    return build(PARTS, Settings())
