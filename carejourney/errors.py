"""Every refusal the system makes, each knowing its HTTP status and a stable problem type.

Refusal                 409  a rule forbids it
├── BadCursor           400  a place to go on from that is none of this feed's
├── NotFound            404
├── Unauthenticated     401
├── Forbidden           403
│   └── Sealed          403  an adopted child's earlier record
├── Gone                410  the child was erased
├── CursorExpired       410  the facts are not those any more that the cursor was taken from
├── StaleVersion        412  If-Match does not match the stream
├── TooLarge            413
└── Malformed           422  the request cannot be read
Unavailable             503  try again: a part is away
"""

from typing import ClassVar


class Refusal(Exception):  # noqa: N818 - it is what happens, not what went wrong
    """A command or question that is refused; `detail` says why and what to do, never with a child's data."""

    status: ClassVar[int] = 409
    slug: ClassVar[str] = "rule-broken"
    title: ClassVar[str] = "A rule forbids this"

    def __init__(self, detail: str, **extra: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra


class BadCursor(Refusal):
    status, slug, title = 400, "bad-cursor", "This is no cursor of this feed"


class NotFound(Refusal):
    status, slug, title = 404, "not-found", "Nothing of that name is known here"


class Unauthenticated(Refusal):
    status, slug, title = 401, "unauthenticated", "A valid bearer token is needed"


class Forbidden(Refusal):
    status, slug, title = 403, "forbidden", "The token does not carry the right for this"


class Gone(Refusal):
    status, slug, title = 410, "erased", "The record of this child was erased"


class Sealed(Forbidden):
    slug, title = "sealed", "This record is sealed"


class CursorExpired(Refusal):
    status, slug, title = 410, "cursor-expired", "The cursor has expired"


class StaleVersion(Refusal):
    status, slug, title = 412, "stale-version", "The record has changed since it was read"


class TooLarge(Refusal):
    status, slug, title = 413, "too-large", "The request is larger than is taken"


class Malformed(Refusal):
    status, slug, title = 422, "malformed", "The request cannot be read"


class Unavailable(Refusal):
    status, slug, title = 503, "unavailable", "A part of the system is away; try again"
