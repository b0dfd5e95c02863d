"""Facts of one generated child, as a service's own copy holds them."""

from dataclasses import dataclass, field
from uuid import UUID

import msgspec

from carejourney.envelope import Context, Draft, Recorded, headers_of
from carejourney.ids import derived_id
from carejourney.keys import SubjectKey, seal_fields
from events.catalogue import CATALOGUE
from events.correction import FactCorrected, FactRetracted
from events.event import OWNERS, Fact
from events.placement import (
    ChildEnteredCare,
    ChildLeftCare,
    EpisodeEnded,
    EpisodeStarted,
    LegalStatusChanged,
    PlacementEnded,
    PlacementStarted,
)

CHILD = UUID("01980000-0000-7000-8000-000000000001")
KEY = SubjectKey(CHILD, b"k" * 32)
AUTHORITY = "E08000025"


@dataclass
class Record:
    """What was recorded of one child so far; each `says` is a minute after the one before it."""

    facts: list[Recorded] = field(default_factory=list)
    day: str = "2026-01-05"
    stated_in: str | None = None
    known_from: str | None = None
    _versions: dict[str, int] = field(default_factory=dict)

    def says(self, body: Fact, on: str | None = None, *, topic: str | None = None) -> str:
        """Record one fact, effective on a day; its id."""
        destination = topic or body.destination()
        version = self._versions[destination] = self._versions.get(destination, 0) + 1
        identity = derived_id("made", destination, version)
        draft = Draft(CHILD, body, on, destination, id=identity)
        minute = len(self.facts)
        time = f"{self.day}T{9 + minute // 60:02}:{minute % 60:02}:00.000000Z"
        headers = headers_of(draft, self._context(destination), time=time, stream_version=version)
        self.facts.append(Recorded(headers, _sealed(body), destination))
        return str(identity)

    def corrects(self, earlier: str, body: Fact, on: str | None = None) -> str:
        """Record that an earlier fact was in truth this."""
        change = FactCorrected(corrects=earlier, type=body.wire, effective=on, replacement=body.model_dump(mode="json"))
        return self.says(change, on, topic=body.destination())

    def retracts(self, earlier: str, cls: type[Fact]) -> str:
        """Record that an earlier fact never was so."""
        change = FactRetracted(corrects=earlier, type=cls.wire, reason="error")
        return self.says(change, topic=str(cls.destination()))

    def episode(self, on: str, until: str | None = None, *, rec: str | None = None, **columns: str | None) -> str:
        """A statutory episode as the placement service states it; the id of its start."""
        stated: dict[str, str | None] = {"rne": "S", "ls": "C2", "cin": "N1", "place": "U6", **columns}
        start = self.says(
            EpisodeStarted(
                reason_for_new_episode=str(stated["rne"]),
                legal_status=str(stated["ls"]),
                category_of_need=str(stated["cin"]),
                placement_type=str(stated["place"]),
                placement_provider=stated.get("place_provider"),
                home_postcode=stated.get("home_post"),
                placement_postcode=stated.get("pl_post"),
                urn=stated.get("urn"),
            ),
            on,
        )
        if until:
            self.says(EpisodeEnded(episode=start, reason_ceased=rec), until)
        return start

    def entered(self, on: str, *, on_or_before: bool = False, status: str = "C2", episode: str | None = None) -> str:
        body = ChildEnteredCare(legal_status=status, category_of_need="N1", on_or_before=on_or_before, episode=episode)
        return self.says(body, on)

    def left(self, on: str, reason: str = "E4A", episode: str | None = None) -> str:
        return self.says(ChildLeftCare(reason=reason, episode=episode), on)

    def status(self, on: str, status: str, previous: str | None = None) -> str:
        return self.says(LegalStatusChanged(legal_status=status, previous=previous), on)

    def placed(self, on: str, until: str | None = None, *, kind: str = "U6", episode: str | None = None) -> str:
        start = self.says(PlacementStarted(placement_type=kind, episode=episode), on)
        if until:
            self.says(PlacementEnded(episode=episode, reason="CARPL"), until)
        return start

    def _context(self, topic: str) -> Context:
        family = topic.removesuffix(".restricted").removeprefix("care.").replace("-", "_")
        return Context(
            source=OWNERS[family],
            authority=AUTHORITY,
            actor="tester",
            actor_role="import",
            origin="import",
            correlation="made",
            known_from=self.known_from,
            stated_in=self.stated_in,
        )


def _sealed(body: Fact) -> bytes:
    data = body.model_dump(mode="json")
    if isinstance(body, FactCorrected):
        seal_fields(data["replacement"], CATALOGUE[body.type].personal_fields(), KEY)
        return msgspec.json.encode(data)
    return msgspec.json.encode(seal_fields(data, body.personal_fields(), KEY))
