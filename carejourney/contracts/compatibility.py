"""Whether a schema may take the place of the published one of the same version. The rules: `docs/compatibility.md`.

Three parties can be broken. Readers, built on the published schema, meet what is written under the new one (forward).
History, written under the published schema, is read under the new one (backward). Writers, built on the published
schema, send what the new one must take.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Party = Literal["readers", "history", "writers"]
Schema = Mapping[str, Any]

NEW_VERSION: Final = "make the next version of the type, with an upcast from this one and a sample"
_BACKWARD: Final[tuple[Party, ...]] = ("history", "writers")
# Of each bound, whether a greater number lets less pass.
_BOUNDS: Final = {
    "minimum": True, "exclusiveMinimum": True, "minLength": True, "minItems": True,
    "maximum": False, "exclusiveMaximum": False, "maxLength": False, "maxItems": False,
}  # fmt: skip
_READERS: Final[tuple[Party, ...]] = ("readers",)
_WRITERS: Final[tuple[Party, ...]] = ("writers",)
_EVERYBODY: Final[tuple[Party, ...]] = ("readers", *_BACKWARD)
_ADDRESS: Final[Mapping[str, tuple[str, tuple[Party, ...]]]] = {
    "x-topic": ("it travels on another topic", _READERS),
    "x-owner": ("another service records it", _READERS),
    "x-family": ("it is of another family, and another command takes it", ("readers", "writers")),
    "x-lane": ("it is of another lane of the journey", _READERS),
    "x-recorded-by": ("who may record it is another", _WRITERS),
    "x-link": ("what it belongs to is another", _READERS),
    "x-sensitivity": ("its sensitivity is another", _READERS),
    "x-subject": ("it is about another kind of subject", _READERS),
    "x-dated": ("whether it has an effective date is another", _READERS),
    "x-edge": ("whether it begins or ends something is another", _READERS),
}


@dataclass(frozen=True, slots=True)
class Break:
    """What a change breaks, for whom, and what to do instead; `field` is None where it is the type itself."""

    type: str
    field: str | None
    parties: tuple[Party, ...]
    what: str
    remedy: str = NEW_VERSION

    def __str__(self) -> str:
        place = f"{self.type}, field {self.field}" if self.field else self.type
        return f"{place}: {self.what}; this breaks {' and '.join(self.parties)}. Instead: {self.remedy}."


def breaks(published: Schema, proposed: Schema) -> list[Break]:
    """What the proposed schema of a version breaks of those who rely on the published one; empty where nothing."""
    wire = f"{published['x-wire']} version {published['x-version']}"
    return [*_of_type(wire, published, proposed), *_of_object(wire, "", published, proposed)]


def _of_type(wire: str, published: Schema, proposed: Schema) -> Iterator[Break]:
    for name, (what, parties) in _ADDRESS.items():
        if published.get(name) != proposed.get(name):
            yield Break(wire, None, parties, what, "make a fact of another name, and retire this one")
    dropped = sorted(set(published["x-subscribers"]) - set(proposed["x-subscribers"]))
    if dropped:
        what = f"these roles may no longer subscribe to it: {', '.join(dropped)}"
        yield Break(wire, None, ("readers",), what, "make a fact of another name, and retire this one")


def _of_object(wire: str, prefix: str, published: Schema, proposed: Schema) -> Iterator[Break]:
    before, after = published.get("properties", {}), proposed.get("properties", {})
    needed_before, needed_after = set(published.get("required", ())), set(proposed.get("required", ()))
    for name in before.keys() - after.keys():
        yield Break(wire, prefix + name, ("readers", "writers"), f"it is gone{_renamed(name, before, after)}")
    for name in needed_after - before.keys():
        yield Break(wire, prefix + name, _BACKWARD, "a new field is required", f"give it a default, or {NEW_VERSION}")
    for name in before.keys() & after.keys():
        place = prefix + name
        if name in needed_before - needed_after:
            yield Break(wire, place, ("readers",), "it was always there and may now be absent")
        if name in needed_after - needed_before:
            yield Break(wire, place, _BACKWARD, "it could be absent and is now required")
        yield from _of_value(wire, place, before[name], after[name])


def _renamed(name: str, before: Schema, after: Schema) -> str:
    fresh = [n for n in after.keys() - before.keys() if _types(after[n]) == _types(before[name])]
    return f" (a rename to {fresh[0]} is a removal too)" if len(fresh) == 1 else ""


def _of_value(wire: str, place: str, before: Schema, after: Schema) -> Iterator[Break]:
    if before.get("x-personal") != after.get("x-personal"):
        yield Break(wire, place, ("readers", "history"), "whether it is sealed is another")
        return
    if before.get("x-unit") not in {None, after.get("x-unit")}:
        yield Break(wire, place, _EVERYBODY, "its number counts something else")
    if "default" in before and "default" in after and before["default"] != after["default"]:
        what = f"its default went from {_said(before['default'])} to {_said(after['default'])}"
        yield Break(wire, place, _EVERYBODY, what)
    yield from _of_form(wire, place, before, after)
    if "x-plain" in before:
        yield from (b for b in _of_form(wire, place, before["x-plain"], after["x-plain"]) if "writers" in b.parties)
    if "items" in before and "items" in after:
        yield from _of_object(wire, f"{place}.", before["items"], after["items"])
        yield from _of_value(wire, f"{place}[]", before["items"], after["items"])


def _of_form(wire: str, place: str, before: Schema, after: Schema) -> Iterator[Break]:
    gone, come = _types(before) - _types(after), _types(after) - _types(before)
    if gone - {"integer"} or (gone and "number" not in come):
        yield Break(wire, place, _BACKWARD, f"it can no longer be {_either(gone)}")
    if come:
        yield Break(wire, place, ("readers",), f"it may now be {_either(come)}, which it never was")
    yield from _of_codes(wire, place, before, after)
    for name in ("pattern", "format", "const"):
        if before.get(name) != after.get(name):
            yield Break(wire, place, _EVERYBODY, f"its {name} is another")
    for name, greater_is_narrower in _BOUNDS.items():
        yield from _of_bound(wire, place, name, before, after, greater_is_narrower=greater_is_narrower)


def _of_codes(wire: str, place: str, before: Schema, after: Schema) -> Iterator[Break]:
    """Codes may be added, a code set grows with the law; none may go, nor mean something else.

    Where any text was taken, no list may begin.
    """
    old, new = (schema.get("x-codes", {}).get("meanings", {}) for schema in (before, after))
    changed = sorted(code for code in old.keys() & new.keys() if old[code] != new[code])
    if changed:
        what = f"{', '.join(changed)} means something else"
        yield Break(wire, place, _EVERYBODY, what, f"add a code that means it, or {NEW_VERSION}")
    listed, left = before.get("enum"), after.get("enum")
    if left is None:
        if listed is not None:
            yield Break(wire, place, ("readers",), "it may now hold what is no listed code")
        return
    lost = [str(code) for code in listed or () if code is not None and code not in left]
    if lost:
        what = f"it no longer has {', '.join(lost)}"
        yield Break(wire, place, _BACKWARD, what, f"keep the code, which old facts hold, or {NEW_VERSION}")
    if listed is None:
        yield Break(wire, place, _BACKWARD, "it now takes listed codes alone")


def _of_bound(
    wire: str, place: str, name: str, before: Schema, after: Schema, *, greater_is_narrower: bool
) -> Iterator[Break]:
    old, new = before.get(name), after.get(name)
    if old == new:
        return
    narrower = old is None or (new is not None and (new > old) == greater_is_narrower)
    parties: tuple[Party, ...] = _BACKWARD if narrower else ("readers",)
    yield Break(wire, place, parties, f"its {name} went from {_said(old)} to {_said(new)}")


def _types(schema: Schema) -> set[str]:
    told = schema.get("type", ())
    return {told} if isinstance(told, str) else set(told)


def _either(types: set[str]) -> str:
    return " or ".join(sorted(types))


def _said(bound: object) -> str:
    return "none" if bound is None else str(bound)
