"""`carejourney verify`: stores, Kafka, copies and projections against each other, by an independent reader."""

import asyncio
import importlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import asyncpg
from aiokafka.errors import KafkaError
from pydantic import ValidationError
from rich.console import Console

from carejourney.cli.connecting import SERVICES, ConnectionProblem
from carejourney.keys import MasterKeySettings
from carejourney.verify import Difference, Place, Report, Source, verify

SHOWN = 50


def verify_everything(data: Path, *, as_json: bool) -> int:
    """Print what was found; the exit status."""
    try:
        report = asyncio.run(verify(place_of(data)))
    except (OSError, asyncpg.PostgresError, KafkaError) as error:
        raise ConnectionProblem(
            f"a part cannot be reached ({type(error).__name__}): see `carejourney status`"
        ) from error
    if as_json:
        sys.stdout.write(json.dumps(report.as_json()) + "\n")
    else:
        show(Console(), report)
    return 0 if report.equal else 1


def place_of(data: Path) -> Place:
    """The installation: from `CAREJOURNEY_<SERVICE>_DATABASE_URL` and its kin where set, else the embedded system."""
    told = _from_environment() or _embedded(data)
    sources = []
    for name in SERVICES:
        parts = importlib.import_module(f"services.{name}.app").PARTS
        sources.append(
            Source(
                name,
                told[name],
                parts.topics,
                parts.listens,
                parts.keeps,
                tuple(parts.projections),
                parts.catalogue,
                parts.reactions,
            )
        )
    return Place(sources, told["kafka"], told["keys"], _master(told.get("key_file")))


def _from_environment() -> dict[str, str] | None:
    names = {
        **{service: f"CAREJOURNEY_{service.upper()}_DATABASE_URL" for service in SERVICES},
        "kafka": "CAREJOURNEY_KAFKA", "keys": "CAREJOURNEY_KEYS_DATABASE_URL",
    }  # fmt: skip
    if names[SERVICES[0]] not in os.environ:
        return None
    missing = [name for name in names.values() if name not in os.environ]
    if missing:
        raise ConnectionProblem(f"{missing[0]} is not set: all of these are needed: {', '.join(names.values())}")
    return {key: os.environ[name] for key, name in names.items()}


def _master(key_file: str | None) -> MasterKeySettings:
    """The embedded system's own master key, or that of the environment."""
    if key_file is not None:
        return MasterKeySettings(key_file=Path(key_file), kms_url=None)
    try:
        return MasterKeySettings()
    except ValidationError as error:
        raise ConnectionProblem(f"the master key: {error.errors()[0]['msg']}") from error


def _embedded(data: Path) -> dict[str, str]:
    from carejourney.embedded.layout import Folders, load_ports, service_environment  # noqa: PLC0415

    folders = Folders.at(data)
    if not folders.passwords.exists():
        raise ConnectionProblem(f"no system was started in {folders.root}; run `carejourney up`, or set CAREJOURNEY_*")
    ports, passwords = load_ports(folders), json.loads(folders.passwords.read_text())
    told: Mapping[str, Mapping[str, str]] = {
        name: service_environment(folders, ports, name, passwords) for name in SERVICES
    }
    first = told[SERVICES[0]]
    return {
        **{name: one["CAREJOURNEY_DATABASE_URL"] for name, one in told.items()},
        "kafka": first["CAREJOURNEY_KAFKA"],
        "keys": first["CAREJOURNEY_KEYS_DATABASE_URL"],
        "key_file": first["CAREJOURNEY_KEY_FILE"],
    }


def show(console: Console, report: Report) -> None:
    """What was compared, and where it differs."""
    told = report.as_json()
    counted = (
        f"{told['facts']} facts in {told['streams']} streams; {told['unpublished']} not published yet,"
        f" {told['unapplied']} records not applied yet, {len(report.parked)} lanes parked."
    )
    words = [counted]
    words += [
        f"parked: {p['service']}/{p['projection']} {p['subject']} {p['topic'] or ''}" for p in report.parked[:SHOWN]
    ]
    words += [_line(one) for one in report.differences[:SHOWN]]
    words.append("Equal." if report.equal else f"{sum(report.counts.values())} differences.")
    console.print("\n".join(words), highlight=False, markup=False, soft_wrap=True)


def _line(one: Difference) -> str:
    place = {
        "partition": one.partition, "offset": one.offset, "subject": one.subject, "version": one.version,
        "projection": one.projection, "column": one.column,
    }  # fmt: skip
    told = " ".join(f"{name}={value}" for name, value in place.items() if value is not None)
    return f"{one.check}: {one.service} {one.topic or ''} {told}: {one.detail}"
