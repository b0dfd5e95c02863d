"""What goes between the importer and the services: one JSON object a line, one line a child.

Request of `POST /returns/ssda903` and `/returns/enrolments`: `Line`. Answer: `Answer`, one for each line. Request and
answer of `POST /subjects/resolve`: `Resolve` and `Resolved`; of `POST /returns/claims`: `Claim` and `Tally`.
"""

from typing import Final, TypeAlias

import msgspec

from carejourney.returns.cells import Value

MEDIA_TYPE: Final = "application/x-ndjson"
Row: TypeAlias = dict[str, Value]


class Resolve(msgspec.Struct):
    """Ask the register for the subjects of local identifiers; `create` makes those it lacks."""

    authority: str
    kind: str
    local_ids: list[str]
    create: bool


class Resolved(msgspec.Struct):
    """The subjects found, by local identifier; absent if unknown and not created, or `sealed`."""

    subjects: dict[str, str]
    created: int = 0
    sealed: list[str] = []


class Line(msgspec.Struct):
    """What a return says of one child to one service.

    `tables` has every table the service takes something from that the return holds, also with no row for the child;
    a row has `ref` and the columns the service takes, in lower case. `year` is the collection year, None for
    enrolments; `known_from` the day a historic return was made; `partial` names the tables of which a row of the child
    was refused, so that what is absent there may not have vanished.
    """

    command_id: str
    subject: str
    authority: str
    year: int | None
    known_from: str | None
    complete: bool
    partial: list[str]
    tables: dict[str, list[Row]]


class Brought(msgspec.Struct):
    """A child as Header names it: its local id and its date of birth (ISO)."""

    local_id: str
    born: str


class Tally(msgspec.Struct):
    """What is known of the children so far, of `asked` in all.

    `children` of them were brought by returns of other authorities (`authorities`: how many by each); `known` were
    named by this authority's earlier returns, `other_births` of these with another date of birth.
    """

    children: int = 0
    authorities: dict[str, int] = {}
    asked: int = 0
    known: int = 0
    other_births: int = 0


class Claim(msgspec.Struct):
    """Say which children a return brings, a part at a time: one that brings mostly others than it should is refused.

    `of` is how many it brings in all, `counted` the tally of the parts before; `also_loaded_for` are authorities under
    which a person confirms that the children stand as well, and with `births_corrected` a person confirms that they
    are the children known by these local ids. Without `hold` it is only asked.
    """

    authority: str
    of: int
    children: list[Brought]
    counted: Tally
    also_loaded_for: list[str]
    births_corrected: bool
    hold: bool


class ServiceRefusal(msgspec.Struct):
    """A row a service refuses; without `ref` all rows of the table, without `table` the whole line."""

    value_class: str
    reason: str
    remedy: str
    table: str | None = None
    ref: int | None = None
    column: str | None = None


class ServiceFlag(msgspec.Struct):
    """What a service took as stated and would question."""

    rule: str
    reason: str
    table: str | None = None
    ref: int | None = None
    column: str | None = None


class Answer(msgspec.Struct):
    """What became of one line."""

    subject: str
    facts: int = 0
    corrections: int = 0
    refused: list[ServiceRefusal] = []
    flagged: list[ServiceFlag] = []


encoder: Final = msgspec.json.Encoder()
subjects_decoder: Final = msgspec.json.Decoder(list[str])
resolved_decoder: Final = msgspec.json.Decoder(Resolved)
tally_decoder: Final = msgspec.json.Decoder(Tally)
answer_decoder: Final = msgspec.json.Decoder(Answer)
