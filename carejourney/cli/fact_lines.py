"""Facts of any kind out of a file of JSON lines, each to the service that owns it.

A line's command id is made of what the line says, so a file that is run again, whole or after a kill, adds nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal
from uuid import UUID, uuid4

import msgspec

from carejourney.ids import derived_id
from carejourney.returns.client import Progress
from carejourney.returns.errors import ImportStoppedError
from carejourney.returns.posting import Desk
from carejourney.returns.report import ImportReport, Refusal
from carejourney.returns.wire import MEDIA_TYPE, Resolve, encoder, resolved_decoder
from events.catalogue import CATALOGUE

WINDOW: Final = 500
PLACEMENT: Final = "placement"
REGISTERED: Final = "placement.subject_registered"
_UNKNOWN: Final = (
    "the child is not known to the register",
    "import the return that names the child, or state placement.subject_registered first",
)
_SEALED: Final = ("the record of the child is sealed", "leave the line out; nothing more is stated in a sealed record")


class Stated(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the file. `child` and `concerns` are local ids or pseudonyms.

    `ref` is the line's own label; `ends_ref` and `corrects_ref` name another line by its label, where the fact's id is
    not known yet. With `retract` the fact that is named never was so.
    """

    child: str
    type: str
    effective: str | None = None
    content: dict[str, Any] | None = None
    concerns: tuple[str, ...] = ()
    causation: UUID | None = None
    ref: str | None = None
    ends_ref: str | None = None
    corrects: UUID | None = None
    corrects_ref: str | None = None
    retract: Literal["error", "wrong_child", "twice", "did_not_happen"] | None = None


