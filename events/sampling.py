"""One sample of each version of a fact: what is accepted, and what is refused and why. All of it is generated."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import ValidationError

from events.event import Fact
from events.upcasting import broken_chain


@dataclass(frozen=True, slots=True)
class Sample:
    """An accepted content with the day on which it was so, and a refused one with the field at fault."""

    effective: str | None
    content: dict[str, Any]
    refused: dict[str, Any]
    field: str
    reason: str


@cache
def sample_of(cls: type[Fact], version: int | None = None) -> Sample:
    """The sample of a version, the present one unless another is named."""
    name = f"{cls.wire}.v{version or cls.version}.json"
    told = json.loads(files("events").joinpath("samples", name).read_text(encoding="utf-8"))
    accepted, refused = told["accepted"], told["refused"]
    return Sample(accepted["effective"], accepted["content"], refused["content"], refused["field"], refused["reason"])


def unreadable(classes: Iterable[type[Fact]]) -> list[str]:
    """What of the old versions of these facts does not read as the newest: type, version and the reason, in words."""
    return [fault for cls in classes for fault in _faults(cls, range(1, cls.version))]


def unsound(classes: Iterable[type[Fact]]) -> list[str]:
    """The same, the newest version and its sample included: what is wrong in the declaration of these facts."""
    return [fault for cls in classes for fault in _faults(cls, range(1, cls.version + 1))]


def _faults(cls: type[Fact], versions: Iterable[int]) -> list[str]:
    return broken_chain(cls.wire, cls.version, cls.upcasts) or [
        f"{cls.wire} version {version}: {reason}" for version in versions if (reason := _fault(cls, version))
    ]


def _fault(cls: type[Fact], version: int) -> str | None:
    try:
        cls.model_validate_json(json.dumps(cls.newest(sample_of(cls, version).content, version)))
    except FileNotFoundError:
        return "it has no sample"
    except ValidationError as error:
        fields = ", ".join(str(one["loc"][0]) for one in error.errors() if one["loc"])
        return f"its sample does not fit the newest version in {fields}"
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return f"its upcast fails on its sample with {type(error).__name__}"
    return None
