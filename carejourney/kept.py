"""The facts of the own copy as those see them who only fold: typed, and read in one call for each subject.

The database hands over all that is held of a subject as one JSON text; decoding it makes no object but the facts.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

# Headers are one flat object: topic and value are set behind its last member, so that none of them counts instead.
_FACTS: Final = """
select r.subject, '['::bytea || string_agg(
  substring(r.headers for length(r.headers) - 1)
    || convert_to(',"topic":"' || r.topic || '","data":', 'UTF8') || r.payload || '}'::bytea,
  ','::bytea) || ']'::bytea
from received r
join lane l on l.subject = r.subject and l.topic = r.topic and r.topic_version <= l.version
where r.subject = any($1) and ($2::text[] is null or r.type = any($2))
group by r.subject
"""


class Kept(msgspec.Struct, gc=False):
    """A fact of the own copy, with what folding asks of it and nothing else."""

    topic: str
    data: dict[str, Any]
    id: str = msgspec.field(name="ce_id")
    type: str = msgspec.field(name="ce_type")
    source: str = msgspec.field(name="ce_source")
    time: str = msgspec.field(name="ce_time")
    stream_version: int = msgspec.field(name="ce_streamversion")
    authority: str = msgspec.field(name="ce_authority")
    origin: str = msgspec.field(name="ce_origin", default="system")
    effective: str | None = msgspec.field(name="ce_effectivefrom", default=None)
    known_from: str | None = msgspec.field(name="ce_knownfrom", default=None)
    stated_in: str | None = msgspec.field(name="ce_statedin", default=None)
    schema: str | None = msgspec.field(name="ce_dataschema", default=None)
    causation: str | None = msgspec.field(name="ce_causationid", default=None)
    concerns: str = msgspec.field(name="ce_concerns", default="")

    @property
    def known(self) -> str:
        """The instant from which this counts as known, as `Recorded.known`."""
        return self.time if self.known_from is None else f"{self.known_from}T00:00:00.000000Z"


_decode: Final = msgspec.json.Decoder(list[Kept], strict=False).decode


async def facts_of(
    connection: asyncpg.Connection, subjects: Sequence[UUID], types: Sequence[str] | None = None
) -> dict[UUID, list[Kept]]:
    """What the copy holds of these subjects up to the first gap of each lane, in no particular order.

    A subject of whom nothing is held is absent. With `types`, facts of these types alone.
    """
    rows = await connection.fetch(_FACTS, subjects, types)
    return {subject: _decode(facts) for subject, facts in rows}
