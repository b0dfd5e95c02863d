"""Secrets of an embedded system: made once, kept in files that only the owner reads."""

import base64
import json
import os
import secrets
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600 in one go: a reader sees all of it or nothing."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def ensure_master_key(path: Path) -> None:
    """Make the key that wraps all others: 32 random bytes in base64. An existing one is never touched."""
    if not path.exists():
        write_private(path, base64.b64encode(secrets.token_bytes(32)).decode() + "\n")


def ensure_passwords(path: Path, roles: list[str]) -> dict[str, str]:
    """Give the password of each database role, making those that are missing."""
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    missing = {role: secrets.token_urlsafe(24) for role in roles if role not in known}
    if missing:
        known |= missing
        write_private(path, json.dumps(known, indent=2) + "\n")
    return known
