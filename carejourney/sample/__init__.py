"""A generated local authority: SSDA903 returns and school enrolments that look like England's and contradict nothing.

`generate` writes them; `docs/sample.md` says what is modelled and how closely it matches the published figures.
"""

from carejourney.sample.areas import UnknownAuthorityError
from carejourney.sample.generate import DEFAULT_AUTHORITY, Progress, Summary, generate

__all__ = ["DEFAULT_AUTHORITY", "Progress", "Summary", "UnknownAuthorityError", "generate"]
