"""What Kafka says of a consumer group."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient

STABLE = "Stable"
PREPARING = "PreparingRebalance"


@dataclass(frozen=True)
class Group:
    """Its state, and how many members it has."""

    state: str
    members: int


async def group(bootstrap: str, service: str) -> Group:
    """The consumer group of a service."""
    async with administrator(bootstrap) as admin:
        (answer,) = await admin.describe_consumer_groups([f"carejourney.{service}"])
        ((_, _, state, _, _, members, *_),) = answer.groups
        return Group(state, len(members))


@asynccontextmanager
async def administrator(bootstrap: str) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()
