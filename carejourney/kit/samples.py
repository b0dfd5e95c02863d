"""The sample of every version of every fact, as a record."""

from importlib.resources import files

from carejourney.kit.records import Author, KitRecord, Stranger, seal
from events.catalogue import CATALOGUE
from events.event import Fact
from events.sampling import sample_of

UNIVERSAL = "*"
CORRECTED_TOPIC = "care.planning"


def sample(author: Author, cls: type[Fact], subject: int = 1) -> KitRecord:
    """The sample of the present version; a correction is about a fact of planning."""
    one = sample_of(cls)
    topic = CORRECTED_TOPIC if cls.topic == UNIVERSAL else None
    return author.states(author.subject(subject), cls.model_validate(one.content), one.effective, topic)


def samples() -> dict[str, KitRecord]:
    """By name, such as `planning.review_held.v1`: every version that there is a sample of."""
    author = Author("samples")
    found = {}
    for wire, cls in CATALOGUE.items():
        for version in range(1, cls.version):
            if files("events").joinpath("samples", f"{wire}.v{version}.json").is_file():
                found[f"{wire}.v{version}"] = _old(author, cls, version)
        found[f"{wire}.v{cls.version}"] = sample(author, cls)
    return found


def _old(author: Author, cls: type[Fact], version: int) -> KitRecord:
    """A sample of an old version: its personal fields are those that the newest has under the same names."""
    one, subject = sample_of(cls, version), author.subject()
    content = seal(subject, cls.personal_fields(), dict(one.content))
    return author.says(subject, Stranger(cls.wire, version), one.effective, cls.destination(), content)
