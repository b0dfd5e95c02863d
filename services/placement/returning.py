"""What a return states about one child, in the tables that placement owns (SSDA903)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from carejourney.commands import Decided, State
from carejourney.reconcile import Reconciliation, Wanted, same
from carejourney.restating import Matched, day_of, match, year_bounds
from carejourney.standing import Standing
from carejourney.statements import Findings, Line
from carejourney.yearly import flag, settled, want_year
from events.correction import FactCorrected, FactRetracted
from events.missing import ChildReturned, ChildWentMissing
from events.placement import (
    AdoptionDecided,
    AdoptionDecisionCeased,
    AdoptionRecorded,
    ChildDetailsRecorded,
    ConvictionRecorded,
    DeprivationOfLibertyEnded,
    DeprivationOfLibertyStarted,
    EpisodeEnded,
    EpisodeStarted,
    OpenEpisodeReasonStated,
    PreviousPermanenceRecorded,
    UnaccompaniedStatusRecorded,
)
from services.placement.episodes import (
    Episode,
    Known,
    Places,
    ends_before_it_begins,
    episode_of,
    known_episodes,
    want_episodes,
)
from services.placement.later_years import REASON, RULE, contradicts, said_later, with_later_word

SEXES = {"1": "M", "2": "F"}
VANISHED = "a row stated before is not in this return"


def key_of(fact: Standing) -> tuple[object, ...]:
    """The key of each of placement's facts: what makes it the same fact when it is stated again."""
    data = fact.data
    if fact.type in _ONCE:
        return (fact.type,)
    if fact.type == ConvictionRecorded.wire:
        return (fact.type, data.get("year"))
    for link in ("episode", "incident", "order", "decision"):
        if data.get(link):
            return (fact.type, data[link])
    return (fact.type, fact.id)


_ONCE = frozenset(cls.wire for cls in (ChildDetailsRecorded, UnaccompaniedStatusRecorded, PreviousPermanenceRecorded))


def reconciliation(state: State) -> Reconciliation:
    return Reconciliation(state.subject, state.own, key_of, corrected=FactCorrected, retracted=FactRetracted)


def state_return(state: State, line: Line, findings: Findings, places: Places) -> Decided:
    """All of placement's tables of one child in one return."""
    statement = _Statement(state, line, findings, reconciliation(state))
    for table, take in _TABLES.items():
        if table in line.tables:
            take(statement, line.tables[table])
    if "episodes" in line.tables:
        _episodes(statement, line.tables["episodes"], places)
    return settled(statement.record)


@dataclass(frozen=True)
class _Statement:
    """One child's line, and the record it is to change."""

    state: State
    line: Line
    findings: Findings
    record: Reconciliation

    @property
    def year(self) -> int:
        return self.line.year or 0

    @property
    def bounds(self) -> tuple[str, str]:
        return year_bounds(self.year)

    def of_this_return(self, table: str, fact: Standing) -> bool:
        """Whether a fact was stated by the return of the same year, whose table says all there is of the child."""
        return self.line.whole(table) and fact.stated_in == f"ssda903/{self.year}"

    def in_this_year(self, table: str, start: str, end: str | None) -> bool:
        """Whether what began and ended then lies, in part, in the year of a table that says all of the child."""
        first, after = self.bounds
        return self.line.whole(table) and start < after and (end is None or end >= first)

    def beyond(self, ending: tuple[object, ...]) -> bool:
        """Whether a known end lies after the year of this return and was said elsewhere: it cannot state it."""
        end = self.record.standing(ending)
        if end is None or end.effective is None or end.stated_in == f"ssda903/{self.year}":
            return False
        return day_of(end.effective) >= self.bounds[1]

    def vanished(self, table: str, row: tuple[object, ...], *following: tuple[object, ...]) -> bool:
        """Flag what is no longer stated. Retract it where a complete return of the same year stated it before.

        `row` and `following` are keys of the facts that a row became; gives whether they were retracted.
        """
        self.findings.flag(table, None, "CHILD", "vanished", VANISHED)
        stood = self.record.standing(row)
        if not self.line.complete or stood is None or not self.of_this_return(table, stood):
            return False
        for key in (row, *following):
            self.record.drop(key, "no longer in the complete return")
        return True

    def want(self, table: str, row: Mapping[str, Any], key: tuple[object, ...], wanted: Wanted) -> None:
        """Want what a row states, unless the return of a later year has said otherwise."""
        stands = self.record.standing(key)
        if not said_later(stands, self.year):
            self.record.want(key, wanted)
        elif stands and not same(stands, wanted):
            self.findings.flag(table, row, "CHILD", RULE, REASON)

    def single(self, table: str, rows: list[dict[str, Any]], make: Callable[[dict[str, Any]], Any]) -> None:
        """A table with at most one row a child, whose fact has no day."""
        for row in rows:
            body = make(row)
            self.want(table, row, (body.wire,), Wanted(body, None, stated=True))
        known = self.record.standing((_SINGLE[table],))
        if not rows and known is not None and self.of_this_return(table, known):
            self.vanished(table, (known.type,))


