"""Why a score is what it is: codes with parameters, one per theme, put into words at the edge (wording.py).

A theme is what a person would call one thing: all the features of one activity, or any other single feature.
Parameters hold numbers, names of activities and attributes, and categories the model knows from several
leads; never a lead's own text, so that no personal data leaves with a score.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from services.scoring.columns import Columns, is_missing, level_of
from services.scoring.features import Features
from services.scoring.priority import Scalar

TINY = 0.02  # log-odds; half a percentage point at most
# Beyond, what counts is the silence since: soon when it speaks against the lead, late when it speaks for it.
RECENT_DAYS_AGAINST, RECENT_DAYS_FOR = 3, 30
OTHER = "other"

_ACTIVITY, _ATTRIBUTE = "activity.", "attribute."
_WINDOWS = {"count_1d": 1, "count_7d": 7, "count_30d": 30, "count_90d": 90}

Params = dict[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Reason:
    """`contribution` is in calibrated log-odds: above zero for the lead, below against."""

    code: str
    params: Params
    contribution: float


def explain(contributions: Mapping[str, float], features: Features, columns: Columns) -> list[Reason]:
    """Every reason, the strongest first; those below `TINY` are added up as one `other`, last.

    `contributions` are a score's own, by feature; those of the reasons have the same sum.
    """
    totals: dict[tuple[str, tuple[tuple[str, str | int | float], ...]], float] = {}
    rest = 0.0
    for theme, members in _themes(tuple(contributions)):
        total = sum([contributions[feature] for feature in members])
        said = None if abs(total) < TINY else _said(theme, members, contributions, total, features, columns)
        if said is None:
            rest += total
        else:
            code, params = said
            key = code, tuple(params.items())  # no address at all shows in two features, and is said once
            totals[key] = totals.get(key, 0.0) + total
    reasons = [Reason(code, dict(params), total) for (code, params), total in totals.items()]
    reasons.sort(key=lambda reason: (-abs(reason.contribution), reason.code))
    if rest:
        reasons.append(Reason(OTHER, {}, rest))
    return reasons


@lru_cache(16)
def _themes(features: tuple[str, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(theme, its features) of a model's features, in their order."""
    themes: dict[str, list[str]] = {}
    for feature in features:
        themes.setdefault(_theme(feature), []).append(feature)
    return tuple((theme, tuple(members)) for theme, members in themes.items())


def _theme(feature: str) -> str:
    """`activity.<name>` for the features of an activity, whose name may hold dots; else the feature."""
    return feature.rpartition(".")[0] if feature.startswith(_ACTIVITY) else feature


def _said(
    theme: str,
    members: tuple[str, ...],
    contributions: Mapping[str, float],
    total: float,
    features: Features,
    columns: Columns,
) -> tuple[str, Params] | None:
    if theme.startswith(_ACTIVITY):
        return _activity(theme, members, contributions, total, features)
    if theme.startswith(_ATTRIBUTE):
        name = theme.removeprefix(_ATTRIBUTE)
        return _field("attribute", {"attribute": name}, features.get(theme), columns, theme)
    if theme in _CATEGORIES:
        return _field(_CATEGORIES[theme], {"field": theme}, features.get(theme), columns, theme)
    say = _SAYINGS.get(theme)
    return None if say is None else say(features.get(theme))


def _activity(
    theme: str,
    members: tuple[str, ...],
    contributions: Mapping[str, float],
    total: float,
    features: Features,
) -> tuple[str, Params]:
    """What weighed most in the theme's direction: how long ago, or how many in which window."""
    name: Params = {"activity": theme.removeprefix(_ACTIVITY)}
    count, last = _number(features.get(f"{theme}.count")), _number(features.get(f"{theme}.days_since_last"))
    if not count:
        return "activity_none", name
    heaviest = (max if total > 0 else min)(members, key=contributions.__getitem__)
    measure = heaviest.rpartition(".")[2]
    in_window = _number(features.get(heaviest))
    if measure in _WINDOWS and in_window:
        return "activity_count", {**name, "count": round(in_window), "days": _WINDOWS[measure]}
    if measure == "count" or last is None:
        return "activity_total", {**name, "count": round(count)}
    recent = last <= (RECENT_DAYS_FOR if total > 0 else RECENT_DAYS_AGAINST)
    return "activity_recent" if recent else "activity_old", {**name, "days": round(last)}


def _field(prefix: str, named: Params, value: Scalar, columns: Columns, feature: str) -> tuple[str, Params]:
    """A company's own field, or a category such as the stage: its value when the model knows it."""
    column = columns.by_name[feature]
    if column.kind == "category" and not is_missing(value):
        level = level_of(value)
        if level in column.codes:
            return f"{prefix}_is", {**named, "value": level}
        return f"{prefix}_other", named
    if isinstance(value, bool):
        return f"{prefix}_{'yes' if value else 'no'}", named
    number = _number(value)
    return (
        (f"{prefix}_missing", named) if number is None else (f"{prefix}_number", {**named, "value": number})
    )


def _yes_or_no(yes: str, no: str, unknown: str) -> Callable[[Scalar], tuple[str, Params]]:
    def say(value: Scalar) -> tuple[str, Params]:
        return (unknown if is_missing(value) else yes if value else no), {}

    return say


def _with_number(code: str, name: str, missing: str) -> Callable[[Scalar], tuple[str, Params]]:
    def say(value: Scalar) -> tuple[str, Params]:
        number = _number(value)
        if number is None:
            return missing, {}
        return code, {name: round(number) if name == "days" else number}

    return say


def _number(value: Scalar) -> float | None:
    """None when missing or not a number."""
    return None if is_missing(value) or not isinstance(value, (int, float)) else value


_CATEGORIES = {"stage": "field", "source_channel": "field", "source": "field", "language": "field"}
_SAYINGS: Mapping[str, Callable[[Scalar], tuple[str, Params]]] = {
    "days_since_first": _with_number("lead_age", "days", "lead_age_unknown"),
    "days_since_last": _with_number("silence_days", "days", "silence_unknown"),
    "amount": _with_number("amount_is", "amount", "amount_missing"),
    "message_waiting_days": _with_number("message_waiting", "days", "no_message_waiting"),
    "has_email": _yes_or_no("email_known", "email_missing", "email_missing"),
    "has_phone": _yes_or_no("phone_known", "phone_missing", "phone_missing"),
    "has_company": _yes_or_no("company_known", "company_missing", "company_missing"),
    "free_mail": _yes_or_no("free_mail", "company_mail", "email_missing"),
}
