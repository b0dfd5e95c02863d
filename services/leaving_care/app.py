"""The parts of the leaving-care service."""

from pathlib import Path

from fastapi import FastAPI

from carejourney.service import Parts, build
from carejourney.settings import Settings
from events.catalogue import CATALOGUE
from services.leaving_care import recording
from services.leaving_care.api import router
from services.leaving_care.birthdays import BIRTHDAY_REACTION
from services.leaving_care.projections import KEEPS, PROJECTIONS

PARTS = Parts(
    name="leaving_care",
    title="Leaving care",
    catalogue=CATALOGUE,
    topics=("care.leaving-care", "care.leaving-care.restricted"),
    listens=("care.placement", "care.leaving-care"),
    keeps=KEEPS,
    migrations=Path(__file__).parent / "migrations",
    routers=(router, recording.router),
    projections=PROJECTIONS,
    reactions=(BIRTHDAY_REACTION,),
)


def make() -> FastAPI:
    return build(PARTS, Settings())
