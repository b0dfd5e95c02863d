"""Where everything of the embedded system is: its services, ports and files."""

import errno
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from carejourney.embedded.errors import Unusable
from carejourney.embedded.secret_files import write_private

SERVICES = ("placement", "planning", "education", "health", "leaving_care", "journey")
DEFAULT_FOLDER = Path(".carejourney")
LOOPBACK = "127.0.0.1"
_POSTGRES, _KAFKA, _CONTROLLER = 54, 92, 93
# Below it only the superuser may listen; above it the highest port of ours would be none.
LEAST_BASE, GREATEST_BASE = 1024, 65535 - _CONTROLLER


def _service_ports(base: int) -> dict[str, int]:
    return {service: base + place for place, service in enumerate(SERVICES, start=1)}


@dataclass(frozen=True, slots=True)
class Ports:
    """The loopback ports of one embedded system."""

    postgres: int = 5544
    kafka: int = 9092
    controller: int = 9093
    services: Mapping[str, int] = field(default_factory=lambda: _service_ports(8000))

    @classmethod
    def from_base(cls, base: int) -> "Ports":
        """Ports `base`+1 to +6 for the services, +54 for PostgreSQL, +92 and +93 for Kafka."""
        return cls(base + _POSTGRES, base + _KAFKA, base + _CONTROLLER, _service_ports(base))

    def named(self) -> dict[str, int]:
        """Every port with what it is for."""
        return {
            "PostgreSQL": self.postgres,
            "Kafka": self.kafka,
            "Kafka's controller": self.controller,
            **self.services,
        }


@dataclass(frozen=True, slots=True)
class Folders:
    """The data folder of one embedded system and the places in it."""

    root: Path

    @classmethod
    def at(cls, root: Path) -> "Folders":
        """Resolve the folder, so that a later change of directory does not move it."""
        return cls(root.expanduser().resolve())

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def kafka(self) -> Path:
        return self.root / "kafka"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def state(self) -> Path:
        return self.root / "state.json"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def ports(self) -> Path:
        return self.root / "ports.json"

    @property
    def master_key(self) -> Path:
        return self.secrets / "master.key"

    @property
    def issuer(self) -> Path:
        return self.secrets / "issuer.json"

    @property
    def jwks(self) -> Path:
        return self.secrets / "jwks.json"

    @property
    def passwords(self) -> Path:
        return self.secrets / "passwords.json"

    def log(self, part: str) -> Path:
        """Give the log file of one part."""
        return self.logs / f"{part}.log"

    def is_new(self) -> bool:
        """Whether there is no such data folder yet. Raises Unusable where we may not even look."""
        try:
            return not self.root.exists()
        except OSError as error:
            raise Unusable(self.root, error) from error

    def make(self) -> None:
        """Create the folders; only the owner may look into secrets and logs. Raises Unusable."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            for private in (self.secrets, self.logs, self.kafka):
                private.mkdir(mode=0o700, exist_ok=True)
            for kept in (self.root, self.secrets, self.logs, self.kafka):
                _require_writable(kept)
        except OSError as error:
            raise Unusable(self.root, error) from error


def _require_writable(folder: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def load_ports(folders: Folders, base: int | None = None) -> Ports:
    """Give the ports of a data folder: from `base` when given, else as remembered there, else the defaults."""
    if base is not None:
        return Ports.from_base(base)
    if folders.ports.exists():
        return Ports(**json.loads(folders.ports.read_text()))
    return Ports()


def save_ports(folders: Folders, ports: Ports) -> None:
    """Remember the ports, for the commands that come later."""
    write_private(folders.ports, json.dumps(asdict(ports), indent=2) + "\n")


def service_url(ports: Ports, service: str) -> str:
    """Where a service answers, without a slash at the end."""
    return f"http://{LOOPBACK}:{ports.services[service]}"


def service_environment(folders: Folders, ports: Ports, service: str, passwords: Mapping[str, str]) -> dict[str, str]:
    """Give what `carejourney run SERVICE` is told by its environment; `passwords` by role."""

    def dsn(role: str, database: str) -> str:
        return f"postgresql://{role}:{passwords[role]}@{LOOPBACK}:{ports.postgres}/{database}"

    return {
        "CAREJOURNEY_ENVIRONMENT": "development",
        "CAREJOURNEY_DATABASE_URL": dsn(service, service),
        "CAREJOURNEY_OWNER_DATABASE_URL": dsn(f"{service}_owner", service),
        "CAREJOURNEY_KEYS_DATABASE_URL": dsn(service, "keys"),
        "CAREJOURNEY_KEY_FILE": str(folders.master_key),
        "CAREJOURNEY_KAFKA": f"{LOOPBACK}:{ports.kafka}",
        "CAREJOURNEY_HOST": LOOPBACK,
        "CAREJOURNEY_PORT": str(ports.services[service]),
        "CAREJOURNEY_JWKS_FILE": str(folders.jwks),
        "CAREJOURNEY_TOPIC_REPLICATION": "1",
        "CAREJOURNEY_ISSUER_KEY_FILE": str(folders.issuer),
        "CAREJOURNEY_OWNERS": json.dumps({name: service_url(ports, name) for name in ports.services}),
        "CAREJOURNEY_INSTANCE": f"{service}-0",
        "CAREJOURNEY_WEBHOOK_NETWORKS": json.dumps([f"{LOOPBACK}/32"]),
        **{f"CAREJOURNEY_PUBLIC_{name.upper()}_URL": service_url(ports, name) for name in ports.services},
    }
