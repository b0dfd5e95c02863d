"""Print the secrets that the local overlay refers to: `python local_secrets.py | kubectl apply -f -`.

They are made once and kept in a folder that is not committed (by default `.carejourney/cluster`): a new master key
would make every sealed field unreadable.
"""  # noqa: INP001 - a script, not part of a package

import json
import sys
from pathlib import Path

from carejourney.cli.provisioning import make_development_secrets
from carejourney.cli.running import SERVICES
from carejourney.embedded.secret_files import ensure_passwords

NAMESPACE = "carejourney"
POSTGRES = "postgres:5432"


def secret(name: str, **values: str) -> dict[str, object]:
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "stringData": values}


def secrets_of(folder: Path) -> list[dict[str, object]]:
    """Give the secrets of the server, the keys and the two roles of each service; made in `folder` when missing."""
    passwords = make_development_secrets(folder)
    admin = ensure_passwords(folder / "admin.json", ["postgres"])["postgres"]

    def url(role: str, password: str, database: str) -> str:
        return f"postgresql://{role}:{password}@{POSTGRES}/{database}"

    found = [
        secret("carejourney-postgres", password=admin),
        secret("carejourney-admin", CAREJOURNEY_ADMIN_DATABASE_URL=url("postgres", admin, "postgres")),
        secret("carejourney-passwords", **passwords),
        secret("carejourney-master-key", **{"master.key": (folder / "master.key").read_text()}),
        secret(
            "carejourney-development-issuer",
            **{name: (folder / name).read_text() for name in ("jwks.json", "issuer.json")},
        ),
    ]
    for role in SERVICES:
        service, owner = role.replace("_", "-"), f"{role}_owner"
        addresses = {
            "CAREJOURNEY_DATABASE_URL": url(role, passwords[role], role),
            "CAREJOURNEY_KEYS_DATABASE_URL": url(role, passwords[role], "keys"),
        }
        found.append(secret(f"{service}-database", **addresses))
        found.append(secret(f"{service}-owner", CAREJOURNEY_OWNER_DATABASE_URL=url(owner, passwords[owner], role)))
    return found


if __name__ == "__main__":
    place = Path(sys.argv[1] if len(sys.argv) > 1 else ".carejourney/cluster")
    json.dump({"apiVersion": "v1", "kind": "List", "items": secrets_of(place)}, sys.stdout, indent=2)
