"""Values of a policy as they stand in a field, and what was typed there. Pure.

What cannot be read stays as it was typed: the service refuses it and says where.
"""

import json
import math
import re
from typing import Any, Final

from babel.numbers import format_decimal
from flask_babel import get_locale

from services.console.catalogue import gettext
from services.console.policy.words import spans_words

_SPAN: Final = re.compile(r"\s*(\d{1,2})(?:[:hH](\d{2})?)?\s*[-–—à]\s*(\d{1,2})(?:[:hH](\d{2})?)?\s*")


def shown(value: Any, *, percent: bool = False) -> str:
    """A value as it stands in a field; a share as a percentage, without its sign."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, (int, float)):
        scaled = round(100 * value, 4) if percent else value
        return str(format_decimal(scaled, "0.######", locale=get_locale()))
    if isinstance(value, (list, tuple)):
        texts = [shown(one) for one in value]
        return ("; " if any("," in text for text in texts) else ", ").join(texts)
    return str(value)


def number_field(value: Any, *, percent: bool = False) -> str:
    """As `shown`, the way browsers take it in a number field: with a point."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return shown(value)
    return f"{round(100 * value if percent else value, 2):.10g}"


def number(typed: str, *, percent: bool = False) -> Any:
    """A number, None for nothing, or the text that is none."""
    text = re.sub(r"[\s%]", "", typed).replace(",", ".")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        return typed
    if not math.isfinite(value):
        return typed
    if percent:
        return round(value / 100, 6)
    return int(value) if value.is_integer() and "." not in text else value


def strict_json(text: str) -> Any:
    """What can be sent on as JSON: no NaN, nothing infinite, no half characters.

    Raises ValueError or RecursionError.
    """
    value = json.loads(text)
    json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    return value


def as_json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def spans_shown(spans: Any) -> str:
    return spans if isinstance(spans, str) else spans_words(spans)


def spans(typed: str) -> Any:
    """[["09:00", "12:00"], …] from "9h-12h, 14:00-18:00"."""
    found = []
    for part in filter(str.strip, re.split(r"[,;]", typed)):
        match = _SPAN.fullmatch(part)
        if match is None:
            return typed
        hours = [
            f"{int(hour):02}:{minute or '00'}" for hour, minute in (match.group(1, 2), match.group(3, 4))
        ]
        found.append(hours)
    return found
