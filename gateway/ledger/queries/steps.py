"""What a handler learned before it ended."""

from __future__ import annotations

from typing import Any

import orjson

from gateway.ledger.rows import Rows
from gateway.ledger.values import text_from_value


def keep_step(rows: Rows, conversation: str, cause: str, ordinal: int, result: Any) -> None:
    """Remember what a handler learned."""
    rows.run(
        "INSERT INTO gateway_step (conversation, cause, ordinal, result) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (conversation, cause, ordinal) DO NOTHING",
        conversation,
        cause,
        ordinal,
        text_from_value(result),
    )


def steps(rows: Rows, conversation: str, cause: str) -> dict[int, Any]:
    """What a handler had learned before, by ordinal."""
    found = rows.all(
        "SELECT ordinal, result FROM gateway_step WHERE conversation = %s AND cause = %s",
        conversation,
        cause,
    )
    return {ordinal: orjson.loads(result) for ordinal, result in found}
