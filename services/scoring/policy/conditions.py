"""Conditions over what is known of a lead: a small language in JSON, a table of operators. Pure.

``{"field": "attribute.sector", "op": "is", "value": "student"}``, joined by ``{"all": [...]}``,
``{"any": [...]}`` and ``{"not": ...}``. Texts are compared without case and accents. A field that is not
known fulfils nothing but `missing`, `is_not` and `not_in`.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from services.scoring.columns import is_missing
from services.scoring.priority import Scalar
from services.scoring.quality.rules import folded
from shared.text import Text

Facts = Mapping[str, Scalar]
Flags = npt.NDArray[np.bool_]
Test = Callable[[Scalar], bool]

OWN_FACTS = ("company", "email_domain", "source", "owner", "message_waiting", "probability", "grade")
"""Known of every lead beside its features."""
AT_WORK = ("status", "draft_status")
"""Known when a lead is shown, not when it is scored."""
FEATURES = ("stage", "source_channel", "language", "amount", "free_mail", "has_email", "has_phone")
MORE_FEATURES = ("has_company", "days_since_first", "days_since_last", "message_waiting_days")
PREFIXES = ("attribute.", "activity.")
MOST_DEEP, MOST_JOINED = 6, 50


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def known_fields() -> tuple[str, ...]:
    """Those that every house has."""
    return (*OWN_FACTS, *AT_WORK, *FEATURES, *MORE_FEATURES)


def _field(name: str) -> str:
    known = known_fields()
    if name not in known and not any(name.startswith(p) and len(name) > len(p) for p in PREFIXES):
        choices = ", ".join(sorted(known))
        raise ValueError(
            f"not a field of a lead: use attribute.<name>, activity.<name>.count, or one of {choices}"
        )
    return name


FieldName = Annotated[Text, Field(max_length=200), AfterValidator(_field)]
Given = Annotated[float, Field(allow_inf_nan=False)] | bool | Annotated[Text, Field(max_length=500)]


@lru_cache(50_000, typed=True)
def spoken(value: Scalar) -> str:
    """One text for what a person would call the same value: 3, 3.0 and "3"; "Étudiant" and "etudiant"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.15g}" if isinstance(value, (int, float)) else folded(value or "")


def number(value: Scalar) -> float:
    """NaN for what is none: it fulfils no comparison."""
    if isinstance(value, bool) or value is None:
        return math.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan


def _known(test: Test) -> Test:
    return lambda value: not is_missing(value) and test(value)


def _text(compare: Callable[[str, str], bool]) -> Callable[[Any], Test]:
    def make(given: Any) -> Test:
        wanted = spoken(given)
        return _known(lambda value: compare(spoken(value), wanted))

    return make


def _number(compare: Callable[[float, float], bool]) -> Callable[[Any], Test]:
    return lambda given: lambda value: compare(number(value), given)


def _among(given: Any) -> Test:
    wanted = frozenset(map(spoken, given))
    return _known(lambda value: spoken(value) in wanted)


def _unless(make: Callable[[Any], Test]) -> Callable[[Any], Test]:
    def inverse(given: Any) -> Test:
        test = make(given)
        return lambda value: not test(value)

    return inverse


@dataclass(frozen=True, slots=True)
class Operator:
    """`takes`: what its value is, for a person; `fits`: whether a value is that."""

    takes: str
    fits: Callable[[Any], bool]
    make: Callable[[Any], Test]


def _is_one(value: Any) -> bool:
    return value is not None and not isinstance(value, list) and spoken(value) != ""


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and spoken(value) != ""


def _is_number(value: Any) -> bool:
    return math.isfinite(number(value)) and not isinstance(value, str)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(map(_is_one, value))


_same = _text(lambda value, wanted: value == wanted)
OPERATORS: Mapping[str, Operator] = {
    "is": Operator("one value", _is_one, _same),
    "is_not": Operator("one value", _is_one, _unless(_same)),
    "in": Operator("a list of values", _is_list, _among),
    "not_in": Operator("a list of values", _is_list, _unless(_among)),
    "contains": Operator("a text", _is_text, _text(lambda value, wanted: wanted in value)),
    "starts_with": Operator("a text", _is_text, _text(str.startswith)),
    "ends_with": Operator("a text", _is_text, _text(str.endswith)),
    "at_least": Operator("a number", _is_number, _number(lambda value, least: value >= least)),
    "at_most": Operator("a number", _is_number, _number(lambda value, most: value <= most)),
    "above": Operator("a number", _is_number, _number(lambda value, limit: value > limit)),
    "below": Operator("a number", _is_number, _number(lambda value, limit: value < limit)),
    "known": Operator("no value", lambda value: value is None, lambda _: lambda value: not is_missing(value)),
    "missing": Operator("no value", lambda value: value is None, lambda _: is_missing),
}