_SINGLE = {
    "header": ChildDetailsRecorded.wire,
    "uasc": UnaccompaniedStatusRecorded.wire,
    "prev_perm": PreviousPermanenceRecorded.wire,
}


def _header(statement: _Statement, rows: list[dict[str, Any]]) -> None:
    statement.single(
        "header",
        rows,
        lambda row: ChildDetailsRecorded(
            sex=SEXES.get(row["sex"], row["sex"]),
            date_of_birth=row["dob"],
            ethnicity=row.get("ethnic"),
            mother=flag(row.get("mother")),
            mother_child_born_on=row.get("mc_dob"),
        ),
    )


def _uasc(statement: _Statement, rows: list[dict[str, Any]]) -> None:
    statement.single("uasc", rows, lambda row: UnaccompaniedStatusRecorded(ceased_on=row.get("duc")))


def _previous_permanence(statement: _Statement, rows: list[dict[str, Any]]) -> None:
    statement.single(
        "prev_perm",
        rows,
        lambda row: PreviousPermanenceRecorded(
            previous_permanence=row["prev_perm"], authority_then=row.get("la_perm"), ordered_on=row.get("date_perm")
        ),
    )


def _conviction(statement: _Statement, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        if row.get("convicted") is not None:
            want_year(
                statement.record, ConvictionRecorded(year=statement.year, convicted=flag(row["convicted"]) is True)
            )
        else:
            statement.record.drop((ConvictionRecorded.wire, statement.year), "the cell is blank now")
    key = (ConvictionRecorded.wire, statement.year)
    if not rows and statement.line.whole("oc2") and statement.record.standing(key):
        statement.vanished("oc2", key)


@dataclass(frozen=True, slots=True)
class _Span:
    """A row that begins on a day and may end on one."""

    start: str
    end: str | None
    cells: tuple[object, ...]
    row: Mapping[str, Any]


@dataclass(frozen=True)
class _SpanTable:
    """How a table of spans becomes a starting and an ending fact."""

    name: str
    starts: Any
    ends: Any
    link: str
    start: str
    end: str
    start_cells: Mapping[str, str]
    end_cells: Mapping[str, str]


def _spans(statement: _Statement, rows: list[dict[str, Any]], table: _SpanTable) -> None:
    known = _known_spans(statement.state.own, table)
    stated = [_span(row, table) for row in rows]
    good = [span for span in stated if not _refused(statement, table, span)]
    whole = len(good) == len(stated)
    origin = {f.id: statement.of_this_return(table.name, f) for f in statement.state.own}
    matched = match(
        known,
        good,
        key=lambda s: day_of(s.start),
        cells=lambda s: (day_of(s.start), day_of(s.end) if s.end else None, *s.cells),
        expected=lambda i: whole and (origin[i] or statement.in_this_year(table.name, known[i].start, known[i].end)),
    )
    for identity, span in matched.pairs:
        _want_span(statement, table, identity, span, known[identity])
    for span in matched.new:
        _want_span(statement, table, statement.record.fresh(table.starts.wire), span, None)
    for identity in matched.gone:
        statement.vanished(table.name, (table.starts.wire, identity), (table.ends.wire, identity))


def _span(row: dict[str, Any], table: _SpanTable) -> _Span:
    cells = tuple(row.get(c) for c in (*table.start_cells.values(), *table.end_cells.values()))
    return _Span(row[table.start], row.get(table.end), cells, row)


def _refused(statement: _Statement, table: _SpanTable, span: _Span) -> bool:
    if span.end is None or span.end >= span.start:
        return False
    statement.findings.refuse(
        table.name, span.row, table.end, "date before another date", "ends before it begins", "correct one of the days"
    )
    return True


def _known_spans(own: Any, table: _SpanTable) -> dict[str, _Span]:
    ends = {f.data[table.link]: f for f in own if f.type == table.ends.wire and not f.retracted}
    spans = {}
    for fact in own:
        if fact.type == table.starts.wire and not fact.retracted:
            end = ends.get(fact.id)
            cells = tuple(fact.data.get(f) for f in table.start_cells) + tuple(
                end.data.get(f) if end else None for f in table.end_cells
            )
            spans[fact.id] = _Span(fact.effective or "", end.effective if end else None, cells, {})
    return spans


def _same_day(known: str | None, stated: str) -> str:
    """A known instant is kept where the return's day is the same: a return is never more exact."""
    return known if known is not None and day_of(known) == stated else stated


def _want_span(statement: _Statement, table: _SpanTable, identity: str, span: _Span, known: _Span | None) -> None:
    record = statement.record
    start = table.starts(**{field: span.row.get(cell) for field, cell in table.start_cells.items()})
    began = _same_day(known.start if known else None, span.start)
    statement.want(table.name, span.row, (start.wire, identity), Wanted(start, began, stated=True))
    if span.end is not None:
        end = table.ends(**{table.link: identity}, **{f: span.row.get(c) for f, c in table.end_cells.items()})
        ended = _same_day(known.end if known else None, span.end)
        statement.want(table.name, span.row, (end.wire, identity), Wanted(end, ended, stated=True))
    elif known is not None and known.end is not None and not statement.beyond((table.ends.wire, identity)):
        record.drop((table.ends.wire, identity), "the end is no longer stated")


_MISSING = _SpanTable(
    "missing", ChildWentMissing, ChildReturned, "incident", "mis_start", "mis_end", {"kind": "missing"}, {}
)
_DOLO = _SpanTable(
    "dolo", DeprivationOfLibertyStarted, DeprivationOfLibertyEnded, "order", "dolo_start", "dolo_end", {}, {}
)
_PLACED = _SpanTable(
    "placed_adoption", AdoptionDecided, AdoptionDecisionCeased, "decision", "date_placed", "date_placed_ceased",
    {}, {"reason": "reason_placed_ceased"},
)  # fmt: skip


def _adoptions(statement: _Statement, rows: list[dict[str, Any]]) -> None:
    record = statement.record
    known = {
        f.id: (f.effective or "", tuple(sorted(f.data.items())))
        for f in statement.state.own
        if f.type == AdoptionRecorded.wire and not f.retracted
    }
    stated = [_adoption(row) for row in rows]
    origin = {f.id: statement.of_this_return("ad1", f) for f in statement.state.own}
    matched = match(
        known,
        [(day, tuple(sorted(body.model_dump(mode="json").items()))) for day, body in stated],
        key=lambda r: dict(r[1]).get("decided_on"),
        cells=lambda r: (r[0], *(value for _, value in r[1])),
        expected=lambda i: origin[i],
    )
    for identity, (day, content) in matched.pairs:
        body = AdoptionRecorded(**dict(content))
        record.want((body.wire, identity), Wanted(body, day, stated=True))
    for day, content in matched.new:
        body = AdoptionRecorded(**dict(content))
        record.want((body.wire, record.fresh(body.wire)), Wanted(body, day, stated=True))
    for identity in matched.gone:
        statement.vanished("ad1", (AdoptionRecorded.wire, identity))


def _adoption(row: dict[str, Any]) -> tuple[str, AdoptionRecorded]:
    return row["date_match"], AdoptionRecorded(
        decided_on=row["date_int"],
        by_former_carer=row["foster_care"],
        number_of_adopters=row["nb_adoptr"],
        sex_of_adopters=row["sex_adoptr"],
        legal_status_of_adopters=row["ls_adoptr"],
    )


_TABLES: dict[str, Callable[[_Statement, list[dict[str, Any]]], None]] = {
    "header": _header,
    "uasc": _uasc,
    "prev_perm": _previous_permanence,
    "oc2": _conviction,
    "ad1": _adoptions,
    "missing": lambda statement, rows: _spans(statement, rows, _MISSING),
    "dolo": lambda statement, rows: _spans(statement, rows, _DOLO),
    "placed_adoption": lambda statement, rows: _spans(statement, rows, _PLACED),
}


def _episodes(statement: _Statement, rows: list[dict[str, Any]], places: Places) -> None:
    findings = statement.findings
    known = known_episodes(statement.state.own)
    good: list[Episode] = []
    for row in rows:
        episode = episode_of(row)
        if ends_before_it_begins(episode):
            findings.refuse(
                "episodes", row, "DEC", "date before another date", "the episode ends before it begins",
                "correct DECOM or DEC",
            )  # fmt: skip
        else:
            good.append(episode)
    matched = _matched(statement, known, good, whole=len(good) == len(rows))
    pairs = [(identity, _completed(statement, identity, known[identity], row)) for identity, row in matched.pairs]
    after = {**known, **dict(pairs)}
    for episode in matched.new:
        after[statement.record.fresh(EpisodeStarted.wire)] = episode
    _vanished_episodes(statement, matched.gone, after)
    _drop_ends(statement, pairs, known)

    def question(episode: Episode, column: str, rule: str, reason: str) -> None:
        if episode.ref is not None:
            findings.flag("episodes", {"ref": episode.ref}, column, rule, reason)

    want_episodes(statement.record, after.items(), places, question)


def _matched(
    statement: _Statement, known: dict[str, Episode], stated: list[Episode], *, whole: bool
) -> Matched[Episode]:
    """A row that was refused may be any known one: then nothing is joined by likeness, and nothing has vanished."""
    origin = {f.id: statement.of_this_return("episodes", f) for f in statement.state.own}
    return match(
        known,
        stated,
        key=lambda e: e.decom,
        cells=Episode.cells,
        expected=lambda i: whole and (origin[i] or statement.in_this_year("episodes", known[i].decom, known[i].dec)),
    )


def _vanished_episodes(statement: _Statement, gone: list[str], after: dict[str, Episode]) -> None:
    for identity in gone:
        row = (EpisodeStarted.wire, identity)
        ends = ((wire, identity) for wire in (EpisodeEnded.wire, OpenEpisodeReasonStated.wire))
        if statement.vanished("episodes", row, *ends):
            del after[identity]


def _completed(statement: _Statement, identity: str, known: Episode, row: Episode) -> Episode:
    """The row with what a return does not hold: the manner of a move, an end after its year, a later year's word."""
    stated, row = row, with_later_word(identity, known, row, statement.state.own, statement.year)
    if contradicts(stated, row):
        statement.findings.flag("episodes", {"ref": row.ref}, "CHILD", RULE, REASON)
    if row.dec is None and statement.beyond((EpisodeEnded.wire, identity)):
        row = replace(row, dec=known.dec, rec=known.rec, reason_place_change=known.reason_place_change)
    return replace(row, manner=known.manner)


def _drop_ends(statement: _Statement, pairs: list[Known], known: dict[str, Episode]) -> None:
    """An end, or a reason on an open episode, that was stated and no longer is, was never so."""
    for identity, row in pairs:
        if row.dec is None and known[identity].dec is not None:
            statement.record.drop((EpisodeEnded.wire, identity), "the end is no longer stated")
        if row.dec is None and not (row.rec or row.reason_place_change):
            statement.record.drop((OpenEpisodeReasonStated.wire, identity), "the reason is no longer stated")