class Answered(msgspec.Struct):
    """What a service said of one line."""

    command_id: UUID
    facts: int
    corrections: int
    stands: UUID | None
    refused: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A line with its place in the file, and the id its command always has."""

    number: int
    said: Stated
    command: UUID

    @property
    def refs(self) -> list[str]:
        return [ref for ref in (self.said.ends_ref, self.said.corrects_ref) if ref is not None]


@dataclass(slots=True)
class Recorder:
    """One run over one file."""

    path: Path
    authority: str
    desk: Desk
    tell: Callable[[Progress], None] = lambda _: None
    report: ImportReport = field(default_factory=ImportReport)
    run: UUID = field(default_factory=uuid4)
    ids: dict[str, UUID | None] = field(default_factory=dict)
    subjects: dict[str, UUID] = field(default_factory=dict)
    sealed: set[str] = field(default_factory=set)
    seen: set[UUID] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)

    async def take(self) -> ImportReport:
        """Record every line that is taken.

        Raises:
            ImportStoppedError: a service stays away or refuses everything; its `report` says what was done by then.
            OSError: the file cannot be read.

        """
        with self.path.open("rb") as file:
            total = sum(1 for line in file if line.strip())
        try:
            with self.path.open("rb") as file:
                rows = ((number, text) for number, text in enumerate(file, start=1) if text.strip())
                while window := list(islice(rows, WINDOW)):
                    await self._window(window)
                    self.tell(Progress(self.report.rows_read, total, self.report.facts_recorded))
        except ImportStoppedError as stopped:
            stopped.report = self.report
            raise
        return self.report

    async def _window(self, texts: Sequence[tuple[int, bytes]]) -> None:
        """Lines that name others by label wait for those: a label is known from an earlier line, or one near by."""
        self.report.rows_read += len(texts)
        rows = [row for number, text in texts if (row := self._read(number, text))]
        await self._resolve(rows)
        pending = [row for row in rows if self._known_child(row)]
        while pending:
            ready = [row for row in pending if all(ref in self.ids for ref in row.refs)]
            if not ready:
                self._refuse_all(pending)
                break
            pending = [row for row in pending if row not in ready]
            await self._post([row for row in ready if self._complete(row)])

    def _read(self, number: int, text: bytes) -> Row | None:
        try:
            said = msgspec.json.decode(text, type=Stated)
        except msgspec.DecodeError as error:
            self._refuse(number, None, f"this is no line of facts: {error}", "see docs/record.md")
            return None
        fault = self._fault(said)
        if fault is not None:
            self._refuse(number, *fault)
            return None
        return Row(number, said, derived_id("record", self.authority, msgspec.json.encode(said).decode()))

    def _fault(self, said: Stated) -> tuple[str, str, str] | None:
        """What is wrong with a line by itself: the field, why, and what to do."""
        cls = CATALOGUE.get(said.type)
        if cls is None:
            return "type", "no fact of the catalogue has this name", "use a wire name of the catalogue"
        if said.ends_ref is not None and cls.link is None:
            return "ends_ref", "this fact names no other", "leave ends_ref out"
        if said.retract is not None and said.corrects is None and said.corrects_ref is None:
            return "retract", "it is not said which fact", "name it by corrects or corrects_ref"
        if said.ref in self.labels:
            return "ref", "another line has this label", "give each line a label of its own"
        if said.ref is not None:
            self.labels.add(said.ref)
        return None

    async def _resolve(self, rows: Iterable[Row]) -> None:
        """Find the pseudonyms of local ids; only a line that registers a child makes one."""
        created = {row.said.child for row in rows if row.said.type == REGISTERED}
        named = {name for row in rows for name in (row.said.child, *row.said.concerns)} - self.subjects.keys()
        self.subjects |= {name: UUID(name) for name in named if _is_pseudonym(name)}
        for names, create in ((created, True), (named - created - self.subjects.keys(), False)):
            wanted = sorted(names - self.subjects.keys())
            if wanted:
                body = encoder.encode(Resolve(self.authority, "child", wanted, create))
                answer = await self.desk.post(PLACEMENT, "/subjects/resolve", body, "application/json")
                found = resolved_decoder.decode(answer)
                self.report.facts_recorded += found.created
                self.subjects |= {name: UUID(subject) for name, subject in found.subjects.items()}
                self.sealed.update(found.sealed)

    def _known_child(self, row: Row) -> bool:
        """Whether the line goes on to a service: the child is known, and not only registered by it."""
        unknown = next((n for n in (row.said.child, *row.said.concerns) if n not in self.subjects), None)
        if unknown is not None:
            field_name = "child" if unknown == row.said.child else "concerns"
            self._refuse(row.number, field_name, *(_SEALED if unknown in self.sealed else _UNKNOWN))
            self._label(row, None)
            return False
        return row.said.type != REGISTERED

    def _complete(self, row: Row) -> bool:
        """Whether every line it names by label was taken."""
        if any(self.ids[ref] is None for ref in row.refs):
            self._refuse(row.number, "ref", "the line it names was refused", "correct that line first")
            self._label(row, None)
            return False
        return True

    def _refuse_all(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self._refuse(row.number, "ref", "no line before it, or near it, has this label", "give that line a ref")
            self._label(row, None)

    def _label(self, row: Row, identity: UUID | None) -> None:
        if row.said.ref is not None:
            self.ids[row.said.ref] = identity

    async def _post(self, rows: Sequence[Row]) -> None:
        by_owner: dict[str, list[Row]] = {}
        for row in rows:
            by_owner.setdefault(CATALOGUE[row.said.type].owner(), []).append(row)
        for owner, mine in by_owner.items():
            body = b"\n".join(msgspec.json.encode(self._line(row)) for row in mine)
            answer = await self.desk.post(owner, "/facts", body, MEDIA_TYPE)
            answers = msgspec.json.Decoder(Answered).decode_lines(answer)
            if len(answers) != len(mine):
                raise ImportStoppedError(f"{owner} did not answer for every line it was sent")
            for row, one in zip(mine, answers, strict=True):
                self._answered(row, one)

    def _line(self, row: Row) -> dict[str, Any]:
        said = row.said
        content = dict(said.content or {})
        link = CATALOGUE[said.type].link
        if said.ends_ref is not None and link is not None:
            content[link] = self.ids[said.ends_ref]
        corrects = self.ids[said.corrects_ref] if said.corrects_ref is not None else said.corrects
        line = {
            "command_id": row.command,
            "run": self.run,
            "subject": self.subjects[said.child],
            "authority": self.authority,
            "type": said.type,
            "effective": said.effective,
            "content": None if said.retract else content,
            "concerns": [self.subjects[name] for name in said.concerns],
            "causation": said.causation,
            "corrects": corrects,
            "reason": said.retract,
        }
        return {name: value for name, value in line.items() if value is not None}

    def _answered(self, row: Row, answer: Answered) -> None:
        self._label(row, answer.stands)
        if answer.refused is not None:
            remedy = "correct the line, or the record it does not fit"
            self._refuse(row.number, answer.refused.get("field"), answer.refused["reason"], remedy)
        elif row.command not in self.seen:
            self.report.facts_recorded += answer.facts
            self.report.corrections += answer.corrections
        self.seen.add(row.command)

    def _refuse(self, number: int, column: str | None, reason: str, remedy: str) -> None:
        self.report.refuse_row(Refusal(self.path.name, number, column, "fact", reason, remedy))


def _is_pseudonym(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False
