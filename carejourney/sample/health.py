"""Health of children who have been looked after for twelve months (OC2)."""

from datetime import date

from carejourney.sample.chance import Chance
from carejourney.sample.years import CollectionYear
from carejourney.workdays import age_on, birthday

_SCORED = 0.78
_NOT_SCORED = {"SDQ2": 45, "SDQ3": 15, "SDQ4": 25, "SDQ5": 15}
_DIFFICULTIES, _SPREAD, _HIGHEST = 14.8, 7.4, 40
_WITHIN_CHILD = 3.0
_SCHOOL_AGE, _GROWN, _TOO_OLD_FOR_SCORE = 4, 17, 16
_INFANT, _CRIMINAL_AGE, _TEEN = 5, 10, 13
_CONVICTED, _DEVELOPMENT, _IMMUNISED, _DENTIST, _ASSESSED = 0.019, 0.88, 0.84, 0.81, 0.9
_SUBSTANCES = 0.058
_TREATED = 0.41
_OFFERED = 0.76


def difficulties(chance: Chance) -> float:
    """Draw how great a child's difficulties are, on the scale of the questionnaire."""
    return chance.bell(_DIFFICULTIES, _SPREAD)


def outcomes(chance: Chance, born: date, difficulty: float, year: CollectionYear) -> tuple[str, ...]:
    """Return the ten OC2 items from SDQ_SCORE on, as the rules want them for the child's age."""
    age = age_on(born, year.last)
    return (
        *_questionnaire(chance, born, difficulty, year),
        _flag(chance, _CONVICTED) if age >= _CRIMINAL_AGE else "",
        _flag(chance, _DEVELOPMENT) if age < _INFANT else "",
        _flag(chance, _IMMUNISED),
        _flag(chance, _DENTIST),
        _flag(chance, _ASSESSED),
        *_substances(chance, age),
    )


def _questionnaire(chance: Chance, born: date, difficulty: float, year: CollectionYear) -> tuple[str, str]:
    if birthday(born, _SCHOOL_AGE) > year.last or birthday(born, _GROWN) < year.first:
        return "", ""
    if chance.happens(_SCORED):
        score = round(difficulty + chance.bell(0, _WITHIN_CHILD))
        return str(min(_HIGHEST, max(0, score))), ""
    in_range = birthday(born, _SCHOOL_AGE) <= year.first and birthday(born, _TOO_OLD_FOR_SCORE) >= year.last
    return "", chance.pick(_NOT_SCORED) if in_range else "SDQ1"


def _substances(chance: Chance, age: int) -> tuple[str, str, str]:
    if age < _TEEN or not chance.happens(_SUBSTANCES):
        return "0", "", ""
    if chance.happens(_TREATED):
        return "1", "1", ""
    return "1", "0", _flag(chance, _OFFERED)


def _flag(chance: Chance, probability: float) -> str:
    return "1" if chance.happens(probability) else "0"
