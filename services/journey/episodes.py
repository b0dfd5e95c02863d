"""Lane `episode`: one interval a statutory episode, with the return's own columns as they were stated."""

from typing import Final

from carejourney.standing import Standing
from events.codes import (
    CATEGORY_OF_NEED,
    LEGAL_STATUS,
    PLACEMENT_PROVIDER,
    PLACEMENT_TYPE,
    REASON_EPISODE_CEASED,
    REASON_FOR_NEW_EPISODE,
    REASON_PLACEMENT_CHANGE,
)
from services.journey.intervals import Interval
from services.journey.story import Story
from services.journey.values import Opening, Value, coded

EPISODE_COLUMNS: Final = (
    "rne", "ls", "cin", "place", "place_provider", "dec", "rec", "reason_place_change", "home_post", "pl_post", "urn",
)  # fmt: skip
EPISODE_FIELDS: Final = {
    "reason_for_new_episode": "rne", "legal_status": "ls", "category_of_need": "cin", "placement_type": "place",
    "placement_provider": "place_provider", "home_postcode": "home_post", "placement_postcode": "pl_post",
    "reason_ceased": "rec", "reason_placement_change": "reason_place_change",
}  # fmt: skip
STARTED: Final = "placement.episode_started"
ENDED: Final = "placement.episode_ended"
REASON_STATED: Final = "placement.open_episode_reason_stated"


def episode_intervals(story: Story) -> list[Interval]:
    """Every episode as stated (SSDA903 Episodes): equal neighbours apart, overlaps and gaps kept."""
    ends = story.ends("episode", ENDED, "episode")
    reasons = story.ends("episode", REASON_STATED, "episode")
    made = []
    for start in story.of(STARTED):
        end, withdrawn = ends.take(start)
        reason, unstated = reasons.take(start)
        ending = end or reason
        value = _columns(start, end, ending, story.opening)
        parts = (start, *(p for p in (end, reason) if p), *withdrawn, *(() if end else unstated))
        made.append(Interval(start.effective, end.effective if end else None, value, parts))
    ends.report_orphans()
    reasons.report_orphans()
    return made


def _columns(start: Standing, end: Standing | None, ending: Standing | None, opening: Opening) -> Value:
    stated, said = start.data, ending.data if ending else {}
    return {
        "rne": coded(REASON_FOR_NEW_EPISODE, stated.get("reason_for_new_episode")),
        "ls": coded(LEGAL_STATUS, stated.get("legal_status")),
        "cin": coded(CATEGORY_OF_NEED, stated.get("category_of_need")),
        "place": coded(PLACEMENT_TYPE, stated.get("placement_type")),
        "place_provider": coded(PLACEMENT_PROVIDER, stated.get("placement_provider")),
        "dec": end.effective if end else None,
        "rec": coded(REASON_EPISODE_CEASED, said.get("reason_ceased")),
        "reason_place_change": coded(REASON_PLACEMENT_CHANGE, said.get("reason_placement_change")),
        "home_post": opening.plain("home_postcode", stated.get("home_postcode")),
        "pl_post": opening.plain("placement_postcode", stated.get("placement_postcode")),
        "urn": stated.get("urn"),
    }
