"""Education: what an import states of a child's unique pupil number and enrolments."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final, get_args

from carejourney.commands import Decided, State
from carejourney.reconcile import Reconciliation, Wanted
from carejourney.restating import Matched, match, stated_year
from carejourney.standing import Standing
from carejourney.stated import Stated
from carejourney.statements import Findings, Line
from carejourney.yearly import settled
from events.codes import UPN_UNKNOWN
from events.education import SchoolChanged, SchoolChangeReason, UpnRecorded
from events.event import URN_PATTERN
from events.strictness import SEALED
from services.education.domain import FURTHEST_AHEAD
from services.education.enrolments import (
    Enrolment,
    drop_enrolment,
    ending,
    known_enrolments,
    new_enrolment,
    reconciliation,
    retracted_enrolments,
    want_enrolments,
)

REASONS: Final = get_args(SchoolChangeReason)
HEADER, TABLE = "header", "enrolments"
UPN: Final = (UpnRecorded.wire,)
_URN: Final = re.compile(URN_PATTERN)
LONGEST_NAME: Final = 200

Row = dict[str, Any]


def state_return(state: State, line: Line, findings: Findings) -> Decided:
    """The unique pupil number of the child's header row (SSDA903 Header UPN)."""
    record, rows, year = reconciliation(state), line.tables.get(HEADER), line.year or 0
    for row in rows or ():
        body = _number(row.get("upn"))
        stands = record.standing(UPN)
        if body is None:
            continue
        findings.stated.note(year, HEADER, record.id_of(UPN))
        if line.year and record.said_later(line.year, UPN) and not (stands and _says(stands, body)):
            findings.flag(
                HEADER, row, "UPN", "older_return", "differs from what a later year's return states, which stands"
            )
        else:
            record.want(UPN, Wanted(body, None, stated=True))
    if rows == [] and line.complete and line.whole(HEADER):
        _take_back(record, year, findings.stated)
    return settled(record)


def _take_back(record: Reconciliation, year: int, stated: Stated) -> None:
    """Retract the number with its row, which the service that owns the rest of it flags.

    Unless the return did not state it, or a later year's, a file of enrolments or a person has said so too.
    """
    stands = record.standing(UPN)
    if stands is None or stated_year(stands) is None or not stated.before(year, HEADER, stands):
        return
    if not (record.said_later(year, UPN) or stated.later(year, stands.id)):
        record.drop(UPN, "not_in_return")
        stated.forget(year, HEADER, stands.id)


def _number(cell: object) -> UpnRecorded | None:
    text = str(cell).strip().upper() if cell is not None else ""
    if not text:
        return None
    return UpnRecorded(unknown_because=text) if UPN_UNKNOWN.known(text) else UpnRecorded(upn=text)


def _says(fact: Standing, body: UpnRecorded) -> bool:
    return (fact.data.get("upn"), fact.data.get("unknown_because")) == (body.upn, body.unknown_because)


def state_enrolments(state: State, line: Line, findings: Findings) -> Decided:
    """All enrolments that a file states of one child.

    What a row changes is a correction, an end filled in is a new fact, a row that vanished is flagged and, where the
    file is complete, retracted. What a person recorded is never taken back by a file that says nothing of it.
    """
    rows = line.tables.get(TABLE)
    if rows is None:
        return Decided()
    record = reconciliation(state)
    stated = _readable(rows, state, findings)
    known = known_enrolments(state.own)
    # Where a row of the child could not be read, nothing can be said of the rows that are not there.
    whole = line.whole(TABLE) and len(stated) == len(rows)
    imported = {f.id for f in state.own if f.type == SchoolChanged.wire and f.origin == "import" and whole}
    matched = match(known, stated, lambda e: (e.start, e.urn), _cells, lambda identity: identity in imported)
    dropped = _vanished(matched, findings, drop=line.complete)
    wanted = {i: one for i, one in known.items() if i not in dropped}
    wanted |= {i: _with_end(record, i, one, known[i], findings) for i, one in matched.pairs}
    again = retracted_enrolments(state.own)
    wanted |= {again.get((one.start, one.urn)) or new_enrolment(record): one for one in matched.new}
    for identity in dropped:
        drop_enrolment(record, identity, "not_in_return")
    want_enrolments(record, wanted)
    _flag_overlaps(stated, findings)
    _number_of(rows, record, findings)
    return settled(record)


def _cells(one: Enrolment) -> Sequence[object]:
    """What makes two rows alike: their days count double, for a child may well come back to a school."""
    return (one.start, one.start, one.until, one.until, one.urn, one.reason)


