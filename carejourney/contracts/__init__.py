"""The contract that subscribers and writers bind to: schemas, AsyncAPI and catalogue, made of the types themselves."""

from carejourney.contracts.language import Language
from carejourney.contracts.published import PUBLISHED

__all__ = ["PUBLISHED", "Language"]
