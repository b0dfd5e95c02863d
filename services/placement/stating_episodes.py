"""The Episodes table of a return against the episodes that stand."""

from dataclasses import replace
from typing import Any

from carejourney.restating import Matched, match
from events.placement import EpisodeEnded, EpisodeStarted, OpenEpisodeReasonStated
from services.placement.episodes import (
    Episode,
    Known,
    Places,
    ends_before_it_begins,
    episode_of,
    known_episodes,
    want_episodes,
)
from services.placement.later_years import contradicts, endings_of, with_later_word
from services.placement.statement import Statement

TABLE = "episodes"


def take_episodes(statement: Statement, rows: list[dict[str, Any]], places: Places) -> None:
    """Want what the rows state and what follows from it; `places` knows the postcodes."""
    known = known_episodes(statement.state.own)
    good = [episode for episode in map(episode_of, rows) if not _refused(statement, episode)]
    matched = _matched(statement, known, good, whole=len(good) == len(rows))
    pairs = [(identity, _completed(statement, identity, known[identity], row)) for identity, row in matched.pairs]
    stated = dict(pairs)
    for episode in matched.new:
        if statement.withdrawn_later(EpisodeStarted.wire, episode.decom):
            statement.findings.older_return(TABLE, {"ref": episode.ref})
        else:
            stated[statement.record.fresh(EpisodeStarted.wire)] = episode
    for identity in stated:
        statement.note(TABLE, (EpisodeStarted.wire, identity))
    after = {**known, **stated}
    for identity in matched.gone:
        row = (EpisodeStarted.wire, identity)
        if statement.vanished(TABLE, "DECOM", known[identity].decom, row, *endings_of(identity)):
            del after[identity]
    _drop_ends(statement, pairs, known)

    def question(episode: Episode, column: str, rule: str, reason: str) -> None:
        if episode.ref is not None:
            statement.findings.flag(TABLE, {"ref": episode.ref}, column, rule, reason)

    want_episodes(statement.record, after.items(), places, question)


def _refused(statement: Statement, episode: Episode) -> bool:
    if not ends_before_it_begins(episode):
        return False
    statement.findings.refuse(
        TABLE, {"ref": episode.ref}, "DEC", "date before another date", "the episode ends before it begins",
        "correct DECOM or DEC",
    )  # fmt: skip
    return True


def _matched(
    statement: Statement, known: dict[str, Episode], stated: list[Episode], *, whole: bool
) -> Matched[Episode]:
    """A row that was refused may be any known one: then nothing is joined by likeness, and nothing has vanished."""
    origin = {f.id: statement.of_this_return(TABLE, f) for f in statement.state.own}
    return match(
        known,
        stated,
        key=lambda e: e.decom,
        cells=Episode.cells,
        expected=lambda i: whole and (origin[i] or statement.in_this_year(TABLE, known[i].decom, known[i].dec)),
        comparable=lambda one, other: statement.same_side(one.decom, other.decom),
    )


def _completed(statement: Statement, identity: str, known: Episode, row: Episode) -> Episode:
    """The row with what a return does not hold: the manner of a move, an end after its year, a later year's word."""
    stated, row = row, with_later_word(statement.record, identity, known, row, statement.year)
    if contradicts(stated, row):
        statement.findings.older_return(TABLE, {"ref": row.ref})
    return replace(row, manner=known.manner)


def _drop_ends(statement: Statement, pairs: list[Known], known: dict[str, Episode]) -> None:
    """An end, or a reason on an open episode, that was stated and no longer is, was never so."""
    for identity, row in pairs:
        if row.dec is None and known[identity].dec is not None:
            statement.record.drop((EpisodeEnded.wire, identity), "not_stated")
        if row.dec is None and not (row.rec or row.reason_place_change):
            statement.record.drop((OpenEpisodeReasonStated.wire, identity), "not_stated")
