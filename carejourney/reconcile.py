"""What is wanted against what stands: new facts, corrections and retractions, and nothing where all is already so."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from carejourney.envelope import Draft
from carejourney.ids import new_id
from carejourney.restating import beyond, said_later
from carejourney.standing import Standing

Key = tuple[Hashable, ...]
# Why something never was so: the codes of the published language, the first four of them those that a person chooses.
Because = Literal[
    "error", "wrong_child", "twice", "did_not_happen",
    "not_in_return", "not_stated", "said_elsewhere", "does_not_follow",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """A fact that should stand. `stated` facts are what somebody said; the others follow from them."""

    body: Any
    effective: str | None
    stated: bool


@dataclass(slots=True)
class Settled:
    """The drafts that make the record as wanted. `corrections` counts the stated rows corrected or retracted."""

    drafts: list[Draft] = field(default_factory=list)
    corrections: int = 0


@dataclass(frozen=True, slots=True)
class _Change:
    standing: Standing
    wanted: Wanted | None
    stated: bool
    key: Key

    @property
    def row(self) -> Key:
        """What facts of the same stated row have in common."""
        return self.key[-1:]


class Reconciliation:
    """The record of one subject, by a key for each fact; personal fields must have been opened.

    A key is a tuple: the fact's type, then what tells it from others of the type. Facts of one stated row share the
    last member.

    `corrected` and `retracted` make the correcting facts (the published language is not known here).
    """

    def __init__(
        self,
        subject: UUID,
        standing: Iterable[Standing],
        key_of: Callable[[Standing], Key],
        *,
        corrected: Callable[..., Any],
        retracted: Callable[..., Any],
    ) -> None:
        self._subject = subject
        self._stands: dict[Key, Standing] = {}
        for fact in sorted(standing, key=lambda f: (not f.retracted, f.version)):
            self._stands[key_of(fact)] = fact
        self._corrected = corrected
        self._retracted = retracted
        self._wanted: dict[Key, Wanted] = {}
        self._dropped: dict[Key, Because] = {}
        self._following: set[Key] = set()
        self._new: dict[Key, str] = {}

    def standing(self, key: Key) -> Standing | None:
        """What stands under a key now; None where nothing does or it was retracted."""
        fact = self._stands.get(key)
        return None if fact is None or fact.retracted else fact

    def said_later(self, year: int, *keys: Key) -> bool:
        """Whether the return of a later year has the last word on one of these, also that it is not so."""
        return any(said_later(self._stands.get(key), year) for key in keys)

    def id_of(self, key: Key) -> str:
        """The id of the fact under a key: that of the first statement, or of the one about to be made."""
        fact = self._stands.get(key)
        return fact.id if fact else self._new.setdefault(key, str(new_id()))

    def fresh(self, wire: str) -> str:
        """The id of a new fact whose key is its own id."""
        identity = str(new_id())
        self._new[wire, identity] = identity
        return identity

    def want(self, key: Key, wanted: Wanted) -> None:
        self._wanted[key] = wanted

    def state(self, key: Key, wanted: Wanted, year: int, *, of: Key | None = None) -> bool:
        """Want what the return of a year states; False where a later year's return says otherwise, which stays.

        `of` is the key of the row's start: who stated the row later without this said that there is none.
        """
        stands = self.standing(key)
        if not self.said_later(year, key, *([of] if of and stands is None else [])):
            self.want(key, wanted)
            return True
        return stands is not None and same(stands, wanted)

    def leave_out(self, key: Key, year: int, reason: Because) -> None:
        """Retract what the return of a year no longer states, unless it cannot know of it."""
        stands = self.standing(key)
        if stands is not None and not beyond(stands, year):
            self.drop(key, reason)

    def drop(self, key: Key, reason: Because, *, follows: bool = False) -> None:
        """Retract what stands under a key; `follows` where nobody took it back, but another fact makes it needless."""
        self._dropped[key] = reason
        if follows:
            self._following.add(key)

    def drop_unwanted(self, among: Callable[[Standing], bool], reason: Because) -> None:
        """Retract what stands, is among these, and is not wanted."""
        for key, fact in self._stands.items():
            if key not in self._wanted and among(fact):
                self.drop(key, reason)

    def settle(self) -> Settled:
        """The drafts: new facts first, then one correction for each stated fact, carrying what follows from it."""
        settled = Settled()
        changes: list[_Change] = []
        for key, wanted in self._wanted.items():
            fact = self._stands.get(key)
            if fact is None:
                settled.drafts.append(self._new_fact(key, wanted))
            elif fact.retracted or not same(fact, wanted):
                changes.append(_Change(fact, wanted, wanted.stated, key))
        for key in self._dropped:
            fact = self.standing(key)
            if fact is not None and key not in self._wanted:
                stated = fact.origin != "computed" and key not in self._following
                changes.append(_Change(fact, None, stated, key))
        self._correct(changes, settled)
        return settled

    def _new_fact(self, key: Key, wanted: Wanted) -> Draft:
        return Draft(
            subject=self._subject,
            body=wanted.body,
            effective=wanted.effective,
            topic=wanted.body.destination(),
            id=UUID(self.id_of(key)),
            origin=None if wanted.stated else "computed",
        )

    def _correct(self, changes: list[_Change], settled: Settled) -> None:
        leading = [c for c in changes if c.stated]
        settled.corrections += len({c.row for c in leading})
        followers: dict[int, list[_Change]] = {}
        alone: list[_Change] = []
        for change in (c for c in changes if not c.stated):
            leader = self._leader(change, leading)
            if leader is None:
                alone.append(change)
            else:
                followers.setdefault(leader, []).append(change)
        for n, change in enumerate(leading):
            settled.drafts.append(self._draft(change, followers.get(n, [])))
        settled.drafts.extend(self._draft(change, []) for change in alone)

    @staticmethod
    def _leader(change: _Change, leading: list[_Change]) -> int | None:
        """The stated correction that a computed change follows from: of its own episode, else any on its topic."""
        on_topic = [n for n, c in enumerate(leading) if c.standing.topic == change.standing.topic]
        same = [n for n in on_topic if leading[n].row == change.row]
        return (same or on_topic or [None])[0]  # type: ignore[list-item]

    def _draft(self, change: _Change, followers: list[_Change]) -> Draft:
        fact, wanted = change.standing, change.wanted
        consequences = [_consequence(c) for c in followers]
        if wanted is None:
            reason = self._dropped[change.key]
            body = self._retracted(corrects=fact.id, type=fact.type, reason=reason, consequences=consequences)
            effective = fact.effective
        else:
            body = self._corrected(
                corrects=fact.id,
                type=fact.type,
                effective=wanted.effective,
                replacement=wanted.body.model_dump(mode="json"),
                consequences=consequences,
            )
            effective = wanted.effective
        return Draft(
            subject=self._subject,
            body=body,
            effective=effective,
            topic=fact.topic,
            origin=None if change.stated else "computed",
            causation=fact.id,
        )


def _consequence(change: _Change) -> dict[str, Any]:
    wanted = change.wanted
    return {
        "corrects": change.standing.id,
        "type": change.standing.type,
        "effective": wanted.effective if wanted else change.standing.effective,
        "replacement": wanted.body.model_dump(mode="json") if wanted else None,
    }


def same(fact: Standing, wanted: Wanted) -> bool:
    """Whether a fact says what is wanted, effective on the same day."""
    content = wanted.body.model_dump(mode="json")
    return fact.effective == wanted.effective and {k: fact.data.get(k) for k in content} == content
