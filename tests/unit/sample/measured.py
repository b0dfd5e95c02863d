"""The published shares, measured in a return."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache

from carejourney.postcodes import PostcodeDirectory, distance_miles
from tests.unit.sample.made_sample import Cells, Return, day

AUTHORITY = "E08000025"
CARER = ("PLACE", "PL_POST", "URN", "PLACE_PROVIDER")


def measured(told: Return) -> dict[str, float]:
    """Every measured figure by the name of the published one."""
    return dict(_figures(told))


def _figures(told: Return) -> Iterator[tuple[str, float]]:
    for part in (_people, _standing, _places, _whereabouts, _stability, _starts, _ends, _missing, _health, _leavers):
        yield from part(told)


def _per_cent(rows: Iterable[Cells], test: Callable[[Cells], bool]) -> float:
    found = [test(row) for row in rows]
    return 100 * sum(found) / len(found)


def _is(column: str, *codes: str) -> Callable[[Cells], bool]:
    return lambda row: row[column] in codes


def _aged(told: Return, ages: range) -> Callable[[Cells], bool]:
    return lambda row: told.age(row["CHILD"], told.last) in ages


def _people(told: Return) -> Iterator[tuple[str, float]]:
    in_care = told.looked_after().values()
    bands = {
        "under 1": range(1),
        "aged 1 to 4": range(1, 5),
        "aged 5 to 9": range(5, 10),
        "aged 10 to 15": range(10, 16),
    }
    for name, ages in bands.items() | {("aged 16 and over", range(16, 18))}:
        yield f"in care, {name}", _per_cent(in_care, _aged(told, ages))
    yield "in care, female", _per_cent(in_care, lambda row: told.header()[row["CHILD"]]["SEX"] == "F")
    unaccompanied = {row["CHILD"] for row in told.table("uasc")}
    yield "in care, unaccompanied", _per_cent(in_care, lambda row: row["CHILD"] in unaccompanied)


def _standing(told: Return) -> Iterator[tuple[str, float]]:
    in_care = told.looked_after().values()
    for code in ("C2", "C1", "E1", "V2"):
        yield f"under {code}", _per_cent(in_care, _is("LS", code))
    for code in ("N1", "N5", "N8", "N4"):
        yield f"need {code}", _per_cent(in_care, _is("CIN", code))


def _places(told: Return) -> Iterator[tuple[str, float]]:
    in_care = told.looked_after().values()
    kinds = {
        "in foster care": [f"U{number}" for number in range(1, 7)],
        "in secure or children's homes": ("K1", "K2"),
        "in supported accommodation": ("K3", "H5"),
        "with parents": ["P1"],
        "placed for adoption": ["A3", "A4", "A5", "A6"],
    }
    for name, codes in kinds.items():
        yield name, _per_cent(in_care, _is("PLACE", *codes))
    for name, code in {"the authority's own": "PR1", "private": "PR4", "voluntary": "PR5"}.items():
        yield f"with {name} provision", _per_cent(in_care, _is("PLACE_PROVIDER", code))


@cache
def _directory() -> PostcodeDirectory:
    return PostcodeDirectory.load()


def _miles(row: Cells) -> float:
    home, placement = _directory().locate(row["HOME_POST"]), _directory().locate(row["PL_POST"])
    assert home
    assert placement
    return distance_miles(home, placement)


def _outside(row: Cells) -> bool:
    placement = _directory().locate(row["PL_POST"])
    return placement is not None and placement.authority != AUTHORITY


def _whereabouts(told: Return) -> Iterator[tuple[str, float]]:
    in_care = told.looked_after().values()
    yield "placed outside the authority", _per_cent(in_care, _outside)
    yield "placed over 20 miles from home", _per_cent(in_care, lambda row: row["HOME_POST"] != "" and _miles(row) > 20)
    yield "distance not known", _per_cent(in_care, lambda row: not row["HOME_POST"])


def _placements(rows: Iterable[Cells]) -> int:
    lasting = [tuple(row[column] for column in CARER) for row in rows if not row["PLACE"].startswith("T")]
    return sum(now != before for before, now in zip([(), *lasting], lasting, strict=False))


def _stability(told: Return) -> Iterator[tuple[str, float]]:
    in_care, episodes = told.looked_after().values(), told.episodes()
    workers: Mapping[str, int] = Counter(
        child for child, _ in {(row["CHILD"], row["SW_ID"]) for row in told.table("sw_episodes")}
    )
    yield (
        "three or more placements in the year",
        _per_cent(in_care, lambda row: _placements(episodes[row["CHILD"]]) >= 3),
    )
    yield "three or more social workers in the year", _per_cent(in_care, lambda row: workers[row["CHILD"]] >= 3)


def _starts(told: Return) -> Iterator[tuple[str, float]]:
    starts = [row for row in told.table("episodes") if row["RNE"] == "S" and day(row["DECOM"]) >= told.first]
    yield "starting in the year, of those in care", 100 * len(starts) / len(told.looked_after())
    for name, code in {"V2": "V2", "C1": "C1", "police protection": "L1"}.items():
        yield f"starting under {name}", _per_cent(starts, _is("LS", code))
    yield "starting under 1", _per_cent(starts, lambda row: told.age(row["CHILD"], day(row["DECOM"])) == 0)
    yield "starting at 16 and over", _per_cent(starts, lambda row: told.age(row["CHILD"], day(row["DECOM"])) >= 16)


def _ends(told: Return) -> Iterator[tuple[str, float]]:
    ends = [row for row in told.table("episodes") if row["REC"] not in {"", "X1"}]
    yield "ceasing in the year, of those in care", 100 * len(ends) / len(told.looked_after())
    reasons = {
        "by adoption": {"E11", "E12"},
        "by special guardianship": {"E45", "E46", "E47", "E48"},
        "by return home": {"E4A", "E4B"},
        "at 18 with the same carers": {"E17"},
    }
    for name, codes in reasons.items():
        yield f"ceasing {name}", _per_cent(ends, _is("REC", *codes))


def _missing(told: Return) -> Iterator[tuple[str, float]]:
    incidents = Counter(row["CHILD"] for row in told.table("missing") if row["MISSING"] == "M")
    yield "missing in the year, of all looked after", 100 * len(incidents) / len(told.episodes())
    yield "incidents for each child missing (number)", sum(incidents.values()) / len(incidents)


def _health(told: Return) -> Iterator[tuple[str, float]]:
    rows = told.table("oc2")
    items = {
        "health assessment in the year": "HEALTH_ASSESSMENT",
        "immunisations up to date": "IMMUNISATIONS",
        "teeth checked": "TEETH_CHECK",
    }
    for name, column in items.items():
        yield name, _per_cent(rows, _is(column, "1"))
    scores = [
        int(row["SDQ_SCORE"]) for row in rows if row["SDQ_SCORE"] and 5 <= told.age(row["CHILD"], told.last) <= 16
    ]
    yield "average difficulties score (points)", sum(scores) / len(scores)


def _leavers(told: Return) -> Iterator[tuple[str, float]]:
    grown = [row for row in told.table("oc3") if 19 <= told.age(row["CHILD"], told.last) <= 21]
    counted = [row for row in grown if row["IN_TOUCH"] not in {"DIED", "RHOM"}]
    yield "care leavers 19 to 21 in education or work", _per_cent(counted, lambda row: row["ACTIV"][0] in "FP")
    yield "care leavers 19 to 21 in suitable housing", _per_cent(counted, lambda row: row["ACCOM"].endswith("1"))
    yield "care leavers 19 to 21, of those in care", 100 * len(grown) / len(told.looked_after())
