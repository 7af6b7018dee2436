"""Values as the ledger writes them: JSON in text columns."""

from __future__ import annotations

import json
from typing import Any

import orjson

from gateway.vocabulary.text import clean


def text_from_value(value: Any) -> str:
    """JSON for a text column."""
    return orjson.dumps(value).decode()


def text_from_anything(value: Any) -> str:
    """JSON for a person to read, of a value that may have been set aside because it is none."""
    try:
        return text_from_value(value)
    except TypeError:
        return clean(json.dumps(value, ensure_ascii=False, default=repr))
