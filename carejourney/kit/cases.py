"""What can happen to a stream, case by case: the records, and what a subscriber then holds as true."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from carejourney.kit.records import Author, KitRecord, Stranger
from carejourney.kit.samples import sample
from carejourney.standing import standing
from carejourney.versions import version_told
from events.catalogue import CATALOGUE
from events.education import ExclusionImposed
from events.families import Correction
from events.placement import ChildDetailsRecorded, SubjectErased
from events.planning import ReviewHeld, SocialWorkerVisitMade

DAY: Final = "2026-05-11"
PLANNING: Final = "care.planning"


@dataclass(frozen=True)
class Case:
    """Records in the order in which they are sent. A case may go on with the subjects of the one before."""

    name: str
    shows: str
    records: tuple[KitRecord, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """A fact that stands: what a subscriber prints of it. `version` is that of its type in which `data` is written."""

    fact: str
    subject: str
    type: str
    version: int
    effective: str | None
    data: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The line that says it."""
        return {name: getattr(self, name) for name in ("fact", "subject", "type", "version", "effective", "data")}


def known(record: KitRecord) -> bool:
    """Whether the catalogue has this type in this version."""
    cls = CATALOGUE.get(record.type)
    return cls is not None and record.written_in <= cls.version


def holds(records: Iterable[KitRecord]) -> dict[str, Held]:
    """What is true once all these records were read, by the id of the first statement of each."""
    read = {record.id: record for record in records if known(record)}
    told = {record.id: record.recorded() for record in read.values()}
    found = {}
    for one in (fact for fact in standing(told.values()) if not fact.retracted):
        record, version = read[one.id], version_told(one, told)
        found[one.id] = Held(
            one.id, record.key, one.type, version or record.written_in, one.effective, dict(one.data)
        )  # fmt: skip
    return found


def cases() -> list[Case]:
    """All of them, in the order in which they are sent."""
    return [case for make in _MAKERS for case in make()]


def _review(participation: str) -> ReviewHeld:
    return ReviewHeld(participation=participation)


def _visit(minutes: int) -> SocialWorkerVisitMade:
    return SocialWorkerVisitMade(seen_alone=True, minutes=minutes, notes="They talked about the summer.")


def _facts() -> list[Case]:
    author = Author("facts")
    born = ChildDetailsRecorded(sex="F", date_of_birth="2012-04-09")  # type: ignore[arg-type] # ISO text is read
    told = [author.states(author.subject(n), born, None) for n in (1, 2, 3)]
    told += [author.states(author.subject(n), _review("PN1"), DAY) for n in (1, 2)]
    told += [author.states(author.subject(1), _visit(40), "2026-03-02")]
    shows = "ordinary facts of three children; one came late, personal fields are sealed"
    return [Case("facts", shows, tuple(told))]


def _corrections() -> list[Case]:
    author = Author("corrections")
    child = author.subject()
    first = author.states(child, _review("PN1"), DAY)
    once = author.corrects(first, first, _review("PN2"), effective=DAY)
    twice = author.corrects(first, once, _review("PN3"), effective="2026-05-12")
    visit = author.states(child, _visit(40), DAY)
    also = author.states(child, _review("PN0"), "2026-04-01")
    moved = author.corrects(visit, visit, _visit(55), (also, _review("PN4")), effective=DAY)
    return [
        Case("corrections", "a fact is corrected, then the correction is; one correction changes two facts",
             (first, once, twice, visit, also, moved)),
    ]  # fmt: skip


def _retractions() -> list[Case]:
    author = Author("retractions")
    child = author.subject()
    gone, back, also = (author.states(child, _review("PN1"), day) for day in (DAY, "2026-05-12", "2026-05-13"))
    taken = author.retracts(gone, gone, (also, None))
    away = author.retracts(back, back)
    again = author.corrects(back, away, _review("PN5"), effective="2026-05-14")
    return [
        Case("retractions", "a fact is retracted and takes another with it; a retraction is itself corrected",
             (gone, back, also, taken, away, again)),
    ]  # fmt: skip


