"""Where a child lives during one period of care: kinds of placement, how long each lasts, why it ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from carejourney.sample.areas import Whereabouts
from carejourney.sample.chance import Chance, Weights
from carejourney.sample.population import Ending, Outline, Stay, band_of
from carejourney.sample.statuses import Status
from carejourney.sample.world import World
from carejourney.workdays import birthday

FOSTER = frozenset({"U1", "U2", "U3", "U4", "U5", "U6"})
TEMPORARY = frozenset({"T0", "T1", "T2", "T3", "T4"})
_WITH_PARENTS_UNDER = frozenset({"C1", "C2"})
_SHARED = frozenset({"K1", "K2", "K3", "R3", "S1"})
_KIN = frozenset({"U1", "U2", "U3"})
_OTHER = ("Z11", "Z12", "Z13", "Z14")
_KINDS: Mapping[str, Weights] = {
    "baby": {"U6": 61, "U3": 14, "R3": 9, "P1": 12, "U5": 3, "R2": 1},
    "toddler": {"U6": 59, "U3": 17, "P1": 17, "R3": 3, "U5": 1, "R2": 1},
    "junior": {"U6": 57, "U3": 14, "P1": 16, "K2": 13, "S1": 0.3, "R2": 0.3},
    "teen": {"U6": 35, "U3": 8, "P1": 11, "K2": 38, "S1": 0.4, "R1": 2.6, "K1": 0.5, "Z": 10},
    "older": {"U6": 15, "U3": 4, "P1": 5, "K2": 26, "K3": 42, "R1": 2.5, "K1": 0.5, "R5": 0.7, "Z": 10},
    "unaccompanied": {"U6": 92, "K2": 8},
    "unaccompanied older": {"K3": 65, "U6": 33, "K2": 2},
    "remand": {"R5": 35, "K1": 15, "K2": 25, "U6": 25},
}  # fmt: skip
_BRIEF = {
    "U6": 0.26,
    "U3": 0.13,
    "K2": 0.3,
    "K3": 0.24,
    "P1": 0.1,
    "R3": 0.7,
    "R2": 0.9,
    "Z": 0.5,
    "R5": 0.5,
    "K1": 0.6,
}
_BRIEF_MEAN = 55
_LASTING = {
    "U3": (950, 0.8),
    "U6": (800, 0.9),
    "K2": (560, 0.9),
    "K3": (420, 0.8),
    "P1": (700, 0.8),
    "S1": (700, 0.8),
    "U4": (2000, 0.8),
    "U1": (2000, 0.8),
}
_LASTING_ELSE = (300, 0.8)
_LONG_TERM = {"U6": "U4", "U3": "U1"}
_LONG_TERM_AFTER = (150, 520)
_LONG_TERM_SHARE = 0.9
_INDEPENDENCE = 0.4
_AREAS = {
    "foster": {Whereabouts.INSIDE: 50, Whereabouts.NEAR: 30, Whereabouts.FAR: 20},
    "kin": {Whereabouts.INSIDE: 61, Whereabouts.NEAR: 22, Whereabouts.FAR: 17},
    "parents": {Whereabouts.INSIDE: 78, Whereabouts.NEAR: 14, Whereabouts.FAR: 8},
    "away": {Whereabouts.INSIDE: 30, Whereabouts.NEAR: 25, Whereabouts.FAR: 45},
}
_PROVIDERS: Mapping[str, Weights] = {
    "U": {"PR1": 43, "PR4": 48, "PR5": 8, "PR2": 1},
    "A": {"PR1": 62, "PR5": 30, "PR2": 8},
    "R1": {"PR4": 70, "PR5": 20, "PR3": 10},
    "R2": {"PR3": 1},
    "R5": {"PR3": 1},
}
_REASONS = {
    "CARPL": 27, "OTHER": 27, "CREQB": 8.5, "CREQO": 7, "CHILD": 3, "LAREQ": 1.7, "STAND": 1, "ALLEG": 0.7,
    "CLOSE": 0.7, "APPRR": 0.4,
}  # fmt: skip
_LIVES_AT_HOME = 0.7


@dataclass(frozen=True, slots=True)
class Placement:
    """One placement from its first day; `carer` tells the same carer apart from another, `reason` why it ended."""

    start: date
    kind: str
    provider: str
    postcode: str
    urn: str
    carer: int
    where: Whereabouts
    reason: str = ""


@dataclass(slots=True)
class Settling:
    """The draws for one child: where home is, and how unsettled the child's placements are."""

    chance: Chance
    world: World
    child: Outline
    home: str
    unsettled: float
    carers: int = 0
    last: Placement | None = None

    def placements(self, stay: Stay, under: Sequence[Status]) -> list[Placement]:
        """Draw the placements of a period of care, in order; the reason of the last is empty."""
        milestones = self._milestones(stay, under)
        placed = [self._place(stay.start, self._kind(stay, stay.start, under))]
        while (following := self._next(stay, under, milestones, placed[-1])) is not None:
            ended, begun = following
            placed[-1] = ended
            placed.append(begun)
        return placed

    def _next(
        self, stay: Stay, under: Sequence[Status], milestones: dict[date, str], now: Placement
    ) -> tuple[Placement, Placement] | None:
        day, status_only = self._until(stay, now)
        milestone = min((at for at in milestones if at > now.start), default=stay.end)
        if milestone <= day:
            day, status_only = milestone, False
        if day >= stay.end:
            return None
        if status_only:
            kind = _LONG_TERM[now.kind]
            return replace(now, reason="PLACE"), replace(now, start=day, kind=kind)
        if day == milestone:
            return self._at_milestone(stay, under, milestones[day], day, now)
        begun = self._place(day, self._kind(stay, day, under))
        return replace(now, reason="CUSTOD" if begun.kind == "R5" else self.chance.pick(_REASONS)), begun

    def _at_milestone(
        self, stay: Stay, under: Sequence[Status], kind: str, day: date, now: Placement
    ) -> tuple[Placement, Placement]:
        if kind == "A5":
            return replace(now, reason="PLACE"), replace(now, start=day, kind="A5")
        begun = self._place(day, kind or self._kind(stay, day, under))
        return replace(now, reason="CARPL"), begun

    def _milestones(self, stay: Stay, under: Sequence[Status]) -> dict[date, str]:
        """Return the moves that are due on a day, with the kind they lead to (empty: whatever suits then)."""
        due: dict[date, str] = {}
        if stay.adoption and stay.adoption.placed:
            due[stay.adoption.placed] = "A5" if stay.adoption.with_foster_carer else "A6"
        if stay.status == "J1":
            due.update({status.start: "" for status in under[1:2]})
        if not self.child.unaccompanied and self.chance.happens(_INDEPENDENCE):
            sixteen = birthday(self.child.born, 16)
            due[sixteen + timedelta(days=self.chance.whole(5, 640))] = "K3"
        return {day: kind for day, kind in due.items() if stay.start < day < stay.end}

    def _until(self, stay: Stay, now: Placement) -> tuple[date, bool]:
        """Return the day the placement ends by itself, and whether only its standing changes then."""
        plan = stay.adoption
        if plan and plan.placed and (now.start >= plan.placed or (plan.with_foster_carer and now.kind in FOSTER)):
            return stay.end, False
        key = "Z" if now.kind.startswith("Z") else now.kind
        if self.chance.happens(min(0.92, _BRIEF.get(key, 0.05) * self.unsettled)):
            return now.start + timedelta(days=self.chance.wait(_BRIEF_MEAN)), False
        if stay.ending is Ending.GUARDIAN and now.kind == "U3":
            return stay.end, False
        end = now.start + timedelta(days=self.chance.spell(*_LASTING.get(key, _LASTING_ELSE)))
        long_term = now.start + timedelta(days=self.chance.whole(*_LONG_TERM_AFTER))
        if now.kind in _LONG_TERM and stay.ending is Ending.ADULTHOOD and long_term < end:
            return long_term, self.chance.happens(_LONG_TERM_SHARE)
        return end, False

    def _kind(self, stay: Stay, day: date, under: Sequence[Status]) -> str:
        status = [status.code for status in under if status.start <= day][-1]
        if status == "J1":
            return self.chance.pick(_KINDS["remand"])
        if stay.adoption and stay.adoption.with_foster_carer:
            return self.chance.pick({"U5": 4, "U2": 1, "U6": 5})
        if stay.ending is Ending.GUARDIAN and self.chance.happens(0.65):
            return "U3"
        return self._usual_kind(day, with_parents=status in _WITH_PARENTS_UNDER and not stay.adoption)

    def _usual_kind(self, day: date, *, with_parents: bool) -> str:
        weights = dict(_KINDS[self._situation(day)])
        if not with_parents or (self.last and self.last.kind == "P1"):
            weights.pop("P1", None)
        kind = self.chance.pick(weights)
        return self.chance.one(_OTHER) if kind == "Z" else kind

    def _situation(self, day: date) -> str:
        band = band_of(self.child.born, day)
        if not self.child.unaccompanied:
            return band
        return "unaccompanied older" if band == "older" else "unaccompanied"

    def _place(self, day: date, kind: str) -> Placement:
        self.carers += 1
        self.last = self._shared(day, kind) if kind in _SHARED else self._private(day, kind)
        return self.last

    def _shared(self, day: date, kind: str) -> Placement:
        left = self.last.urn if self.last else ""
        home = self.chance.one([home for home in self.world.homes[kind] if home.urn != left])
        return Placement(day, kind, home.provider, home.postcode, home.urn, self.carers, home.where)

    def _private(self, day: date, kind: str) -> Placement:
        provider = self._provider(kind)
        urn = self._urn(kind, provider)
        where, postcode = self._address(kind)
        return Placement(day, kind, provider, postcode, urn, self.carers, where)

    def _provider(self, kind: str) -> str:
        if kind == "P1":
            return "PR0"
        if kind in _OTHER:
            return ""
        if kind in _KIN:
            return "PR1"
        return self.chance.pick(_PROVIDERS.get(kind) or _PROVIDERS[kind[0]])

    def _address(self, kind: str) -> tuple[Whereabouts, str]:
        if kind == "P1" and self.home and self.chance.happens(_LIVES_AT_HOME):
            return Whereabouts.INSIDE, self.home
        manner = "parents" if kind == "P1" else "kin" if kind in _KIN else "foster" if kind[0] in "UA" else "away"
        where = self.chance.pick(_AREAS[manner])
        left = (self.home, self.last.postcode if self.last else "")
        return where, self.world.areas.postcode(self.chance, where, left)

    def _urn(self, kind: str, provider: str) -> str:
        if kind.startswith("A") and provider != "PR1":
            return "XXXXXXX"
        return self.chance.one(self.world.agencies[provider]) if kind[0] in "UA" else ""
