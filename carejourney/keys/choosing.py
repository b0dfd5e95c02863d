"""Which wrapper an installation has: told by its settings."""

from pathlib import Path
from typing import Self
from urllib.parse import urlparse

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from carejourney.keys.transit import TransitKey
from carejourney.keys.wrapping import FileKey, Wrapper

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class MasterKeySettings(BaseSettings):
    """Where the master key is: a file (development), or a key management service (production)."""

    model_config = SettingsConfigDict(env_prefix="CAREJOURNEY_", extra="ignore", frozen=True)

    key_file: Path | None = Field(default=None, description="Master keys: 32 bytes in base64 a line, newest last.")
    kms_url: str | None = Field(
        default=None, description="The transit engine, such as https://vault.example/v1/transit."
    )
    kms_key: str = Field(default="carejourney", description="The name of the master key there.")
    kms_token_file: Path | None = Field(default=None, description="Its bearer token; read again when it is refused.")
    kms_ca_file: Path | None = Field(default=None, description="Certificates its own is checked against.")

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.key_file is None) == (self.kms_url is None):
            raise ValueError("set either CAREJOURNEY_KEY_FILE or CAREJOURNEY_KMS_URL")
        if self.kms_url is not None:
            parts = urlparse(self.kms_url)
            if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
                raise ValueError("CAREJOURNEY_KMS_URL must be an https URL")
            if self.kms_token_file is None:
                raise ValueError("CAREJOURNEY_KMS_TOKEN_FILE is not set: the file that holds the token")
        return self

    def wrapper(self) -> Wrapper:
        """Raises ValueError for a file that cannot be used."""
        if self.key_file is not None:
            return FileKey(self.key_file)
        assert self.kms_url is not None  # noqa: S101 - checked at start
        assert self.kms_token_file is not None  # noqa: S101 - checked at start
        return TransitKey(self.kms_url, self.kms_key, self.kms_token_file, self.kms_ca_file)
