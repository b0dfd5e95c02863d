"""A typed client of the published facts: iterate them from Kafka or from the HTTP feed, keep your place where you like.

It needs no settings, no database and no service: an address is all.
"""

from carejourney.client.feed import FeedClient, FeedProblem
from carejourney.client.folding import Standing, standing, written_in
from carejourney.client.kafka import KafkaClient, partition_of
from carejourney.client.messages import Counts, Message
from carejourney.client.places import Checkpoint, FileCheckpoint, Given, Mark
from carejourney.client.seen import Gap, Seen
from carejourney.client.typed import Forgotten, Sealed, Unknown, typed

__all__ = [
    "Checkpoint",
    "Counts",
    "FeedClient",
    "FeedProblem",
    "FileCheckpoint",
    "Forgotten",
    "Gap",
    "Given",
    "KafkaClient",
    "Mark",
    "Message",
    "Sealed",
    "Seen",
    "Standing",
    "Unknown",
    "partition_of",
    "standing",
    "typed",
    "written_in",
]
