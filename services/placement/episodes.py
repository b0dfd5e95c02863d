"""Statutory episodes, and what follows from them: entering and leaving care, legal status, placements and moves.

A child's episodes, in order, are the one source: a return states them row by row, a command adds or ends one, and the
headline facts are derived from the whole list each time. So a late or corrected row corrects what followed from it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from carejourney.reconcile import Reconciliation, Wanted
from carejourney.standing import Standing
from events.placement import (
    ChildEnteredCare,
    ChildLeftCare,
    EpisodeEnded,
    EpisodeStarted,
    LegalStatusChanged,
    OpenEpisodeReasonStated,
    PlacementEnded,
    PlacementMoved,
    PlacementStarted,
)

CONTINUES = "X1"
STARTS = "S"
SAME_CARER = frozenset({"T", "U"})
MOVES = frozenset({"P", "T", "B", "U"})
CHANGES_STATUS = frozenset({"L", "B", "U"})

DERIVED = frozenset(
    cls.wire
    for cls in (ChildEnteredCare, ChildLeftCare, LegalStatusChanged, PlacementStarted, PlacementEnded, PlacementMoved)
)

Manner = Literal["planned", "emergency", "not_stated"]
Question = Callable[["Episode", str, str, str], None]


@dataclass(frozen=True, slots=True)
class Episode:
    """One row of SSDA903 Episodes; days are ISO dates. `ref` points back to the row of the return that states it."""

    decom: str
    rne: str
    ls: str
    cin: str
    place: str
    place_provider: str | None = None
    dec: str | None = None
    rec: str | None = None
    reason_place_change: str | None = None
    home_post: str | None = None
    pl_post: str | None = None
    urn: str | None = None
    manner: Manner = "not_stated"
    ref: int | None = None

    def cells(self) -> tuple[object, ...]:
        """The statutory cells, in the order of the return."""
        return (
            self.decom, self.rne, self.ls, self.cin, self.place, self.place_provider, self.dec, self.rec,
            self.reason_place_change, self.home_post, self.pl_post, self.urn,
        )  # fmt: skip

    def where(self) -> tuple[object, ...]:
        return (self.place, self.place_provider, self.urn, self.pl_post)

    @property
    def leaves_care(self) -> bool:
        return self.dec is not None and self.rec is not None and self.rec != CONTINUES


Known = tuple[str, Episode]


class Places(Protocol):
    """What is known of places: areas and the distance between them; None where a postcode is not known."""

    def area(self, postcode: str | None) -> str | None: ...
    def miles(self, home: str | None, placement: str | None) -> float | None: ...


def episode_of(row: dict[str, Any]) -> Episode:
    """An episode as a return's row states it."""
    cells: dict[str, Any] = {name: row.get(name) for name in _COLUMNS}
    return Episode(**cells, ref=row.get("ref"))


_COLUMNS = (
    "decom", "rne", "ls", "cin", "place", "place_provider", "dec", "rec", "reason_place_change", "home_post", "pl_post",
    "urn",
)  # fmt: skip


def known_episodes(own: Iterable[Standing]) -> dict[str, Episode]:
    """The episodes that stand, by the id of their first statement, in the order in which they were stated."""
    stated = sorted(own, key=lambda f: f.version)
    starts = {f.id: f for f in stated if f.type == EpisodeStarted.wire and not f.retracted}
    episodes = {identity: _started(fact) for identity, fact in starts.items()}
    for fact in sorted((f for f in stated if not f.retracted), key=lambda f: f.type == EpisodeEnded.wire):
        identity = str(fact.data.get("episode"))
        if identity not in episodes:
            continue
        if fact.type == OpenEpisodeReasonStated.wire and episodes[identity].dec is None:
            episodes[identity] = _with_end(episodes[identity], None, fact)
        elif fact.type == EpisodeEnded.wire:
            episodes[identity] = _with_end(episodes[identity], fact.effective, fact)
    return episodes


