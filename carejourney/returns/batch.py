"""One batch on its way: children resolved at the register, columns posted to their owners, answers reported."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple
from uuid import UUID, uuid5

from carejourney import crash
from carejourney.returns import wire
from carejourney.returns.children import WORKER_AT, WORKER_KIND, ChildRows
from carejourney.returns.errors import ImportStoppedError
from carejourney.returns.posting import Desk
from carejourney.returns.reading import KINDS, Reading
from carejourney.returns.report import Flag, ImportReport, Refusal
from carejourney.returns.spool import SpooledRow
from carejourney.returns.tables import PLACEMENT, SERVICES

ABSENT_BATCH: Final = 400
_NOT_IN_HEADER: Final = (
    "the child is not in the table Header and not known to the register",
    "add the child to Header, correct its refused row there, or import the return that names it first",
)
_NOT_REGISTERED: Final = (
    "the child is not known to the register",
    "import the return that names the child first",
)
_SEALED: Final = (
    "the child was adopted and this earlier record is sealed; nothing more is stated in it",
    "leave the child's rows out; a child who is looked after again has a local id of its own",
)


class Order(NamedTuple):
    """What holds for every line of one reading: where it goes, for whom, since when known, and its command ids."""

    path: str
    authority: str
    known_from: str | None
    complete: bool
    command_space: UUID


class _Known(NamedTuple):
    """A child with its subject."""

    subject: str
    child: ChildRows


class Passage:
    """The way of one reading's batches to the services; several batches may be under way at once."""

    def __init__(
        self, order: Order, reading: Reading, report: ImportReport, desk: Desk, workers: dict[str, str]
    ) -> None:
        self._order = order
        self._reading = reading
        self._report = report
        self._desk = desk
        self._workers = workers
        self.seen: set[str] = set()
        self._sealed: set[str] = set()
        present = [(kind, table) for kind, table in enumerate(KINDS) if table.name in reading.tables]
        self._columns = {
            service: {kind: list(table.taken_by(service)) for kind, table in present if service in table.owners()}
            for service in SERVICES
        }

    async def carry(self, batch: Sequence[ChildRows]) -> int:
        """Bring one batch to every service that takes something of it, placement first; return the rows taken."""
        known = await self._resolve_children(batch)
        self.seen.update(one.subject for one in known)
        await self._resolve_workers(batch)
        crash.point("import.after_resolve")
        refused = await self._hand_over(known)
        return sum(len(one.child.rows) for one in known) - refused

    async def carry_absent(self) -> None:
        """Tell the services of the authority's children whom this return does not name at all, so that it shows."""
        subjects = await self._desk.get(PLACEMENT, f"/subjects?authority={self._order.authority}")
        absent = [s for s in wire.subjects_decoder.decode(subjects) if s not in self.seen]
        for at in range(0, len(absent), ABSENT_BATCH):
            nobody = [_Known(s, ChildRows("", [], 0)) for s in absent[at : at + ABSENT_BATCH]]
            await self._hand_over(nobody)

    async def _hand_over(self, known: Sequence[_Known]) -> int:
        refused: set[tuple[str, int]] = set()
        await self._post(PLACEMENT, known, refused)
        crash.point("import.after_placement")
        others = (service for service in SERVICES if service != PLACEMENT)
        async with asyncio.TaskGroup() as group:
            for service in others:
                group.create_task(self._post(service, known, refused))
        self._report.rows_refused += len(refused)
        crash.point("import.after_batch")
        return len(refused)

    async def _resolve_children(self, batch: Sequence[ChildRows]) -> list[_Known]:
        named = [child.local_id for child in batch if child.in_header]
        others = [child.local_id for child in batch if child.rows and not child.in_header]
        subjects = await self._resolve("child", named, create=True)
        subjects |= await self._resolve("child", others, create=False)
        for child in batch:
            if child.local_id not in subjects:
                self._refuse_unknown(child)
        return [_Known(subjects[child.local_id], child) for child in batch if child.local_id in subjects]

    async def _resolve_workers(self, batch: Iterable[ChildRows]) -> None:
        wanted = {worker for child in batch for worker in child.workers()} - self._workers.keys()
        self._workers |= await self._resolve("worker", sorted(wanted), create=True)

    async def _resolve(self, kind: str, local_ids: list[str], *, create: bool) -> dict[str, str]:
        if not local_ids:
            return {}
        ask = wire.Resolve(self._order.authority, kind, local_ids, create)
        answer = await self._desk.post(PLACEMENT, "/subjects/resolve", wire.encoder.encode(ask), "application/json")
        told = wire.resolved_decoder.decode(answer)
        self._sealed.update(told.sealed)
        if create and not told.subjects.keys() | told.sealed >= set(local_ids):
            raise ImportStoppedError("placement did not make a subject for every identifier it was asked for")
        return told.subjects

    def _refuse_unknown(self, child: ChildRows) -> None:
        reason, remedy = _NOT_REGISTERED if self._reading.year is None else _NOT_IN_HEADER
        fault = "unknown child"
        if child.local_id in self._sealed:
            fault, (reason, remedy) = "sealed record", _SEALED
        for row in child.rows:
            place, column = self._reading.files[row.file], KINDS[row.kind].columns[0].name
            self._report.refuse_row(Refusal(place, row.row, column, fault, reason, remedy))

    async def _post(self, service: str, known: Sequence[_Known], refused: set[tuple[str, int]]) -> None:
        columns = self._columns[service]
        if not columns or not known:
            return
        body = b"\n".join(wire.encoder.encode(self._line(service, one, columns)) for one in known)
        answer = await self._desk.post(service, self._order.path, body, wire.MEDIA_TYPE)
        answers = wire.answer_decoder.decode_lines(answer)
        by_subject = {one.subject: one.child for one in known}
        if {answer.subject for answer in answers} != by_subject.keys():
            raise ImportStoppedError(f"{service} did not answer for every child it was sent")
        for one in answers:
            self._take_answer(one, by_subject[one.subject], refused)

    def _line(self, service: str, one: _Known, columns: dict[int, list[tuple[int, str]]]) -> wire.Line:
        tables: dict[str, list[wire.Row]] = {KINDS[kind].name: [] for kind in columns}
        for ref, row in enumerate(one.child.rows, start=1):
            taken = columns.get(row.kind)
            if taken is not None:
                tables[KINDS[row.kind].name].append(self._row(ref, row, taken))
        order = self._order
        partial = self._reading.partial_of(one.child.local_id)
        return wire.Line(
            command_id=str(uuid5(order.command_space, f"{service}/{one.subject}")),
            subject=one.subject,
            authority=order.authority,
            year=self._reading.year,
            known_from=order.known_from,
            complete=order.complete and not partial,
            partial=partial,
            tables=tables,
        )

    def _row(self, ref: int, row: SpooledRow, taken: Sequence[tuple[int, str]]) -> wire.Row:
        content: wire.Row = {"ref": ref}
        for i, name in taken:
            content[name] = row.values[i]
        if row.kind == WORKER_KIND:
            content["sw_id"] = self._workers[str(row.values[WORKER_AT])]
        return content

    def _take_answer(self, answer: wire.Answer, child: ChildRows, refused: set[tuple[str, int]]) -> None:
        self._report.facts_recorded += answer.facts
        self._report.corrections += answer.corrections
        for entry in answer.refused:
            for ref, row in _meant(child, entry):
                refused.add((answer.subject, ref))
                self._report.refused.append(
                    Refusal(*self._place(row, entry), entry.value_class, entry.reason, entry.remedy)
                )
        for flag in answer.flagged:
            place = self._place(_referred(child, flag.ref), flag)
            whose = "" if flag.ref is not None else f" (child {answer.subject})"
            self._report.flagged.append(Flag(*place, flag.rule, flag.reason + whose))

    def _place(
        self, row: SpooledRow | None, entry: wire.ServiceRefusal | wire.ServiceFlag
    ) -> tuple[str, int | None, str | None]:
        column = entry.column.upper() if entry.column else None
        if row is not None:
            return self._reading.files[row.file], row.row, column
        return self._reading.file_of.get(entry.table or "", self._reading.label), None, column


def _referred(child: ChildRows, ref: int | None) -> SpooledRow | None:
    return child.rows[ref - 1] if ref is not None and 0 < ref <= len(child.rows) else None


def _meant(child: ChildRows, entry: wire.ServiceRefusal) -> list[tuple[int, SpooledRow]]:
    """Return the rows a refusal is about: the one it refers to, or all of its table, or all."""
    row = _referred(child, entry.ref)
    if entry.ref is not None:
        return [(entry.ref, row)] if row else []
    numbered = enumerate(child.rows, start=1)
    return [(ref, row) for ref, row in numbered if entry.table in (None, KINDS[row.kind].name)]