def _vanished(matched: Matched[Enrolment], findings: Findings, *, drop: bool) -> list[str]:
    for _ in matched.gone:
        findings.flag(TABLE, None, "FROM", "vanished", "an enrolment stated before is not in this file")
    return matched.gone if drop else []


def _with_end(
    record: Reconciliation, identity: str, stated: Enrolment, known: Enrolment, findings: Findings
) -> Enrolment:
    """The stated row; where it has no end and the end that stands was not stated by an import, that one."""
    left = record.standing(ending(identity))
    if stated.until is not None or left is None or left.origin == "import":
        return stated
    findings.flag(TABLE, {"ref": stated.ref}, "UNTIL", "left", "the file states no end, but one has been recorded here")
    return replace(stated, until=known.until, follows=known.follows)


def _flag_overlaps(stated: Iterable[Enrolment], findings: Findings) -> None:
    latest: Enrolment | None = None
    for one in sorted(stated, key=lambda e: e.start):
        if latest and (latest.until is None or one.start < latest.until):
            findings.flag(TABLE, {"ref": one.ref}, "FROM", "overlap", "begins before the enrolment before it ends")
        if latest is None or (latest.until is not None and (one.until is None or one.until > latest.until)):
            latest = one


def _number_of(rows: Iterable[Row], record: Reconciliation, findings: Findings) -> None:
    """The numbers that rows carry: recorded where none is, questioned where they differ."""
    stands = record.standing(UPN)
    first: UpnRecorded | None = None
    for row in rows:
        body = _number(row.get("upn"))
        if body is None:
            continue
        first = first or body
        if not (_says(stands, body) if stands else body == first):
            findings.flag(
                TABLE, row, "UPN", "upn_differs", "differs from the unique pupil number recorded, which stands"
            )
    if stands is None and first is not None:
        record.want(UPN, Wanted(first, None, stated=True))


def _readable(rows: Iterable[Row], state: State, findings: Findings) -> list[Enrolment]:
    found: dict[tuple[str, str], Enrolment] = {}
    for row in rows:
        one = _enrolment(row, state, findings)
        if one is None:
            continue
        if (one.start, one.urn) in found:
            findings.refuse(
                TABLE, row, "FROM", "duplicate row", "repeats a row of this child", "remove one of the rows"
            )
            continue
        found[one.start, one.urn] = one
    return list(found.values())


def _enrolment(row: Row, state: State, findings: Findings) -> Enrolment | None:
    """One row as an enrolment; None where it was refused."""
    start, until = _day(row.get("from")), _day(row.get("until"))
    urn, school = _text(row.get("urn")), _text(row.get("school"))
    reason = _text(row.get("reason")).lower().replace(" ", "_") or "other"
    fault = _fault(row, state, start, until, urn, school, reason)
    if fault:
        findings.refuse(TABLE, row, *fault)
        return None
    if not school:
        findings.flag(TABLE, row, "SCHOOL", "school_name", "is blank: the school is shown by its number")
    return Enrolment(urn, school or urn, str(start), until, reason, ref=row.get("ref"))  # type: ignore[arg-type]


def _fault(
    row: Row, state: State, start: str | None, until: str | None, urn: str, school: str, reason: str
) -> tuple[str, str, str, str] | None:
    """Column, class of the value, reason and remedy of what cannot be read or cannot be true."""
    furthest = (state.now.date() + FURTHEST_AHEAD).isoformat()
    for column, value in (("FROM", start), ("UNTIL", until)):
        if value is None and (column == "FROM" or row.get("until")):
            return (column, "not a date", "is not a date of the calendar", "write the date as dd/mm/yyyy")
        if value and value > furthest:
            return (column, "date in the future", "is more than a year ahead", "correct the date")
    if start and until and until < start:
        return ("UNTIL", "end before start", "is before FROM", "correct one of the two dates")
    if not _URN.fullmatch(urn):
        return (
            "URN",
            "not an identifier",
            "is not up to nine digits with up to three letters before them",
            "state the school's number",
        )
    if len(school) > LONGEST_NAME:
        return ("SCHOOL", "over-long field", f"is longer than {LONGEST_NAME} characters", "shorten the name")
    if school.startswith(SEALED):
        return ("SCHOOL", "not plain text", "begins as what is sealed does", "state the school's name")
    if reason not in REASONS:
        return ("REASON", "unknown reason", "is not a reason that is known", f"use one of: {', '.join(REASONS)}")
    return None


def _day(cell: object) -> str | None:
    try:
        return date.fromisoformat(str(cell)).isoformat() if cell else None
    except ValueError:
        return None


def _text(cell: object) -> str:
    return "" if cell is None else str(cell).strip()
