"""What the children of one authority share: homes, agencies, carers' streets, schools and social workers."""

from dataclasses import dataclass
from typing import Self

from carejourney.sample.areas import Areas, Whereabouts, areas_around
from carejourney.sample.chance import Chance
from carejourney.sample.marks import Marks

_CHILDREN_PER_HOME = 20
_CHILDREN_PER_WORKER = 15
_CHILDREN_PER_SCHOOL = 12
_AGENCIES = 14
_FIRST_URN = {"home": 9100000, "agency": 9000000, "school": 900001}
_HOME_PROVIDERS = {"PR4": 82.0, "PR5": 7.0, "PR2": 2.0, "PR1": 9.0}
_SUPPORTED_PROVIDERS = {"PR4": 66.0, "PR5": 20.0, "PR1": 12.0, "PR2": 2.0}
_HOME_AREAS = {Whereabouts.INSIDE: 30.0, Whereabouts.NEAR: 24.0, Whereabouts.FAR: 46.0}
_SCHOOL_AREAS = {Whereabouts.INSIDE: 50.0, Whereabouts.NEAR: 25.0, Whereabouts.FAR: 25.0}
_FIRST_WORDS = (
    "Alderbeck", "Amblestowe", "Birchenholt", "Brackenmere", "Calderwick", "Copperfold", "Dunnockley", "Elmsgarth",
    "Fennimoor", "Foxholt", "Gorsebrook", "Hazelden", "Heronsgate", "Ivelcombe", "Juniper", "Kestrelby", "Larkswood",
    "Lindenfold", "Marlstone", "Nettlecombe", "Oakshaw", "Otterbourne", "Pipitfield", "Quarrybank", "Ravensmoor",
    "Rowanhurst", "Sedgewater", "Skylarkin", "Thistlemere", "Umberleigh", "Violetdale", "Wagtail", "Willowmarsh",
    "Yarrowby",
)  # fmt: skip
_SECOND_WORDS = {
    "primary": ("Primary School", "Community Primary School", "Junior and Infant School", "Church Primary School"),
    "secondary": ("School", "Academy", "High School", "College"),
    "special": ("Special School",),
}
_SECONDARY_FROM = 11
_SPECIAL_SHARE = 5


@dataclass(frozen=True, slots=True)
class Home:
    """A place several children live at: a home or supported accommodation, with a fictitious Ofsted number."""

    urn: str
    provider: str
    postcode: str
    where: Whereabouts


@dataclass(frozen=True, slots=True)
class School:
    """A school that does not exist."""

    urn: str
    name: str
    phase: str
    where: Whereabouts


@dataclass(frozen=True, slots=True)
class World:
    """Everything a generated authority has but its children."""

    marks: Marks
    areas: Areas
    homes: dict[str, list[Home]]
    agencies: dict[str, list[str]]
    schools: dict[tuple[str, Whereabouts], list[School]]
    workers: list[str]
    home_postcodes: frozenset[str]

    @classmethod
    def of(cls, authority: str, children: int, marks: Marks) -> Self:
        """Draw the world of an authority of that size."""
        chance, areas = Chance(marks.draws, "world"), areas_around(authority)
        homes = _homes(chance, areas, children)
        return cls(
            marks=marks,
            areas=areas,
            homes=homes,
            agencies=_agencies(),
            schools=_schools(chance, children),
            workers=[marks.worker(number) for number in range(1, 9 + children // _CHILDREN_PER_WORKER)],
            home_postcodes=frozenset(home.postcode for shared in homes.values() for home in shared),
        )


def _homes(chance: Chance, areas: Areas, children: int) -> dict[str, list[Home]]:
    wanted = {
        "K2": (6 + children // _CHILDREN_PER_HOME, _HOME_PROVIDERS, _HOME_AREAS),
        "K3": (3 + children // (2 * _CHILDREN_PER_HOME), _SUPPORTED_PROVIDERS, {Whereabouts.INSIDE: 1.0}),
        "K1": (2, {"PR2": 1.0}, {Whereabouts.FAR: 1.0}),
        "R3": (3, {"PR4": 1.0}, {Whereabouts.NEAR: 1.0}),
        "S1": (3, {"PR4": 2.0, "PR5": 1.0}, {Whereabouts.FAR: 1.0}),
    }
    homes: dict[str, list[Home]] = {}
    for kind, (count, providers, where) in wanted.items():
        first = _FIRST_URN["home"] + 10_000 * len(homes)
        homes[kind] = [_home(chance, areas, first + number, providers, where) for number in range(count)]
    return homes


def _home(chance: Chance, areas: Areas, urn: int, providers: dict[str, float], where: dict[Whereabouts, float]) -> Home:
    provider = chance.pick(providers)
    # An authority's own homes lie in its own area: the return's rules question anything else.
    area = Whereabouts.INSIDE if provider == "PR1" else chance.pick(where)
    return Home(f"SC{urn}", provider, areas.postcode(chance, area), area)


def _agencies() -> dict[str, list[str]]:
    numbers = [f"SC{_FIRST_URN['agency'] + number}" for number in range(1, _AGENCIES + 1)]
    return {"PR1": numbers[:1], "PR2": numbers[1:2], "PR5": numbers[2:5], "PR4": numbers[5:]}


def _schools(chance: Chance, children: int) -> dict[tuple[str, Whereabouts], list[School]]:
    schools: dict[tuple[str, Whereabouts], list[School]] = {}
    for where, share in _SCHOOL_AREAS.items():
        for phase in _SECOND_WORDS:
            count = 2 + round(
                children / _CHILDREN_PER_SCHOOL * share / 100 / (_SPECIAL_SHARE if phase == "special" else 1)
            )
            schools[phase, where] = [
                School(f"{_FIRST_URN['school'] + len(schools) * 10_000 + number}", _name(chance, phase), phase, where)
                for number in range(count)
            ]
    return schools


def _name(chance: Chance, phase: str) -> str:
    return f"{chance.one(_FIRST_WORDS)} {chance.one(_SECOND_WORDS[phase])}"
