"""What a writer may not leave to be guessed: numbers, truth values and days are written as such, fields are known ones.

A type alone would read "off" as false, "45" as a number and 0 as a day of 1970; what the writer meant nobody knows.
"""

import re
from collections.abc import Callable
from datetime import date
from functools import cache
from types import UnionType
from typing import Annotated, Any, Final, Literal, Self, Union, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

SEALED: Final = "sealed."
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def kinds_of(annotation: Any) -> frozenset[Any]:
    """The plain types that a value of the annotation may have, `None` left out."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return kinds_of(arguments[0])
    if origin in {Union, UnionType}:
        return frozenset().union(*map(kinds_of, arguments))
    if origin is Literal:
        return frozenset(map(type, arguments))
    return frozenset({annotation}) - {type(None)}


def refuse_guesses(value: Any, kinds: frozenset[Any]) -> None:
    """Raise PydanticCustomError for what could only be guessed to be a value of one of these types."""
    if value is None:
        return
    for kind, (means, reason) in _MEANS.items():
        if kind in kinds and not means(value):
            raise PydanticCustomError("not_as_such", reason)


def refuse_seal(value: Any) -> None:
    """Raise PydanticCustomError for a plain text that would pass for a sealed one."""
    if isinstance(value, str) and value.startswith(SEALED):
        raise PydanticCustomError("looks_sealed", "it may not begin as what is sealed does")


def with_allowed(error: ValidationError, wire: str, allowed: list[str]) -> ValidationError:
    """The same faults; that of a field which does not exist names those that do. Parts have named their own."""
    reason = f"Extra inputs are not permitted: {wire} has {', '.join(allowed) or 'no fields'}"
    faults = [
        InitErrorDetails(
            type=PydanticCustomError(one["type"], reason if _is_unknown(one["type"], one["loc"]) else one["msg"]),
            loc=one["loc"],
            input=one["input"],
        )
        for one in error.errors(include_url=False)
    ]
    return ValidationError.from_exception_data(error.title, faults)


def _is_unknown(kind: str, place: tuple[int | str, ...]) -> bool:
    return kind == "extra_forbidden" and len(place) == 1


def _is_day(value: Any) -> bool:
    return isinstance(value, date) or (isinstance(value, str) and _DAY.fullmatch(value) is not None)


_MEANS: Final[dict[type, tuple[Callable[[Any], bool], Any]]] = {
    bool: (lambda value: isinstance(value, bool), "it must be true or false, not in quotes"),
    int: (lambda value: type(value) is int, "it must be a whole number, not in quotes"),
    float: (lambda value: type(value) in {int, float}, "it must be a number, not in quotes"),
    date: (_is_day, "it must be an ISO day, such as 2026-05-14"),
}


class Strict(BaseModel):
    """What somebody writes: nothing is guessed, and a field that does not exist is refused with those that do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="wrap")
    @classmethod
    def _naming_what_is_allowed(cls, said: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(said)
        except ValidationError as error:
            if all(one["type"] != "extra_forbidden" for one in error.errors()):
                raise
            raise with_allowed(error, getattr(cls, "wire", cls.__name__), list(cls.model_fields)) from error

    @field_validator("*", mode="before")
    @classmethod
    def _as_such(cls, value: Any, info: ValidationInfo) -> Any:
        refuse_guesses(value, cls._kinds()[info.field_name or ""])
        return value

    @classmethod
    @cache
    def _kinds(cls) -> dict[str, frozenset[Any]]:
        return {name: kinds_of(field.annotation) for name, field in cls.model_fields.items()}
