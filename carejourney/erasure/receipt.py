"""The receipt of an erasure: what was destroyed, when, by whom, what an independent reader found left, and what stays.

It is signed (Ed25519) with a secret of the installation over its canonical JSON; `docs/schemas/erasure.schema.json`
describes it. It names the child by the pseudonym alone.
"""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from carejourney.erasure.ledger import Entry
from carejourney.erasure.structure import Found

VERSION: Final = 1
STAYS: Final = (
    "coded fields, days and places of the record, under the pseudonym",
    "that the child turned 16, 18, 21 or 25, with the day, where that was recorded",
    "who recorded what, by the pseudonyms of workers",
    "facts of other children that name this one by the pseudonym: the receipt counts them",
)
Receipt = dict[str, Any]


def make_receipt(
    entry: Entry, number: int, found: Sequence[Found], stays: Sequence[str], scanned_at: datetime
) -> Receipt:
    """The receipt, not signed yet. Raises ValueError naming every place where something is left."""
    left = [f"{one.place}: {fault}" for one in found for fault in sorted(set(one.faults))]
    if left:
        raise ValueError("; ".join(left))
    return {
        "version": VERSION,
        "receipt": str(entry.erasure),
        "child": str(entry.subject),
        "authority": entry.authority,
        "reason": entry.reason,
        "asked": {"by": entry.asked_by, "at": entry.asked_at.isoformat()},
        "confirmed": {"by": entry.confirmed_by, "at": entry.erased_at.isoformat()},
        "ledger": {"number": number, "key_destroyed_at": entry.erased_at.isoformat()},
        "scanned_at": scanned_at.isoformat(),
        "stores": [_counted(one) for one in found if one.rows and not one.place.startswith("topic ")],
        "topics": [_counted(one) for one in found if one.rows and one.place.startswith("topic ")],
        "stays": [*stays, _named_in(found)],
    }


def _named_in(found: Sequence[Found]) -> str:
    """How many facts there are that name the child and are sealed with the keys of others."""
    count = len(set().union(*(one.naming for one in found)))
    return (
        f"{count} facts of other children name this one by the pseudonym; their personal fields are sealed with keys"
        " that were not destroyed, and are shown to nobody as long as they name this child"
    )


def _counted(one: Found) -> dict[str, Any]:
    return {"place": one.place.removeprefix("topic "), "rows": one.rows, "sealed": one.sealed}


def sign(receipt: Receipt, secret: bytes) -> Receipt:
    """The receipt with its signature by a secret of 32 bytes."""
    key = Ed25519PrivateKey.from_private_bytes(secret)
    signature = {
        "algorithm": "Ed25519",
        "public_key": _text(key.public_key().public_bytes_raw()),
        "value": _text(key.sign(_canonical(receipt))),
    }
    return {**receipt, "signature": signature}


def public_key(secret: bytes) -> str:
    """The installation's public key, in base64."""
    return _text(Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw())


def is_signed_by(receipt: Mapping[str, Any], key: str) -> bool:
    """Whether the receipt is as it was signed by this public key; the one it names itself proves nothing."""
    body = {name: value for name, value in receipt.items() if name != "signature"}
    try:
        signature = base64.b64decode(receipt["signature"]["value"], validate=True)
        Ed25519PublicKey.from_public_bytes(base64.b64decode(key, validate=True)).verify(signature, _canonical(body))
    except (InvalidSignature, KeyError, TypeError, ValueError):
        return False
    return True


def _canonical(receipt: Mapping[str, Any]) -> bytes:
    return json.dumps(receipt, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def places(found: Iterable[Found]) -> list[str]:
    """One line a place, for a person."""
    return [f"{one.place}: {one.rows} rows, {one.sealed} sealed fields" for one in found]
