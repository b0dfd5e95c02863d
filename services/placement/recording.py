"""What people record of where and how a child lives, and correct; what follows from episodes is derived again."""

from dataclasses import replace
from typing import Any, Final

from carejourney.commands import Decided, State
from carejourney.errors import NotFound, Refusal
from carejourney.families import Recording, Statement, recording_router
from carejourney.families.deciding import earlier
from carejourney.reconcile import Because, Reconciliation
from carejourney.restating import day_of
from carejourney.standing import Standing
from carejourney.yearly import settled
from events.catalogue import CATALOGUE
from events.correction import FactCorrected, FactRetracted
from events.missing import ChildReturned, ChildWentMissing
from events.placement import EpisodeEnded, EpisodeStarted, OpenEpisodeReasonStated
from events.sampling import sample_of
from services.placement.api import places
from services.placement.episodes import Episode, ends_before_it_begins, known_episodes, want_episodes
from services.placement.statement import reconciliation

_CELLS: Final = {
    "reason_for_new_episode": "rne", "legal_status": "ls", "category_of_need": "cin", "placement_type": "place",
    "placement_provider": "place_provider", "home_postcode": "home_post", "placement_postcode": "pl_post",
    "urn": "urn", "manner": "manner",
}  # fmt: skip


def begin_episode(statement: Statement, state: State) -> Decided:
    """Another statutory episode, whatever its day; all that follows from the episodes is derived again."""
    began = Episode(decom=_day(statement), **_cells(statement.body))
    known = known_episodes(state.own)
    if any(_as_begun(one) == began for one in known.values()):
        return Decided()
    record = reconciliation(state)
    return _settled(record, {**known, record.fresh(EpisodeStarted.wire): began})


def end_episode(statement: Statement, state: State) -> Decided:
    """The end of an episode. Refused: an episode that does not stand, or ended already in another way."""
    body: EpisodeEnded = statement.body
    known = known_episodes(state.own)
    one = _known(known, body.episode)
    ended = _ended(one, statement)
    if ended == one:
        return Decided()
    if one.dec is not None:
        raise Refusal(f"this ended already, on {one.dec}; correct that end instead")
    record = reconciliation(state)
    if one.rec or one.reason_place_change:
        record.drop((OpenEpisodeReasonStated.wire, body.episode), "said_elsewhere")
    return _settled(record, {**known, body.episode: ended})


def correct_beginning(fact: Standing, statement: Statement | None, reason: Because, state: State) -> Decided:
    """An episode as it was instead, with all that follows; without a statement there was no such episode."""
    known, record = known_episodes(state.own), reconciliation(state)
    if statement is None:
        known.pop(fact.id, None)
        for wire in (EpisodeStarted.wire, EpisodeEnded.wire, OpenEpisodeReasonStated.wire):
            record.drop((wire, fact.id), reason)
    else:
        day, cells = _day(statement), _cells(statement.body)
        known[fact.id] = replace(known[fact.id], decom=day, **cells) if fact.id in known else Episode(day, **cells)
    return _settled(record, known)


def correct_end(fact: Standing, statement: Statement | None, reason: Because, state: State) -> Decided:
    """The end of an episode as it was instead, with all that follows; without a statement it has none."""
    known, record = known_episodes(state.own), reconciliation(state)
    identity = str(fact.data["episode"])
    one = _known(known, identity)
    if statement is None:
        record.drop((EpisodeEnded.wire, identity), reason)
        known[identity] = replace(one, dec=None, rec=None, reason_place_change=None)
    elif statement.body.episode != identity:
        raise Refusal("an end stays with its episode; retract it, and state the end of the other")
    else:
        known[identity] = _ended(one, statement)
    return _settled(record, known)


def refuse_missing_twice(statement: Statement, state: State) -> None:
    """Refused: a child who is missing already at that moment."""
    returned = {f.data["incident"]: f.effective for f in state.own if f.type == ChildReturned.wire and not f.retracted}
    moment = statement.effective or ""
    for fact in (f for f in state.own if f.type == ChildWentMissing.wire and not f.retracted):
        back = returned.get(fact.id)
        if not earlier(moment, fact.effective or "") and (back is None or earlier(moment, back)):
            raise Refusal("the child is recorded as missing already then; record the return first")


def _settled(record: Reconciliation, known: dict[str, Episode]) -> Decided:
    if any(ends_before_it_begins(one) for one in known.values()):
        raise Refusal("an episode would end before it begins; correct its other day first")
    want_episodes(record, known.items(), places(), lambda *_: None)
    return settled(record)


def _known(known: dict[str, Episode], identity: str) -> Episode:
    if identity not in known:
        raise NotFound("episode: no placement.episode_started of that id stands for this child")
    return known[identity]


def _ended(one: Episode, statement: Statement) -> Episode:
    body: EpisodeEnded = statement.body
    return replace(one, dec=_day(statement), rec=body.reason_ceased, reason_place_change=body.reason_placement_change)


def _as_begun(one: Episode) -> Episode:
    return replace(one, dec=None, rec=None, reason_place_change=None)


def _cells(body: EpisodeStarted) -> dict[str, Any]:
    return {cell: getattr(body, name) for name, cell in _CELLS.items()}


def _day(statement: Statement) -> str:
    return day_of(statement.effective or "")


RECORDING: Final = Recording(
    service="placement",
    catalogue=CATALOGUE,
    roles=("social-work",),
    sample=sample_of,
    corrected=FactCorrected,
    retracted=FactRetracted,
    own={EpisodeStarted.wire: begin_episode, EpisodeEnded.wire: end_episode},
    guards={ChildWentMissing.wire: refuse_missing_twice},
    correcting={EpisodeStarted.wire: correct_beginning, EpisodeEnded.wire: correct_end},
)

router = recording_router(RECORDING)
