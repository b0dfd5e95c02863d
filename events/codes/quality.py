"""Whose record is at fault, where, and why it is taken back: the services, the fields of their facts, the reasons.

A field of the published language is a code here from the day it has a meaning; like our other lists this one cannot
lose a code.
"""

from typing import Final

from events.codes.code_set import Code, CodeSet, listed
from events.fields import MEANINGS

# Fields whose meaning stands with their type alone.
_ELSEWHERE: Final = {
    "agrees": "Whether the child agrees.",
    "amount": "How much it is.",
    "area": "The area of an authority.",
    "authority_consulted": "Whether the authority was asked.",
    "distance_miles": "The distance from home.",
    "effective": "The day on which it was so.",
    "expected": "Whether the result is what is expected.",
    "home_area": "The area of the home.",
    "in_care": "How many are in care.",
    "in_placement": "Whether it arose in the placement.",
    "manner": "How the placement began.",
    "missed": "What was missed.",
    "placed_together": "How many live together.",
    "placement_area": "The area of the placement.",
    "possible": "What was possible.",
    "priority": "Whether priority was claimed.",
    "ready": "Whether it is ready.",
    "ref": "What it is called where it is kept.",
    "score": "The score.",
    "sessions": "How many sessions.",
    "source": "Whose record it is.",
    "unauthorised": "What was missed without leave.",
    "until": "The day until which it holds.",
    "up_to": "The last day counted.",
    "year": "The collection year.",
}
PRODUCER: Final[CodeSet] = listed(
    "producer",
    Code("placement", "Care, placements, legal status and missing"),
    Code("planning", "Plans, reviews, visits and the people responsible"),
    Code("education", "Schools and learning"),
    Code("health", "Health"),
    Code("leaving_care", "Leaving care"),
    Code("journey", "Views, relationships and life story"),
)
FIELD: Final[CodeSet] = listed(
    "field", *(Code(name, meaning) for name, meaning in sorted((_ELSEWHERE | MEANINGS).items()) if "." not in name)
)
# The first four are those that a person who retracts chooses from.
RETRACTED: Final[CodeSet] = listed(
    "retracted",
    Code("error", "Recorded in error"),
    Code("wrong_child", "Recorded for another child"),
    Code("twice", "Recorded twice"),
    Code("did_not_happen", "Did not take place"),
    Code("not_in_return", "No longer in the complete return, or the complete file"),
    Code("not_stated", "No longer stated in its row"),
    Code("said_elsewhere", "Another fact says it now"),
    Code("does_not_follow", "No longer follows from the facts that it came of"),
)
