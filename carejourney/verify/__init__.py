"""An independent look at what every part holds: stores, Kafka, each service's own copy, each projection.

Plain SQL and a plain consumer. Nothing that stores, relays or projects is used here: it is what is judged. The pure
functions of a projection are its definition, and are used as such.
"""

from carejourney.verify.checking import verify
from carejourney.verify.report import Difference, Report
from carejourney.verify.sources import Place, Source

__all__ = ["Difference", "Place", "Report", "Source", "verify"]
