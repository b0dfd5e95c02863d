"""Keys: one for each subject, wrapped by a master key; personal fields are sealed with them before bytes exist."""

from carejourney.keys.choosing import MasterKeySettings
from carejourney.keys.schema import create_schema
from carejourney.keys.sealing import FORGOTTEN, PREFIX, SubjectKey, open_fields, seal_fields
from carejourney.keys.store import RECEIPTS, REMEMBERED_SECONDS, Keys
from carejourney.keys.transit import TransitKey
from carejourney.keys.wrapping import FileKey, Wrapped, Wrapper

__all__ = [
    "FORGOTTEN",
    "PREFIX",
    "RECEIPTS",
    "REMEMBERED_SECONDS",
    "FileKey",
    "Keys",
    "MasterKeySettings",
    "SubjectKey",
    "TransitKey",
    "Wrapped",
    "Wrapper",
    "create_schema",
    "open_fields",
    "seal_fields",
]
