"""Answers as the API's description shows them; the child is made up."""

from typing import Any, Final

CHILD: Final = "0197a3c2-5d1e-7c3a-9b60-2f4d8a6b1c05"
FACT: Final = "0197a3c2-5d20-7b14-8a1e-0c5e3d9f7a42"

HISTORY_SAMPLE: Final[dict[str, Any]] = {
    "child": CHILD,
    "local_id": "SAMPLE1",
    "true_on": "2026-03-31",
    "known_on": None,
    "lanes": {
        "legal_status": [
            {
                "from": "2026-01-05",
                "until": None,
                "value": {"code": "C2", "meaning": "Full care order (Children Act 1989, section 31)"},
                "facts": [FACT],
                "recorded": "2026-01-06T10:15:00.000000Z",
                "source": "placement",
                "stated_in": ["ssda903/2026"],
                "origin": "import",
                "historic": False,
                "corrected": False,
                "contradictions": [],
            }
        ]
    },
    "contradictions": [],
    "withheld": [],
}
CHILDREN_SAMPLE: Final[dict[str, Any]] = {
    "authority": "E08000025",
    "page": 1,
    "pages": 1,
    "total": 1,
    "children": [
        {
            "child": CHILD,
            "local_id": "SAMPLE1",
            "in_care": True,
            "on_or_before": False,
            "entered_on": "2026-01-05",
            "left_on": None,
            "last_event_on": "2026-02-02",
        }
    ],
}
