"""The code sets of the SSDA903 return: each code, what it means and the collection years it was valid in.

`CODE_SETS` finds a set by the name of the column that holds it.
"""

from collections.abc import Mapping
from typing import Final

from events.codes.adoption import (
    FOSTER_CARE,
    LA_PERM,
    LEGAL_STATUS_OF_ADOPTERS,
    NUMBER_OF_ADOPTERS,
    PREVIOUS_PERMANENCE,
    REASON_PLACED_CEASED,
    SEX_OF_ADOPTERS,
)
from events.codes.care import (
    CATEGORY_OF_NEED,
    LEGAL_STATUS,
    MISSING_KIND,
    PLACEMENT_PROVIDER,
    PLACEMENT_TYPE,
    REASON_EPISODE_CEASED,
    REASON_FOR_NEW_EPISODE,
    REASON_PLACEMENT_CHANGE,
)
from events.codes.code_set import UNPUBLISHED, Code, CodeSet, UnknownCodeError, describe
from events.codes.person import (
    ACCOMMODATION,
    ACTIVITY,
    ETHNICITY,
    FLAG,
    IN_TOUCH,
    REVIEW_PARTICIPATION,
    SDQ_REASON,
    SEX,
    SW_REASON,
    UPN_UNKNOWN,
    suitable,
)

__all__ = [
    "ACCOMMODATION",
    "ACTIVITY",
    "CATEGORY_OF_NEED",
    "CODE_SETS",
    "ETHNICITY",
    "FLAG",
    "FOSTER_CARE",
    "IN_TOUCH",
    "LA_PERM",
    "LEGAL_STATUS",
    "LEGAL_STATUS_OF_ADOPTERS",
    "MISSING_KIND",
    "NUMBER_OF_ADOPTERS",
    "PLACEMENT_PROVIDER",
    "PLACEMENT_TYPE",
    "PREVIOUS_PERMANENCE",
    "REASON_EPISODE_CEASED",
    "REASON_FOR_NEW_EPISODE",
    "REASON_PLACED_CEASED",
    "REASON_PLACEMENT_CHANGE",
    "REVIEW_PARTICIPATION",
    "SDQ_REASON",
    "SEX",
    "SEX_OF_ADOPTERS",
    "SW_REASON",
    "UNPUBLISHED",
    "UPN_UNKNOWN",
    "Code",
    "CodeSet",
    "UnknownCodeError",
    "describe",
    "suitable",
]

CODE_SETS: Final[Mapping[str, CodeSet]] = {
    code_set.name: code_set
    for code_set in (
        REASON_FOR_NEW_EPISODE,
        LEGAL_STATUS,
        CATEGORY_OF_NEED,
        PLACEMENT_TYPE,
        PLACEMENT_PROVIDER,
        REASON_EPISODE_CEASED,
        REASON_PLACEMENT_CHANGE,
        REVIEW_PARTICIPATION,
        MISSING_KIND,
        IN_TOUCH,
        ACTIVITY,
        ACCOMMODATION,
        ETHNICITY,
        SEX,
        SDQ_REASON,
        PREVIOUS_PERMANENCE,
        LA_PERM,
        REASON_PLACED_CEASED,
        FLAG,
        FOSTER_CARE,
        NUMBER_OF_ADOPTERS,
        SEX_OF_ADOPTERS,
        LEGAL_STATUS_OF_ADOPTERS,
        SW_REASON,
        UPN_UNKNOWN,
    )
}
