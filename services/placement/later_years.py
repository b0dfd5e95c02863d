"""An episode in the return of an earlier year: it changes nothing that the return of a later year has stated since."""

from dataclasses import replace

from carejourney.reconcile import Key, Reconciliation
from carejourney.restating import beyond
from events.placement import EpisodeEnded, EpisodeStarted, OpenEpisodeReasonStated
from services.placement.episodes import Episode


def endings_of(identity: str) -> tuple[Key, Key]:
    """The keys of what may be stated of an episode's end."""
    return (EpisodeEnded.wire, identity), (OpenEpisodeReasonStated.wire, identity)


def with_later_word(record: Reconciliation, identity: str, known: Episode, row: Episode, year: int) -> Episode:
    """The row, but as a later year's return said it; an end that the return of this year cannot know of is kept.

    A later return that states how the episode began, and no end, says that it had none.
    """
    endings = endings_of(identity)
    end = record.standing(endings[0])
    begun = record.said_later(year, (EpisodeStarted.wire, identity))
    ended = record.said_later(year, *endings) or (begun and not any(map(record.standing, endings)))
    if begun:
        row = _with_end_of(replace(known, ref=row.ref), row)
    if ended or (row.dec is None and end is not None and beyond(end, year)):
        row = _with_end_of(row, known)
    return row


def _with_end_of(episode: Episode, other: Episode) -> Episode:
    return replace(episode, dec=other.dec, rec=other.rec, reason_place_change=other.reason_place_change)


def contradicts(row: Episode, later: Episode) -> bool:
    """Whether what was said later differs from the row in more than an end that had not come when it was stated."""
    if row.dec is None:
        later = replace(later, dec=None, rec=row.rec, reason_place_change=row.reason_place_change)
    return row.cells() != later.cells()
