"""Recording, correcting and retracting facts of any kind: one command a family, over HTTP or line by line.

A service says which facts it owns and what it decides differently (`Recording`); the rules all families share are here.
"""

from carejourney.families.commands import recording_router
from carejourney.families.recording import Recording, Statement

__all__ = ["Recording", "Statement", "recording_router"]