def _started(fact: Standing) -> Episode:
    data = fact.data
    return Episode(
        decom=fact.effective or "",
        rne=data["reason_for_new_episode"],
        ls=data["legal_status"],
        cin=data["category_of_need"],
        place=data["placement_type"],
        place_provider=data.get("placement_provider"),
        home_post=data.get("home_postcode"),
        pl_post=data.get("placement_postcode"),
        urn=data.get("urn"),
        manner=data.get("manner", "not_stated"),
    )


def _with_end(episode: Episode, day: str | None, fact: Standing) -> Episode:
    return replace(
        episode,
        dec=day,
        rec=fact.data.get("reason_ceased"),
        reason_place_change=fact.data.get("reason_placement_change"),
    )


def in_order(episodes: Iterable[Known]) -> list[Known]:
    """Episodes by their first day; of those with the same days, the one that was stated first comes first."""
    return sorted(episodes, key=lambda known: (known[1].decom, known[1].dec or "9999"))


def want_episodes(record: Reconciliation, episodes: Iterable[Known], places: Places, question: Question) -> None:
    """Want the facts of these episodes, stated and derived; `question` hears what the sector's rules ask about."""
    derivation = _Derivation(record, places, question)
    for identity, episode in in_order(episodes):
        derivation.take(identity, episode)
    record.drop_unwanted(lambda f: f.type in DERIVED, "does_not_follow")