def _operator(name: str) -> str:
    if name not in OPERATORS:
        raise ValueError(f"not an operator: use one of {', '.join(OPERATORS)}")
    return name


class Leaf(Closed):
    field: FieldName
    op: Annotated[str, AfterValidator(_operator)]
    value: Given | Annotated[list[Given], Field(max_length=1000)] | None = None

    @model_validator(mode="after")
    def _value_fits(self) -> Self:
        operator = OPERATORS[self.op]
        if not operator.fits(self.value):
            raise ValueError(f"{self.op} takes {operator.takes}: change value")
        return self


class All(Closed):
    all: list["Condition"] = Field(min_length=1, max_length=MOST_JOINED)


class AnyOf(Closed):
    any: list["Condition"] = Field(min_length=1, max_length=MOST_JOINED)


class Not(Closed):
    not_: "Condition" = Field(alias="not")


def _shape(value: Any) -> str:
    given = (
        value if isinstance(value, dict) else type(value).model_fields if isinstance(value, Closed) else ()
    )
    for name, tag in (("all", "all"), ("any", "any"), ("not", "not"), ("not_", "not")):
        if name in given:
            return tag
    return "field" if "field" in given else "unknown"


Condition = Annotated[
    Annotated[Leaf, Tag("field")]
    | Annotated[All, Tag("all")]
    | Annotated[AnyOf, Tag("any")]
    | Annotated[Not, Tag("not")],
    Discriminator(
        _shape,
        custom_error_type="condition",
        custom_error_message="not a condition: give field, op and value, or all, any or not",
    ),
]
for _model in (All, AnyOf, Not):
    _model.model_rebuild()


def parts(condition: Leaf | All | AnyOf | Not) -> list[Any]:
    match condition:
        case All(all=joined) | AnyOf(any=joined):
            return joined
        case Not(not_=inner):
            return [inner]
        case _:
            return []


def leaves(condition: Leaf | All | AnyOf | Not) -> Iterator[Leaf]:
    """Every comparison in it, in reading order."""
    if isinstance(condition, Leaf):
        yield condition
    for part in parts(condition):
        yield from leaves(part)


def depth(condition: Leaf | All | AnyOf | Not) -> int:
    return 1 + max((depth(part) for part in parts(condition)), default=0)


def compiled(condition: Leaf | All | AnyOf | Not) -> Callable[[Facts], bool]:
    """Whether the facts of one lead fulfil `condition`."""
    match condition:
        case Leaf(field=field, op=op, value=value):
            test = OPERATORS[op].make(value)
            return lambda facts: test(facts.get(field))
        case All(all=joined):
            every = tuple(map(compiled, joined))
            return lambda facts: all(one(facts) for one in every)
        case AnyOf(any=joined):
            some = tuple(map(compiled, joined))
            return lambda facts: any(one(facts) for one in some)
        case Not(not_=inner):
            refused = compiled(inner)
            return lambda facts: not refused(facts)


Columns = Mapping[str, npt.NDArray[Any]]


def flags(condition: Leaf | All | AnyOf | Not, columns: Columns, count: int) -> Flags:
    """`compiled` over `count` leads at once, given by columns; each value that occurs is tested once."""
    match condition:
        case Leaf(field=field, op=op, value=value):
            if field not in columns:
                return np.full(count, OPERATORS[op].make(value)(None))
            tested: dict[Any, bool] = {}
            test = OPERATORS[op].make(value)
            values = columns[field].tolist()
            for one in {(type(v), v) for v in values}:
                tested[one] = test(one[1])
            return np.fromiter((tested[type(v), v] for v in values), dtype=np.bool_, count=count)
        case All(all=joined):
            return np.logical_and.reduce([flags(one, columns, count) for one in joined])  # type: ignore[no-any-return]
        case AnyOf(any=joined):
            return np.logical_or.reduce([flags(one, columns, count) for one in joined])  # type: ignore[no-any-return]
        case Not(not_=inner):
            return ~flags(inner, columns, count)
