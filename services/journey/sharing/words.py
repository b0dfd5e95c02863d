"""The shared vocabulary: what each word means, and the facts and codes that carry it, for every agency."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Security

from carejourney.access import ROLES, Caller, caller
from events.codes import CODE_SETS

WORDS: Final = Path(__file__).with_suffix(".toml")
EXAMPLE: Final[list[dict[str, Any]]] = [
    {
        "word": "Support care",
        "also": ["shared care"],
        "means": "a short stay that is no placement, so that the child goes on living at home",
        "facts": ["placement.short_stay_started"],
        "codes": {"stay": [{"code": "respite", "meaning": "Respite for carers"}]},
    }
]

router = APIRouter(tags=["sharing"])


@cache
def vocabulary() -> list[dict[str, Any]]:
    """Each word: `{word, also, means, facts, codes: {code set: [{code, meaning}]}}`; a code no set has is refused."""
    told = tomllib.loads(WORDS.read_text(encoding="utf-8"))["word"]
    return [
        {
            **{name: one[name] for name in ("word", "also", "means", "facts")},
            "codes": {name: _meant(name, codes) for name, codes in one["codes"].items()},
        }
        for one in told
    ]


def _meant(name: str, codes: list[str]) -> list[dict[str, str]]:
    meanings = {code.code: code.meaning for code in CODE_SETS[name]}
    return [{"code": code, "meaning": meanings[code]} for code in codes]


@router.get(
    "/vocabulary",
    summary="The words that all agencies use alike, with the facts and codes that carry them.",
    responses={200: {"content": {"application/json": {"example": EXAMPLE}}}},
)
async def shared_words(_: Annotated[Caller, Security(caller, scopes=tuple(ROLES))]) -> list[dict[str, Any]]:
    return vocabulary()
