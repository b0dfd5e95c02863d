"""What a subscriber says it holds as true, against what it should: each difference with its plain reason."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from carejourney.envelope import CORRECTED, CORRECTIONS, RETRACTED
from carejourney.kit.cases import Case, Held, holds, known
from carejourney.kit.records import KitRecord


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong in a case: the line it is about, and why."""

    case: str
    says: str
    fact: str | None = None
    type: str | None = None

    def as_json(self) -> dict[str, str | None]:
        """All of it, for a program."""
        return {"case": self.case, "type": self.type, "fact": self.fact, "says": self.says}


def lines_of(printed: str) -> list[dict[str, Any]]:
    """The lines that say what is held: JSON objects that name a `fact`. What else is printed does not matter."""
    found = (_parsed(line) for line in printed.splitlines() if line.startswith("{"))
    return [line for line in found if isinstance(line, dict) and isinstance(line.get("fact"), str)]


def _parsed(line: str) -> object:
    try:
        parsed: object = json.loads(line)
    except ValueError:
        return None
    return parsed


@dataclass
class Judge:
    """Judges round after round: in each some records are sent, and the subscriber prints all that it holds."""

    sent: list[KitRecord] = field(default_factory=list)
    _held: set[str] = field(default_factory=set)

    def judge(self, case: Case, printed: str) -> list[Finding]:
        """What is wrong after this case, in the order of the facts."""
        self.sent += case.records
        expected, said = holds(self.sent), lines_of(printed)
        findings = [
            *self._twice(case, said),
            *self._missing(case, expected, {line["fact"] for line in said}),
            *self._differing(case, expected, said),
        ]
        self._held = {line["fact"] for line in said}
        return findings

    def _twice(self, case: Case, said: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
        for fact, times in Counter(line["fact"] for line in said).items():
            if times > 1:
                often = sum(record.id == fact for record in self.sent)
                why = f"it was delivered {often} times, with the same id" if often > 1 else "it was delivered once"
                yield self._finding(case, fact, f"held {times} times: {why}")

    def _missing(self, case: Case, expected: Mapping[str, Held], said: set[str]) -> Iterator[Finding]:
        for fact in expected:
            if fact in said:
                continue
            if fact in self._held:
                yield self._finding(case, fact, "was held before the restart, and is not any more")
            else:
                yield self._finding(case, fact, f"is not held{self._after(fact)}")

    def _after(self, fact: str) -> str:
        """What in the stream may have stopped the subscriber before a fact, or made it pass it over."""
        place = next(n for n, record in enumerate(self.sent) if record.id == fact)
        one = self.sent[place]
        before = [record for record in self.sent[:place] if record.key == one.key and not known(record)]
        if "hologram" in one.value:
            return ": a field that is new must not make you drop the fact"
        if before:
            return f": it comes after {before[-1].headers['ce_dataschema']}, which is to be passed over, not stopped at"
        if any(record.version > one.version for record in self.sent[:place] if self._beside(record, one)):
            return ": it came late, and fills a gap in streamversion"
        corrected = any(record.value.get("corrects") == fact for record in self.sent)
        return ": it was corrected, not taken back" if corrected else ""

    @staticmethod
    def _beside(one: KitRecord, other: KitRecord) -> bool:
        return (one.key, one.topic) == (other.key, other.topic)

    def _differing(
        self, case: Case, expected: Mapping[str, Held], said: Iterable[Mapping[str, Any]]
    ) -> Iterator[Finding]:
        strange = {record.id for record in self.sent if not known(record)}
        for line in said:
            if line["fact"] in strange:
                continue
            held = expected.get(line["fact"])
            why = self._stray(line["fact"]) if held is None else self._unlike(held, line)
            if why:
                yield self._finding(case, line["fact"], why)

    def _stray(self, fact: str) -> str:
        record = next((one for one in self.sent if one.id == fact), None)
        if record is None:
            return "no fact with this id was sent"
        if record.type in CORRECTIONS:
            return "a correction is no fact of its own: it says what another fact should have said"
        if self._again(fact):
            return "it was retracted; a second delivery of the statement has brought it back"
        return "it was retracted: the retraction was ignored"

    def _unlike(self, held: Held, line: Mapping[str, Any]) -> str | None:
        said = line.get("data")
        if not isinstance(said, Mapping):
            return "`data` is not an object"
        wrong = sorted(name for name, value in held.data.items() if not _same(said.get(name), value))
        if not wrong and line.get("effective") == held.effective:
            if line.get("subject", held.subject) != held.subject:
                return "it is held of another subject"
            return self._misread(held, line.get("version", 1))
        older = self._older(held.fact, said)
        if older:
            return older
        fields = ", ".join(wrong) or "effective"
        return f"does not say what was said: {fields}"

    def _misread(self, held: Held, version: object) -> str | None:
        """Whether the data are told under a version in which they are not written."""
        if version == held.version:
            return None
        told = "`of_version` of its correction says" if self._changes(held.fact) else "`ce_dataschema` says"
        return f"is told as of version {version}: it is written in version {held.version}, {told}"

    def _older(self, fact: str, said: Mapping[str, Any]) -> str | None:
        """Whether an older statement is held for the newest one."""
        first = next(record for record in self.sent if record.id == fact)
        changes = self._changes(fact)
        if not changes:
            return None
        if any(_says(said, change) for change in changes):
            return "an older correction has undone a newer one: what counts is the order of streamversion"
        if not _says(said, first.value):
            return None
        if self._again(fact):
            return "says what was said first: a second delivery of the statement has undone its correction"
        return "says what was said first: the correction was ignored"

    def _changes(self, fact: str) -> list[Mapping[str, Any]]:
        """The contents that corrections have given a fact, whether they name it or only take it along."""
        names, contents = {fact}, []
        for record in self.sent:
            if record.type not in {CORRECTED, RETRACTED}:
                continue
            if record.value["corrects"] in names:
                names.add(record.id)
                contents.append(record.value.get("replacement"))
            contents += [one.get("replacement") for one in record.value["consequences"] if one["corrects"] == fact]
        return [content for content in contents if content is not None]

    def _again(self, fact: str) -> bool:
        return sum(record.id == fact for record in self.sent) > 1

    def _finding(self, case: Case, fact: str, says: str) -> Finding:
        kind = next((record.type for record in self.sent if record.id == fact), None)
        return Finding(case.name, says, fact, kind)


def _same(said: object, value: object) -> bool:
    """Whether a field says what it should; one that is sealed may be told as forgotten, once it is."""
    forgotten = isinstance(value, str) and value.startswith("sealed.") and said == {"forgotten": True}
    return said == value or forgotten


def _says(said: Mapping[str, Any], content: Mapping[str, Any]) -> bool:
    return all(said.get(name) == value for name, value in content.items())