class _Derivation:
    """Walks a child's episodes in order."""

    def __init__(self, record: Reconciliation, places: Places, question: Question) -> None:
        self._record = record
        self._places = places
        self._question = question
        self._previous: Episode | None = None
        self._in_care = False
        self._placement: str = ""

    def take(self, identity: str, episode: Episode) -> None:
        self._state(identity, episode)
        self._ask(episode)
        if episode.rne == STARTS or not self._in_care:
            self._enter(identity, episode)
        else:
            self._continue(identity, episode)
        self._in_care = True
        if episode.leaves_care:
            self._leave(identity, episode)
        self._previous = episode

    def _want(self, body: Any, identity: str, effective: str | None, *, stated: bool = False, key: Any = None) -> None:
        wanted = Wanted(body, effective, stated=stated)
        self._record.want(key or (body.wire, identity), wanted)

    def _state(self, identity: str, episode: Episode) -> None:
        body = EpisodeStarted(
            reason_for_new_episode=episode.rne,
            legal_status=episode.ls,
            category_of_need=episode.cin,
            placement_type=episode.place,
            placement_provider=episode.place_provider,
            home_postcode=episode.home_post,
            placement_postcode=episode.pl_post,
            urn=episode.urn,
            manner=episode.manner,
        )
        self._want(body, identity, episode.decom, stated=True)
        ending: dict[str, Any] = {
            "episode": identity,
            "reason_ceased": episode.rec,
            "reason_placement_change": episode.reason_place_change,
        }
        if episode.dec is not None:
            self._want(EpisodeEnded(**ending), identity, episode.dec, stated=True)
            self._record.drop((OpenEpisodeReasonStated.wire, identity), "said_elsewhere", follows=True)
        elif episode.rec or episode.reason_place_change:
            self._want(OpenEpisodeReasonStated(**ending), identity, episode.decom, stated=True)

    def _enter(self, identity: str, episode: Episode) -> None:
        entered = ChildEnteredCare(
            episode=identity,
            legal_status=episode.ls,
            category_of_need=episode.cin,
            on_or_before=episode.rne != STARTS,
        )
        self._want(entered, identity, episode.decom)
        self._want(LegalStatusChanged(episode=identity, legal_status=episode.ls), identity, episode.decom)
        self._start_placement(identity, episode)

    def _continue(self, identity: str, episode: Episode) -> None:
        previous = self._previous
        assert previous is not None  # noqa: S101 - a child in care has an earlier episode
        if episode.ls != previous.ls:
            changed = LegalStatusChanged(episode=identity, legal_status=episode.ls, previous=previous.ls)
            self._want(changed, identity, episode.decom)
        if episode.rne in MOVES or episode.where() != previous.where():
            self._move(identity, previous, episode)

    def _start_placement(self, identity: str, episode: Episode) -> None:
        body = PlacementStarted(
            episode=identity,
            placement_type=episode.place,
            placement_provider=episode.place_provider,
            urn=episode.urn,
            **self._geography(episode),
        )
        self._want(body, identity, episode.decom)
        self._placement = identity

    def _geography(self, episode: Episode) -> dict[str, Any]:
        return {
            "home_area": self._places.area(episode.home_post),
            "placement_area": self._places.area(episode.pl_post),
            "distance_miles": self._places.miles(episode.home_post, episode.pl_post),
        }

    def _end_placement(self, day: str, reason: str | None) -> str:
        key = (PlacementEnded.wire, self._placement)
        self._want(PlacementEnded(episode=self._placement, reason=reason), self._placement, day, key=key)
        return self._record.id_of(key)

    def _move(self, identity: str, previous: Episode, episode: Episode) -> None:
        reason = previous.reason_place_change
        ended = self._end_placement(previous.dec, reason) if previous.dec else None
        self._start_placement(identity, episode)
        moved = PlacementMoved(
            episode=identity,
            ended=ended,
            started=self._record.id_of((PlacementStarted.wire, identity)),
            from_type=previous.place,
            to_type=episode.place,
            reason=reason,
            manner=episode.manner,
            carer_changed=episode.rne not in SAME_CARER,
            **self._geography(episode),
        )
        self._want(moved, identity, episode.decom)

    def _leave(self, identity: str, episode: Episode) -> None:
        assert episode.dec is not None  # noqa: S101 - only an episode with an end leaves care
        self._want(ChildLeftCare(episode=identity, reason=episode.rec), identity, episode.dec)
        self._end_placement(episode.dec, episode.reason_place_change)
        self._in_care = False

    def _ask(self, episode: Episode) -> None:
        previous = self._previous
        if episode.dec is None and (episode.rec or episode.reason_place_change):
            self._question(episode, "REC", "reason-on-open-episode", "a reason of ceasing on an episode without an end")
        if episode.dec is not None and not episode.rec:
            self._question(episode, "REC", "end-without-reason", "an episode that ended without a reason of ceasing")
        if previous is None:
            return
        if previous.dec is None or previous.dec > episode.decom:
            self._question(episode, "DECOM", "episode-overlap", "the episode before has not ended on this day")
        elif self._in_care and previous.dec < episode.decom and episode.rne != STARTS:
            self._question(episode, "DECOM", "episode-gap", "the episode before ended earlier than this one began")
        if not self._in_care and episode.rne != STARTS:
            self._question(episode, "RNE", "care-not-entered", "care had ended; this episode does not begin it again")
        elif self._in_care and episode.rne == STARTS:
            self._question(episode, "RNE", "care-not-left", "care had not ended when it began again")
        elif self._in_care:
            self._ask_reason(previous, episode)

    def _ask_reason(self, previous: Episode, episode: Episode) -> None:
        status, place = episode.ls != previous.ls, episode.where() != previous.where()
        if status != (episode.rne in CHANGES_STATUS) or place != (episode.rne in MOVES):
            self._question(
                episode, "RNE", "reason-does-not-fit", "the reason for the new episode does not fit what changed"
            )


def ends_before_it_begins(episode: Episode) -> bool:
    return episode.dec is not None and episode.dec < episode.decom


def current(episodes: Sequence[Known]) -> Known | None:
    """The episode that is open now: the latest without an end, None where the child is not in care."""
    ordered = in_order(episodes)
    return next((known for known in reversed(ordered) if known[1].dec is None), None)
