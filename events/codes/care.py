"""Codes of periods of care, placements and missing episodes (tables Episodes and Missing)."""

from typing import Final

from events.codes.code_set import UNPUBLISHED, Code, listed

REASON_FOR_NEW_EPISODE: Final = listed(
    "RNE",
    Code("S", "Started to be looked after"),
    Code("L", "Change of legal status only"),
    Code("P", "Change of placement and carer only"),
    Code("T", "Change of placement, same carer"),
    Code("B", "Change of legal status, placement and carer"),
    Code("U", "Change of legal status and placement, same carer"),
)

LEGAL_STATUS: Final = listed(
    "LS",
    Code("C1", "Interim care order (Children Act 1989, section 38)"),
    Code("C2", "Full care order (Children Act 1989, section 31)"),
    Code("D1", "Freeing order (historic)"),
    Code("E1", "Placement order (Adoption and Children Act 2002, section 21; from 30 December 2005)"),
    Code("V2", "Single period of accommodation (Children Act 1989, section 20)"),
    Code("V3", "Accommodated in a series of short breaks, each recorded"),
    Code("V4", "Accommodated in a series of short breaks, agreement recorded"),
    Code("L1", "Police protection, in local authority accommodation (Children Act 1989, section 46)"),
    Code("L2", "Emergency protection order (Children Act 1989, section 44)"),
    Code("L3", "Child assessment order, in local authority accommodation (Children Act 1989, section 43)"),
    Code("J1", "Remanded to local authority or youth detention accommodation (LASPO Act 2012)"),
    Code("J2", "Local authority accommodation under the Police and Criminal Evidence Act 1984"),
    Code("J3", "Youth rehabilitation order with residence or intensive fostering requirement"),
)

CATEGORY_OF_NEED: Final = listed(
    "CIN",
    Code("N1", "Abuse or neglect"),
    Code("N2", "Child's disability"),
    Code("N3", "Parental illness or disability"),
    Code("N4", "Family in acute stress"),
    Code("N5", "Family dysfunction"),
    Code("N6", "Socially unacceptable behaviour"),
    Code("N7", "Low income"),
    Code("N8", "Absent parenting"),
)

PLACEMENT_TYPE: Final = listed(
    "PLACE",
    Code("A3", "Placed for adoption with consent, with current foster carer"),
    Code("A4", "Placed for adoption with consent, not with current foster carer"),
    Code("A5", "Placed for adoption with placement order, with current foster carer"),
    Code("A6", "Placed for adoption with placement order, not with current foster carer"),
    Code("H5", "Semi-independent living, not subject to children's home regulations", None, 2024),
    Code("K1", "Secure children's home"),
    Code("K2", "Children's home subject to the children's homes regulations"),
    Code("K3", "Registered supported accommodation", 2025),
    Code("P1", "Placed with own parents or other person with parental responsibility"),
    Code("P2", "Independent living", None, 2024),
    Code("P3", "Residential employment"),
    Code("R1", "Residential care home"),
    Code("R2", "NHS or other health establishment"),
    Code("R3", "Family centre or mother and baby unit"),
    Code("R5", "Young offender institution or prison"),
    Code("S1", "Residential school"),
    Code("T0", "Temporary move of any kind"),
    Code("T1", "Temporary: period in hospital"),
    Code("T2", "Temporary: on holiday"),
    Code("T3", "Temporary: usual foster carer on holiday"),
    Code("T4", "Temporary: seven days or less, any other reason"),
    Code("U1", "Foster placement with relative or friend, long-term"),
    Code("U2", "Foster placement with relative or friend who is also an approved adopter"),
    Code("U3", "Foster placement with relative or friend, neither long-term nor for adoption"),
    Code("U4", "Foster placement with other foster carer, long-term"),
    Code("U5", "Foster placement with other foster carer who is also an approved adopter"),
    Code("U6", "Foster placement with other foster carer, neither long-term nor for adoption"),
    Code("Z1", "Other placement (sources disagree whether 2026 still takes it)", None, 2026),
    Code("Z11", f"Other placement, first kind ({UNPUBLISHED})", 2026),
    Code("Z12", f"Other placement, second kind ({UNPUBLISHED})", 2026),
    Code("Z13", f"Other placement, third kind ({UNPUBLISHED})", 2026),
    Code("Z14", f"Other placement, fourth kind ({UNPUBLISHED})", 2026),
)

PLACEMENT_PROVIDER: Final = listed(
    "PLACE_PROVIDER",
    Code("PR0", "Parents or other person with parental responsibility"),
    Code("PR1", "Own provision by the local authority"),
    Code("PR2", "Other local authority"),
    Code("PR3", "Other public provision"),
    Code("PR4", "Private provision"),
    Code("PR5", "Voluntary or third sector provision"),
)

REASON_EPISODE_CEASED: Final = listed(
    "REC",
    Code("X1", "New episode begins on the same day"),
    Code("E11", "Adopted, application unopposed"),
    Code("E12", "Adopted, consent dispensed with"),
    Code("E13", "Left to live with parent, relative or other person without parental responsibility"),
    Code("E14", "Accommodation on remand ended"),
    Code("E15", "Age assessment found the person to be 18 or over"),
    Code("E16", "Moved abroad"),
    Code("E17", "Aged 18 or over and stayed with current carers, staying put included"),
    Code("E2", "Died"),
    Code("E3", "Care taken over by another local authority in the United Kingdom"),
    Code("E4A", "Returned home, planned"),
    Code("E4B", "Returned home, unplanned"),
    Code("E41", "Residence order or child arrangements order"),
    Code("E43", "Special guardianship order made to former foster carers (to 2018)", None, 2018),
    Code("E44", "Special guardianship order made to others (to 2018)", None, 2018),
    Code("E45", "Special guardianship order to former foster carer, relative or friend"),
    Code("E46", "Special guardianship order to former foster carer, other than relative or friend"),
    Code("E47", "Special guardianship order to other carer, relative or friend"),
    Code("E48", "Special guardianship order to other carer, not relative or friend"),
    Code("E5", "Moved into independent living with formalised support"),
    Code("E6", "Moved into independent living without formalised support"),
    Code("E7", "Transferred to residential care funded by adult services"),
    Code("E8", "Care ceased for any other reason"),
    Code("E9", "Sentenced to custody"),
)

REASON_PLACEMENT_CHANGE: Final = listed(
    "REASON_PLACE_CHANGE",
    Code("CARPL", "Change to or implementation of the care plan"),
    Code("CLOSE", "Resignation of carer or closure of provision"),
    Code("ALLEG", "Allegation (Children Act 1989, section 47)"),
    Code("STAND", "Concern about standards of care"),
    Code("APPRR", "Approval removed"),
    Code("CREQB", "Carer asks for the end, because of the child's behaviour"),
    Code("CREQO", "Carer asks for the end, for another reason"),
    Code("CHILD", "Child asks for the end"),
    Code("LAREQ", "Responsible or area authority asks for the end"),
    Code("PLACE", "Change in the status of the placement only"),
    Code("CUSTOD", "Custody arrangement", 2019),
    Code("OTHER", "Other"),
)

MISSING_KIND: Final = listed(
    "MISSING",
    Code("M", "Missing, whereabouts unknown"),
    Code("A", "Away from placement without authorisation, whereabouts known"),
)
