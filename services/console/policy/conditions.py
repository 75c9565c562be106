"""A condition of a policy in words. Pure, in the language of the page."""

from collections.abc import Mapping
from typing import Any, Final

from babel.numbers import format_decimal, format_percent
from flask_babel import get_locale

from services.console.catalogue import N_, gettext

FIELDS: Final = {
    "grade": N_("grade"),
    "probability": N_("chances of conversion"),
    "source": N_("source"),
    "owner": N_("followed by"),
    "company": N_("company"),
    "email_domain": N_("e-mail domain"),
    "message_waiting": N_("a message waits"),
    "message_waiting_days": N_("days a message has waited"),
    "status": N_("status"),
    "draft_status": N_("state of the draft"),
    "stage": N_("stage"),
    "source_channel": N_("channel"),
    "language": N_("language"),
    "amount": N_("amount"),
    "free_mail": N_("free e-mail address"),
    "has_email": N_("has an e-mail address"),
    "has_phone": N_("has a phone number"),
    "has_company": N_("has a company"),
    "days_since_first": N_("days since it is known"),
    "days_since_last": N_("days since it last did something"),
}
YES_OR_NO: Final = ("message_waiting", "free_mail", "has_email", "has_phone", "has_company")

VALUES: Final[Mapping[str, Mapping[Any, str]]] = {
    "status": {"open": N_("open"), "won": N_("won"), "lost": N_("lost")},
    "draft_status": {
        "waiting": N_("waits for a decision"),
        "no_source": N_("to be written"),
        "approved": N_("approved"),
        "rejected": N_("rejected"),
        "sent": N_("sent"),
        "failed": N_("not sent"),
        "stale": N_("overtaken by a newer message"),
    },
}

OPERATORS: Final = {
    "is": N_("is"),
    "is_not": N_("is not"),
    "in": N_("is one of"),
    "not_in": N_("is none of"),
    "contains": N_("contains"),
    "starts_with": N_("begins with"),
    "ends_with": N_("ends with"),
    "at_least": N_("is at least"),
    "at_most": N_("is at most"),
    "above": N_("is above"),
    "below": N_("is below"),
    "known": N_("is known"),
    "missing": N_("is not known"),
}

_MEASURES: Final = {
    "count": N_("times"),
    "count_7d": N_("times in 7 days"),
    "count_30d": N_("times in 30 days"),
    "count_90d": N_("times in 90 days"),
    "days_since_last": N_("days since the last time"),
}


def number(value: float) -> str:
    return str(format_decimal(value, locale=get_locale()))


def percent(value: float) -> str:
    return str(format_percent(value, "#,##0.## %", locale=get_locale()))


def field_words(field: str) -> str:
    """A field as people call it; the house's own by their own names."""
    if field.startswith("attribute."):
        return field.removeprefix("attribute.")
    if field.startswith("activity."):
        name, _, measure = field.removeprefix("activity.").rpartition(".")
        said = gettext(_MEASURES[measure]) if measure in _MEASURES else measure
        return gettext("%(activity)s (%(measure)s)", activity=name, measure=said)
    return gettext(FIELDS[field]) if field in FIELDS else field


def condition_words(condition: Any, *, within: bool = False) -> str:
    """`within` another: in brackets when it joins several. What is no condition is told as it was typed."""
    if condition is None:
        return gettext("always")
    if not isinstance(condition, Mapping):
        return str(condition)
    if "not" in condition:
        return gettext("not (%(condition)s)", condition=condition_words(condition["not"]))
    for joined, word in (("all", gettext("and")), ("any", gettext("or"))):
        if joined in condition:
            inner = condition[joined] if isinstance(condition[joined], list) else [condition[joined]]
            parts = [condition_words(part, within=True) for part in inner]
            said = f" {word} ".join(parts)
            return f"({said})" if within and len(parts) > 1 else said
    return _comparison(condition)


def _comparison(leaf: Mapping[str, Any]) -> str:
    field, op, value = leaf.get("field", ""), leaf.get("op", ""), leaf.get("value")
    name = field_words(field)
    if isinstance(value, bool) and op in ("is", "is_not"):
        answer = gettext("yes") if value == (op == "is") else gettext("no")
        return gettext("%(field)s: %(answer)s", field=name, answer=answer)
    said = gettext(OPERATORS[op]) if op in OPERATORS else op
    if value is None:
        return f"{name} {said}"
    values = value if isinstance(value, list) else [value]
    return f"{name} {said} {', '.join(_value(field, one) for one in values)}"


def _value(field: str, value: Any) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, (int, float)):
        return percent(value) if field == "probability" else number(value)
    if field in VALUES and value in VALUES[field]:
        value = gettext(VALUES[field][value])
    return str(value) if field == "grade" else gettext("“%(name)s”", name=value)
