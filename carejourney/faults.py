"""What went wrong: whether waiting mends it, where it happened, and how to keep it to the one item it came from.

A fault is told by its kind and its place, never by its message: a message may hold a child's data.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import asyncpg
from aiokafka.errors import KafkaError

from carejourney.errors import Unavailable
from carejourney.logs import kind_of, place_of

Item = TypeVar("Item")
Result = TypeVar("Result")

# SQLSTATE classes that come from the data of a statement: data exceptions, broken constraints, limits of the server.
_OF_THE_DATA: Final = frozenset({"22", "23", "54"})


class UnknownVersion(Exception):  # noqa: N818 - what the fact is, not what failed
    """A fact was written by a later version of its type than this program knows; `fact` is its id."""

    def __init__(self, fact: str) -> None:
        super().__init__("the fact is of a later version than this program knows")
        self.fact = fact


def is_transient(error: BaseException) -> bool:
    """Whether the same work may succeed later, because a part of the system was away or busy."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "")[:2] not in _OF_THE_DATA
    return isinstance(
        error,
        OSError | TimeoutError | KafkaError | Unavailable | asyncpg.InterfaceError | asyncpg.InternalClientError,
    )


@dataclass(frozen=True, slots=True)
class Fault:
    """The kind of a fault and where it happened: `module:line`, or the constraint or column of a database."""

    kind: str
    place: str | None = None

    @classmethod
    def of(cls, error: BaseException) -> "Fault":
        if isinstance(error, asyncpg.PostgresError):
            found = [getattr(error, name, None) for name in ("table_name", "constraint_name", "column_name")]
            return cls(type(error).__name__, ".".join(str(name) for name in found if name) or None)
        return cls(kind_of(error), place_of(error))


async def apart(
    connection: asyncpg.Connection,
    items: Sequence[Item],
    work: Callable[[Sequence[Item]], Awaitable[Result]],
    alone: Callable[[Item, Exception], Awaitable[Result]],
) -> list[Result]:
    """Do the work on all items; where the data of some makes it fail, on halves, down to the one that `alone` gets.

    Each try is a savepoint of the caller's transaction. Raises what is transient: that is no item's fault.
    """
    if not items:
        return []
    try:
        async with connection.transaction():
            return [await work(items)]
    except Exception as error:
        if is_transient(error):
            raise
        if len(items) == 1:
            return [await alone(items[0], error)]
    middle = len(items) // 2
    left = await apart(connection, items[:middle], work, alone)
    return [*left, *await apart(connection, items[middle:], work, alone)]