def _duplicates() -> list[Case]:
    author = Author("duplicates")
    child = author.subject()
    first = author.states(child, _review("PN1"), DAY)
    once = author.corrects(first, first, _review("PN2"), effective=DAY)
    twice = author.corrects(first, once, _review("PN3"), effective=DAY)
    visit = author.states(child, _visit(40), DAY)
    longer = author.corrects(visit, visit, _visit(55), effective=DAY)
    gone = author.states(child, _visit(30), DAY)
    away = author.retracts(gone, gone)
    plain = author.states(child, _visit(25), DAY)
    told = (first, once, twice, visit, longer, gone, away, plain)
    return [
        Case("duplicates", "records come twice, older ones after newer ones", (*told, plain, first, once, visit, gone)),
        Case("republished", "all of a child's records come again, the oldest first", told),
    ]


def _gap() -> list[Case]:
    author = Author("gap")
    child = author.subject()
    told = [author.states(child, _review("PN1"), day) for day in ("2026-05-01", "2026-05-02", "2026-05-03")]
    once = author.corrects(told[1], told[1], _review("PN2"), effective="2026-05-02")
    return [
        Case("gap", "a fact does not come, its correction and a later one do", (told[0], told[2], once)),
        Case("gap-filled", "everything is published again, with what did not come", (told[0], told[1], told[2], once)),
    ]  # fmt: skip


def _strange() -> list[Case]:
    author = Author("strange")
    child = author.subject()
    unheard = Stranger("planning.hologram_agreed", 1)
    newer = Stranger("planning.review_held", 9)
    roomy = author.states(child, _review("PN1"), "2026-05-02")
    roomy = KitRecord(roomy.topic, roomy.key, roomy.headers, {**roomy.value, "hologram": {"seen": True}})
    return [
        Case("unknown-type", "a type that no catalogue of today has, and a fact after it",
             (author.says(child, unheard, DAY, PLANNING, {"shape": [1, 2]}), author.states(child, _visit(20), DAY))),
        Case("unknown-field", "a known type with a field that is new, and a fact after it",
             (roomy, author.states(child, _visit(21), DAY))),
        Case("newer-version", "a known type in a version that is yet to come, and a fact after it",
             (author.says(child, newer, DAY, PLANNING, {"who": ["child"]}), author.states(child, _visit(22), DAY))),
    ]  # fmt: skip


def _other_version() -> list[Case]:
    author = Author("other-version")
    child, old = author.subject(), Stranger(ExclusionImposed.wire, 1)
    told = [
        author.says(child, old, day, "care.education", {"kind": "fixed", "days": 2.5, "authority_consulted": None})
        for day in (DAY, "2026-05-20")
    ]
    longer, also = (ExclusionImposed(kind="suspension", sessions=sessions) for sessions in (6, 7))
    once = author.corrects(told[0], told[0], longer, (told[1], also), effective=DAY)
    return [Case("other-version", "facts of version 1 are corrected in version 2: `of_version` says so", (*told, once))]


def _erased() -> list[Case]:
    author = Author("erased")
    child = author.subject()
    told = (
        author.states(child, ChildDetailsRecorded(sex="M", date_of_birth="2013-02-03"), None),  # type: ignore[arg-type]
        author.states(child, _visit(35), DAY),
        author.states(child, SubjectErased(reason="right_to_erasure"), None),
    )
    return [Case("erased", "a child's key is destroyed: sealed fields stay sealed for ever, the rest stays", told)]


def _every_fact() -> list[Case]:
    author = Author("every-fact")
    told = (sample(author, cls) for cls in CATALOGUE.values() if not issubclass(cls, Correction))
    return [Case("every-fact", "one of every type there is", tuple(told))]


_MAKERS: Final[tuple[Callable[[], list[Case]], ...]] = (
    _facts, _corrections, _retractions, _duplicates, _gap, _strange, _other_version, _erased, _every_fact,
)  # fmt: skip
