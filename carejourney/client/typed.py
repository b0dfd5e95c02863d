"""A fact's value as its type: tolerant of what a newer writer says, and of what the reader may not read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, Final, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model
from pydantic.fields import FieldInfo

from events.catalogue import CATALOGUE
from events.event import Coded, Fact, Personal

SEALED: Final = "sealed."
# What a content can raise that is not what its version says, on the way to the newest version and as the type.
_UNFIT: Final = (ValidationError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class Sealed(str):
    """A personal field as it travels: text that nobody reads without the key of its subject. It stays the same text."""

    __slots__ = ()

    @property
    def subject(self) -> UUID:
        """Whose key it is sealed with. Raises ValueError for a form of sealing that is newer than this client."""
        return UUID(self.split(".")[2])

    def __repr__(self) -> str:
        return "<sealed>"


class Forgotten(str):
    """A personal field of a subject whose key was destroyed: nobody can read it again."""

    __slots__ = ()

    def __new__(cls) -> Self:
        return super().__new__(cls, "(forgotten)")

    def __repr__(self) -> str:
        return "<forgotten>"


@dataclass(frozen=True, slots=True)
class Unknown:
    """A fact that this client has no type for, with its content as it came.

    `reason`: `type` for a type it does not know, `version` for a version newer than its own, `content` where what was
    said does not fit the type.
    """

    type: str
    version: int
    reason: Literal["type", "version", "content"]
    data: Mapping[str, Any] = field(repr=False)


def typed(wire: str, version: int, data: Mapping[str, Any]) -> Fact | Unknown:
    """The value of a fact: its class of `events` where that is known, else `Unknown`.

    An old version is read as the newest says it. Fields the class does not have are left out. A personal field that is
    not readable is a `Sealed` or a `Forgotten`, whatever the type says; both are strings.
    """
    cls = CATALOGUE.get(wire)
    if cls is None:
        return Unknown(wire, version, "type", data)
    if version > cls.version:
        return Unknown(wire, version, "version", data)
    try:
        return _read(cls, cls.newest(data, version))
    except _UNFIT:
        return Unknown(wire, version, "content", data)


def _read(cls: type[Fact], data: Mapping[str, Any]) -> Fact:
    shape, personal = _reader(cls)
    read = shape.model_validate(dict(data))
    values = {name: getattr(read, name) for name in shape.model_fields}
    for name, plain in personal.items():
        values[name] = _personal(values[name], plain)
    return cls.model_construct(set(read.model_fields_set), **values)


def _personal(value: object, plain: Callable[[object], object]) -> object:
    if isinstance(value, str) and value.startswith(SEALED):
        return Sealed(value)
    if value == {"forgotten": True}:
        return Forgotten()
    return plain(value)


@cache
def _reader(cls: type[Fact]) -> tuple[type[BaseModel], dict[str, Callable[[object], object]]]:
    """A shape for reading: codes that are newer than this client pass, personal fields are looked at one by one."""
    personal = {name: cls.model_fields[name] for name in cls.personal_fields()}
    shapes: dict[str, Any] = {
        name: (Any if name in personal else _open(one), _default(one)) for name, one in cls.model_fields.items()
    }
    shape = create_model(cls.__name__, __config__=ConfigDict(extra="ignore"), **shapes)
    return shape, {name: TypeAdapter(_open(one)).validate_python for name, one in personal.items()}


def _open(one: FieldInfo) -> Any:
    metadata = [mark for mark in one.metadata if not isinstance(mark, Coded | Personal)]
    return Annotated[one.annotation, *metadata] if metadata else one.annotation


def _default(one: FieldInfo) -> Any:
    return ... if one.is_required() else one.get_default(call_default_factory=True, validated_data={})
