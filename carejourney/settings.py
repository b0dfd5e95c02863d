"""What a service process is told, from the environment, checked at start."""

from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlparse

from pydantic import Field, IPvAnyNetwork, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from carejourney.keys.choosing import MasterKeySettings


class Settings(MasterKeySettings):
    """Settings of one service process; every name is `CAREJOURNEY_` and the field in capitals."""

    model_config = SettingsConfigDict(env_prefix="CAREJOURNEY_", extra="ignore", frozen=True)

    environment: Literal["development", "production"] = "production"
    database_url: SecretStr = Field(description="The service's database, as its application role.")
    owner_database_url: SecretStr | None = Field(default=None, description="As the role that may migrate it.")
    keys_database_url: SecretStr = Field(description="The key store, as the service's application role.")
    kafka: str = Field(description="host:port of one or more brokers, comma-separated.")
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    instance: str = Field(default="0", description="A name that survives restarts: the static member of the group.")
    issuer: str | None = Field(default=None, description="OpenID Connect issuer URL whose tokens are accepted.")
    audience: str = "carejourney"
    jwks_file: Path | None = Field(default=None, description="Public keys of the development issuer.")
    topic_replication: int = Field(default=3, ge=1)
    topic_partitions: int = Field(default=12, ge=1)
    owners: dict[str, str] = Field(
        default_factory=dict,
        description='Where services give the facts they own, as JSON: {"placement": "http://..."}.',
    )
    service_token_file: Path | None = Field(
        default=None, description="A token with the role service, kept fresh there."
    )
    issuer_key_file: Path | None = Field(default=None, description="The development issuer's key, to make such tokens.")
    pool_size: int = Field(default=8, ge=2, le=100)
    webhook_networks: list[IPvAnyNetwork] = Field(
        default_factory=list,
        description='Private networks that webhooks may be sent into, as JSON: ["10.20.0.0/16"].',
    )

    @model_validator(mode="after")
    def _issuer_in_production(self) -> Self:
        if self.environment == "production" and not self.issuer:
            raise ValueError("CAREJOURNEY_ISSUER is not set: production needs an OpenID Connect issuer URL")
        if self.environment == "production" and self.jwks_file:
            raise ValueError("CAREJOURNEY_JWKS_FILE is set: the development issuer is refused in production; unset it")
        if self.environment == "production" and self.issuer_key_file:
            raise ValueError("CAREJOURNEY_ISSUER_KEY_FILE is set: the development issuer is refused in production")
        if any(urlparse(address).scheme not in {"https", "http"} for address in self.owners.values()):
            raise ValueError("CAREJOURNEY_OWNERS must name a URL for each service")
        if self.environment == "development" and not (self.jwks_file or self.issuer):
            raise ValueError("set CAREJOURNEY_JWKS_FILE (development issuer) or CAREJOURNEY_ISSUER")
        if self.issuer and urlparse(self.issuer).scheme not in {"https", "http"}:
            raise ValueError("CAREJOURNEY_ISSUER must be a URL")
        return self
