"""What tells one sample from another: the name of its draws, and the mark that its identifiers carry."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

# Without vowels, so that no mark is a word, and without what is easily misread.
_SIGNS = "23456789BCDFGHJKLMNPQRSTVWXZ"
_SIGNS_IN_MARK = 4
_PUPIL_PLACES = 10_000_000
_UPN_LETTERS = "ABCDEFGHJKLMNPQRTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Marks:
    """The identifiers of one sample; samples of other arguments have others.

    `draws` names the streams of chance: what is drawn depends on seed and authority. `mark` and `first_place` depend
    on every argument, because the same draws cut for other years or another size number the children differently.
    """

    draws: str
    mark: str
    first_place: int

    @classmethod
    def of(cls, children: int, years: Sequence[int], seed: int, authority: str) -> Self:
        digest = sha256(f"{children}/{years[0]}-{years[-1]}/{seed}/{authority}".encode()).digest()
        left, signs = int.from_bytes(digest[:8]), ""
        for _ in range(_SIGNS_IN_MARK):
            left, sign = divmod(left, len(_SIGNS))
            signs += _SIGNS[sign]
        return cls(f"{seed}/{authority}", signs, int.from_bytes(digest[8:16]) % _PUPIL_PLACES)

    def local_id(self, number: int) -> str:
        """Return the local id of a child, ten characters for the first hundred thousand children."""
        return f"S{self.mark}{number:05}"

    def worker(self, number: int) -> str:
        """Return the identifier of a social worker."""
        return f"SW{self.mark}{number:04}"

    def upn(self, number: int, year: int) -> str:
        """Return a unique pupil number of the right form under the authority number 999, which no authority has."""
        place = (self.first_place + number) % _PUPIL_PLACES
        digits = f"999{place // 1000:04}{year % 100:02}{place % 1000:03}"
        weighted = sum(int(digit) * weight for weight, digit in enumerate(digits, start=2))
        return _UPN_LETTERS[weighted % len(_UPN_LETTERS)] + digits
