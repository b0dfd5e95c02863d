"""A return of an earlier year changes nothing that the return of a later year has stated since."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from carejourney.standing import Standing
from events.placement import EpisodeEnded, EpisodeStarted, OpenEpisodeReasonStated
from services.placement.episodes import Episode

RULE: Final = "older_return"
REASON: Final = "differs from what a later year's return states, which stands"
_YEAR: Final = re.compile(r"ssda903/(\d{4})")
_ENDINGS: Final = frozenset({EpisodeEnded.wire, OpenEpisodeReasonStated.wire})


def said_later(fact: Standing | None, year: int) -> bool:
    """Whether the return of a year after this one has the last word on a fact, also on its not being so."""
    said = _YEAR.fullmatch((fact.stated_in if fact else None) or "")
    return said is not None and int(said[1]) > year


def with_later_word(identity: str, known: Episode, row: Episode, own: Iterable[Standing], year: int) -> Episode:
    """The row, but where a later year's return said how the episode began or ended, as that one said."""
    later = [fact for fact in own if said_later(fact, year)]
    begun = any(fact.type == EpisodeStarted.wire and fact.id == identity for fact in later)
    ended = any(fact.type in _ENDINGS and fact.data.get("episode") == identity for fact in later)
    if begun:
        row = replace(known, dec=row.dec, rec=row.rec, reason_place_change=row.reason_place_change, ref=row.ref)
    if ended:
        row = replace(row, dec=known.dec, rec=known.rec, reason_place_change=known.reason_place_change)
    return row


def contradicts(row: Episode, later: Episode) -> bool:
    """Whether what was said later differs from the row in more than an end that had not come when it was stated."""
    if row.dec is None:
        later = replace(later, dec=None, rec=row.rec, reason_place_change=row.reason_place_change)
    return row.cells() != later.cells()
