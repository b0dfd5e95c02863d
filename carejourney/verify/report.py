"""What a verification found, in a shape that stays."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Final

SHOWN: Final = 1_000


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two parts do not hold the same. Ids are pseudonyms; content is never shown."""

    check: str
    service: str
    detail: str
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    subject: str | None = None
    version: int | None = None
    projection: str | None = None
    column: str | None = None


@dataclass
class Report:
    """`equal` where nothing differs. What is under way is counted and is no difference."""

    topics: list[dict[str, Any]] = field(default_factory=list)
    copies: list[dict[str, Any]] = field(default_factory=list)
    projections: list[dict[str, Any]] = field(default_factory=list)
    parked: list[dict[str, Any]] = field(default_factory=list)
    not_judged: list[str] = field(default_factory=list)
    unpublished: int = 0
    unapplied: int = 0
    differences: list[Difference] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def equal(self) -> bool:
        return not self.counts

    def add(self, check: str, service: str, detail: str, **place: Any) -> None:
        """Note a difference; the first thousand are kept, all are counted."""
        self.counts[check] += 1
        if len(self.differences) < SHOWN:
            self.differences.append(Difference(check, service, detail, **place))

    def as_json(self) -> dict[str, Any]:
        return {
            "equal": self.equal,
            "facts": sum(t["facts"] for t in self.topics),
            "streams": sum(t["streams"] for t in self.topics),
            "unpublished": self.unpublished,
            "unapplied": self.unapplied,
            "topics": self.topics,
            "copies": self.copies,
            "projections": self.projections,
            "parked": self.parked,
            "not_judged": self.not_judged,
            "difference_counts": dict(sorted(self.counts.items())),
            "differences": [asdict(one) for one in self.differences],
        }
