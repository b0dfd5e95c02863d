"""Codes of the person, of reviews, health, care leavers and social workers (the other tables)."""

from typing import Final

from events.codes.code_set import UNPUBLISHED, Code, listed

REVIEW_PARTICIPATION: Final = listed(
    "REVIEW_CODE",
    Code("PN0", "Under four at the time of the review"),
    Code("PN1", "Attended and spoke for themselves"),
    Code("PN2", "Attended, an advocate spoke"),
    Code("PN3", "Attended and gave views by symbols or other means"),
    Code("PN4", "Attended and did not convey views"),
    Code("PN5", "Did not attend, briefed an advocate"),
    Code("PN6", "Did not attend, views were sent"),
    Code("PN7", "Did not attend, no views were conveyed"),
)

IN_TOUCH: Final = listed(
    "IN_TOUCH",
    Code("YES", "In touch"),
    Code("NO", "Not in touch"),
    Code("DIED", "Died after leaving care"),
    Code("REFU", "Refuses contact"),
    Code("NREQ", "No longer requires services"),
    Code("RHOM", "Returned home for six months or more"),
)

ACTIVITY: Final = listed(
    "ACTIV",
    Code("F1", "Full time in higher education"),
    Code("P1", "Part time in higher education"),
    Code("F2", "Full time in other education"),
    Code("P2", "Part time in other education"),
    Code("F3", "Full time in training or employment (before 2019)", None, 2018),
    Code("P3", "Part time in training or employment (before 2019)", None, 2018),
    Code("F4", "Full time in an apprenticeship", 2019),
    Code("P4", "Part time in an apprenticeship", 2019),
    Code("F5", "Full time in training or employment, not an apprenticeship", 2019),
    Code("P5", "Part time in training or employment, not an apprenticeship", 2019),
    Code("G4", "Not in education, employment or training: illness or disability"),
    Code("G5", "Not in education, employment or training: other circumstances"),
    Code("G6", "Not in education, employment or training: pregnancy or parenting"),
    Code("0", "Unknown, died or returned home"),
)

_ACCOMMODATION_KINDS: Final = {
    "B": "With parents or relatives",
    "C": "Community home or other residential care",
    "D": "Semi-independent transitional accommodation",
    "E": "Supported lodgings",
    "G": "Gone abroad",
    "H": "Deported",
    "K": "Ordinary lodgings",
    "R": "Residence not known",
    "S": "No fixed abode",
    "T": "Foyer or similar supported accommodation",
    "U": "Independent living",
    "V": "Emergency accommodation",
    "W": "Bed and breakfast",
    "X": "In custody",
    "Y": "Other accommodation",
    "Z": "With former foster carer",
}

_NEVER_SUITABLE: Final = frozenset({"S", "X"})


def _accommodation(letter: str, kind: str) -> tuple[Code, Code]:
    disputed = " (sources disagree whether this code exists)" if letter in _NEVER_SUITABLE else ""
    return Code(f"{letter}1", f"{kind}, suitable{disputed}"), Code(f"{letter}2", f"{kind}, unsuitable")


ACCOMMODATION: Final = listed(
    "ACCOM",
    *(code for letter, kind in _ACCOMMODATION_KINDS.items() for code in _accommodation(letter, kind)),
    Code("0", "None: not in touch, died or returned home"),
)


def suitable(accommodation: str) -> bool | None:
    """Tell whether an ACCOM code states suitable (1) or unsuitable (2) accommodation; None where it states neither."""
    return {"1": True, "2": False}.get(accommodation[1:2]) if accommodation in ACCOMMODATION else None


ETHNICITY: Final = listed(
    "ETHNIC",
    Code("WBRI", "White British"),
    Code("WIRI", "White Irish"),
    Code("WOTH", "Any other White background"),
    Code("WIRT", "Traveller of Irish heritage"),
    Code("WROM", "Gypsy or Roma"),
    Code("MWBC", "White and Black Caribbean"),
    Code("MWBA", "White and Black African"),
    Code("MWAS", "White and Asian"),
    Code("MOTH", "Any other mixed background"),
    Code("AIND", "Indian"),
    Code("APKN", "Pakistani"),
    Code("ABAN", "Bangladeshi"),
    Code("AOTH", "Any other Asian background"),
    Code("BCRB", "Black Caribbean"),
    Code("BAFR", "Black African"),
    Code("BOTH", "Any other Black background"),
    Code("CHNE", "Chinese"),
    Code("OOTH", "Any other ethnic group"),
    Code("REFU", "Refused"),
    Code("NOBT", "Not yet obtained"),
)

SEX: Final = listed(
    "SEX",
    Code("1", "Male", None, 2024),
    Code("2", "Female", None, 2024),
    Code("M", "Male", 2025),
    Code("F", "Female", 2025),
    Code("U", "Unknown", 2025),
)

SDQ_REASON: Final = listed(
    "SDQ_REASON",
    Code("SDQ1", "Aged under 4 or over 16 at the last assessment"),
    Code("SDQ2", "Carer refused to complete the questionnaire"),
    Code("SDQ3", "Not possible because of the child's disability"),
    Code("SDQ4", "Other reason"),
    Code("SDQ5", "Child refused to complete the questionnaire"),
)

FLAG: Final = listed("FLAG", Code("0", "No"), Code("1", "Yes"))

SW_REASON: Final = listed(
    "SW_REASON",
    *(
        Code(code, f"{reading} ({UNPUBLISHED})")
        for code, reading in (
            ("MANAGE", "Management"),
            ("FCONTA", "First contact"),
            ("LEFTRL", "Left the role"),
            ("ORGRST", "Organisational restructure"),
            ("TSPROC", "Transfer by team or process"),
            ("ABSENC", "Absence"),
            ("CHCHAN", "Change asked for by the child"),
            ("PCCHAN", "Change asked for by parent or carer"),
            ("SWDIED", "Social worker died"),
            ("OTHERS", "Other"),
        )
    ),
)

UPN_UNKNOWN: Final = listed(
    "UPN",
    Code("UN1", "Not of school age"),
    Code("UN2", "Never attended a maintained school"),
    Code("UN3", "Educated outside England"),
    Code("UN4", "Newly looked after, one week or less"),
    Code("UN5", "Sources give conflicting numbers"),
)
