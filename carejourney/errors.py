"""Every refusal the system makes, each knowing its HTTP status and a stable problem type.

Refusal                 409  a rule forbids it
├── NotFound            404
├── Unauthenticated     401
├── Forbidden           403
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


class NotFound(Refusal):
    status, slug, title = 404, "not-found", "Nothing of that name is known here"


class Unauthenticated(Refusal):
    status, slug, title = 401, "unauthenticated", "A valid bearer token is needed"


class Forbidden(Refusal):
    status, slug, title = 403, "forbidden", "The token does not carry the right for this"


class StaleVersion(Refusal):
    status, slug, title = 412, "stale-version", "The record has changed since it was read"


class TooLarge(Refusal):
    status, slug, title = 413, "too-large", "The request is larger than is taken"


class Malformed(Refusal):
    status, slug, title = 422, "malformed", "The request cannot be read"


class Unavailable(Refusal):
    status, slug, title = 503, "unavailable", "A part of the system is away; try again"
