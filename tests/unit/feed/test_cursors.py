"""Cursors: made by the installation alone, of one topic, and telling their holder nothing."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carejourney.errors import BadCursor
from carejourney.feed.cursors import LONGEST, Cursors
from carejourney.feed.reading import START, Place
from events.catalogue import TOPICS


class _Secret:
    """A key store with the one secret that is asked for."""

    def __init__(self, value: bytes) -> None:
        self._value = value

    async def secret(self, _: str) -> bytes:
        return self._value


async def cursors(secret: bytes = b"s" * 32) -> Cursors:
    made = Cursors(_Secret(secret))  # type: ignore[arg-type]  # a key store is more than this
    await made.load()
    return made


@pytest.mark.parametrize("topic", TOPICS)
async def test_a_cursor_names_its_place(topic: str) -> None:
    made = await cursors()
    for place in (START, Place(2**63, 2**62, uuid4())):
        cursor = made.of(topic, place)
        assert made.place(topic, cursor) == place
        assert len(cursor) <= LONGEST


async def test_the_same_place_never_looks_the_same() -> None:
    made = await cursors()
    place = Place(1_000, 5, uuid4())
    several = {made.of("care.health", place) for _ in range(100)}
    assert len(several) == 100
    assert len({len(cursor) for cursor in several}) == 1


async def test_a_cursor_of_another_installation_is_none_here() -> None:
    theirs = (await cursors(b"t" * 32)).of("care.health", START)
    with pytest.raises(BadCursor, match="no cursor that this installation has given"):
        (await cursors()).place("care.health", theirs)


async def test_a_cursor_of_a_topic_is_none_of_its_twin() -> None:
    made = await cursors()
    with pytest.raises(BadCursor, match=r"of care\.health\.restricted and not of care\.health:"):
        made.place("care.health", made.of("care.health.restricted", START))


@given(st.text(max_size=LONGEST))
async def test_whatever_is_sent_is_refused_and_never_a_fault(text: str) -> None:
    with pytest.raises(BadCursor):
        (await cursors()).place("care.health", text)


@given(st.integers(0, 100), st.integers(1, 63))
async def test_a_cursor_that_was_tampered_with_is_refused(at: int, by: int) -> None:
    made = await cursors()
    good = made.of("care.health", Place(7, 8, uuid4()))
    at %= len(good)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = letters[(letters.index(good[at]) + by) % 64]
    bad = good[:at] + other + good[at + 1 :]
    if at == len(good) - 1:
        return
    with pytest.raises(BadCursor):
        made.place("care.health", bad)
