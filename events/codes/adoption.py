"""Codes of permanence and adoption (tables PrevPerm, AD1 and PlacedAdoption)."""

from typing import Final

from events.codes.code_set import Code, listed

PREVIOUS_PERMANENCE: Final = listed(
    "PREV_PERM",
    Code("P1", "Ceased to be looked after earlier through adoption"),
    Code("P2", "Ceased to be looked after earlier through a special guardianship order"),
    Code("P3", "Ceased to be looked after earlier through a residence or child arrangements order"),
    Code("P4", "Earlier permanence arrangement of unknown kind"),
    Code("Z1", "No earlier permanence arrangement"),
)

LA_PERM: Final = listed(
    "LA_PERM",
    Code("WAL", "Wales"),
    Code("SCO", "Scotland"),
    Code("NIR", "Northern Ireland"),
    Code("NUK", "Outside the United Kingdom"),
    Code("999", "Not known"),
    pattern=r"[0-9]{3}",
    pattern_meaning="Local authority in England, by its number",
)

REASON_PLACED_CEASED: Final = listed(
    "REASON_PLACED_CEASED",
    Code("RD1", "The child's needs changed"),
    Code("RD2", "The court did not make a placement order"),
    Code("RD3", "Prospective adopters could not be found"),
    Code("RD4", "Any other reason"),
)

FOSTER_CARE: Final = listed(
    "FOSTER_CARE",
    Code("0", "Not adopted by the current foster carer"),
    Code("1", "Adopted by the current foster carer"),
)

NUMBER_OF_ADOPTERS: Final = listed("NB_ADOPTR", Code("1", "One adopter"), Code("2", "Two adopters"))

SEX_OF_ADOPTERS: Final = listed(
    "SEX_ADOPTR",
    Code("M1", "One man"),
    Code("F1", "One woman"),
    Code("MM", "Two men"),
    Code("FF", "Two women"),
    Code("MF", "One man and one woman"),
)

LEGAL_STATUS_OF_ADOPTERS: Final = listed(
    "LS_ADOPTR",
    Code("L0", "Single adopter"),
    Code("L11", "Married couple of different sexes"),
    Code("L12", "Married couple of the same sex"),
    Code("L2", "Civil partnership"),
    Code("L3", "Unmarried couple of different sexes"),
    Code("L4", "Unmarried couple of the same sex"),
)
