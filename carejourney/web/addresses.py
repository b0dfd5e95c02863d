"""Where a browser finds the pages of the services."""

from functools import cache

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Addresses(BaseSettings):
    """Addresses as a browser must use them, which need not be those that services have for programs."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    education_url: str = Field(
        default="http://127.0.0.1:8003", pattern=r"^https?://", validation_alias="CAREJOURNEY_PUBLIC_EDUCATION_URL"
    )
    journey_url: str = Field(
        default="http://127.0.0.1:8006", pattern=r"^https?://", validation_alias="CAREJOURNEY_PUBLIC_JOURNEY_URL"
    )

    @field_validator("education_url", "journey_url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return value.rstrip("/")


@cache
def addresses() -> Addresses:
    """The addresses of this process, read on the first page."""
    return Addresses()
