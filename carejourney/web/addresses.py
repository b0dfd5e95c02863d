"""Where a browser finds the pages of the services."""

from functools import cache

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Addresses(BaseSettings):
    """Addresses as a browser must use them: `CAREJOURNEY_EDUCATION_URL`, `CAREJOURNEY_JOURNEY_URL`."""

    model_config = SettingsConfigDict(env_prefix="CAREJOURNEY_", extra="ignore", frozen=True)

    education_url: str = Field(default="http://127.0.0.1:8003", pattern=r"^https?://")
    journey_url: str = Field(default="http://127.0.0.1:8006", pattern=r"^https?://")

    @field_validator("education_url", "journey_url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return value.rstrip("/")


@cache
def addresses() -> Addresses:
    """The addresses of this process, read on the first page."""
    return Addresses()
