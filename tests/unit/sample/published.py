"""What is published of England's children in care, as shares in per cent, and how far a sample may lie from it.

Source: Department for Education, "Children looked after in England including adoptions", year ending 31 March 2025
(three or more social workers: 2024), Open Government Licence v3.0; England's figures are rounded by the publisher. The
tolerances, in percentage points or the unit named, are this project's: about three standard errors of 2,000 children,
wider where the map or a rule of the return forbids the exact share.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """One published figure: per cent unless the name says otherwise."""

    name: str
    published: float
    tolerance: float


PUBLISHED = (
    Share("in care, under 1", 4, 2),
    Share("in care, aged 1 to 4", 12, 3.5),
    Share("in care, aged 5 to 9", 18, 3),
    Share("in care, aged 10 to 15", 38, 4),
    Share("in care, aged 16 and over", 27, 4),
    Share("in care, female", 44, 4),
    Share("in care, unaccompanied", 8, 2.5),
    Share("under C2", 59, 5),
    Share("under C1", 16, 4),
    Share("under E1", 6, 2),
    Share("under V2", 19, 4),
    Share("need N1", 67, 4),
    Share("need N5", 12, 3),
    Share("need N8", 8, 3),
    Share("need N4", 7, 3),
    Share("in foster care", 67, 4),
    Share("in secure or children's homes", 12, 3),
    Share("in supported accommodation", 9, 3),
    Share("with parents", 6, 2),
    Share("placed for adoption", 2, 1.5),
    Share("with the authority's own provision", 43, 4),
    Share("with private provision", 40, 4),
    Share("with voluntary provision", 7, 2.5),
    Share("placed outside the authority", 44, 4),
    Share("placed over 20 miles from home", 22, 5),
    Share("distance not known", 9, 3),
    Share("three or more placements in the year", 10, 2),
    Share("three or more social workers in the year", 27, 4),
    Share("starting in the year, of those in care", 39.5, 4),
    Share("ceasing in the year, of those in care", 42.1, 5),
    Share("starting under V2", 57, 5),
    Share("starting under C1", 31, 5),
    Share("starting under police protection", 9, 3),
    Share("starting under 1", 16, 4),
    Share("starting at 16 and over", 28, 5),
    Share("ceasing by adoption", 9, 3),
    Share("ceasing by special guardianship", 12, 3.5),
    Share("ceasing by return home", 19, 4.5),
    Share("ceasing at 18 with the same carers", 17, 4),
    Share("missing in the year, of all looked after", 11.1, 2.5),
    Share("incidents for each child missing (number)", 6.8, 1.8),
    Share("health assessment in the year", 90, 3),
    Share("immunisations up to date", 84, 3.5),
    Share("teeth checked", 81, 3.5),
    Share("average difficulties score (points)", 14.9, 1),
    Share("care leavers 19 to 21 in education or work", 54, 5),
    Share("care leavers 19 to 21 in suitable housing", 89, 3),
    Share("care leavers 19 to 21, of those in care", 47, 8),
)
