"""JMESPath with a bound on what one expression may cost. https://jmespath.org/specification.html"""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult
from jmespath.visitor import TreeInterpreter

from services.ingest.connectors.reading import NotUnderstood

MAX_CHARS: Final = 500
# Structures that hold a value many times, as `[@,@]|[@,@]|…`, would cost whoever walks them exponentially.
MAX_COPIES: Final = 16
# What the expressions of one call may visit and make, in values: about a second.
BUDGET: Final = 1_000_000
_MULTISELECTS = ("multi_select_list", "multi_select_dict")


def checked(text: str) -> str:
    """`text`, when it is an expression of bounded cost. Raises ValueError, saying what to do."""
    if len(text) > MAX_CHARS:
        raise ValueError(f"longer than {MAX_CHARS} characters: take the value in fewer steps")
    try:
        parsed = _compiled(text).parsed
    except RecursionError as error:
        raise ValueError("nested too deeply: take the value in fewer steps") from error
    except JMESPathError as error:
        at = getattr(error, "lex_position", None)
        where = "" if at is None else f" at character {at + 1}"
        raise ValueError(f"not a JMESPath expression{where}; a name with a space goes in quotes") from error
    widths = (len(node["children"]) for node in _nodes(parsed) if node["type"] in _MULTISELECTS)
    if math.prod(widths) > MAX_COPIES:
        raise ValueError("it copies what it reads too many times: use fewer [a, b] and {a: b}")
    return text


class Evaluator(TreeInterpreter):  # type: ignore[misc]
    """Evaluates the checked expressions of one call, within one budget."""

    def __init__(self) -> None:
        super().__init__()
        self._left = BUDGET

    def find(self, text: str, value: Any, name: str) -> Any:
        """What the expression finds in `value`. Raises NotUnderstood, which names the field `name`."""
        try:
            return self.visit(_compiled(text).parsed, value)
        # A function given what it cannot take. The message of the library would repeat the value.
        except (JMESPathError, TypeError, ValueError, AttributeError, ArithmeticError, LookupError,
                RecursionError) as error:  # fmt: skip
            raise NotUnderstood(
                f"{name}: the expression does not fit this payload ({type(error).__name__})"
            ) from error

    def visit(self, node: Any, *values: Any, **options: Any) -> Any:
        found = super().visit(node, *values, **options)
        self._left -= 1 + (len(found) if isinstance(found, list | dict) else 0)
        if self._left < 0:
            raise NotUnderstood("the expressions read more of this payload than one call may cost")
        return found


def plain_path(text: str) -> tuple[str, ...] | None:
    """The names of an expression that only goes down through objects, as `contact.email`; None for others."""
    node = _compiled(text).parsed
    children = node["children"] if node["type"] == "subexpression" else [node]
    return tuple(map(str, _field_names(children))) if all(map(_is_path, children)) else None


def _is_path(node: Any) -> bool:
    return node["type"] == "field" or (
        node["type"] == "subexpression" and all(map(_is_path, node["children"]))
    )


def _field_names(nodes: list[Any]) -> Iterator[str]:
    for node in nodes:
        if node["type"] == "field":
            yield node["value"]
        else:
            yield from _field_names(node["children"])


@lru_cache(4_096)
def _compiled(text: str) -> ParsedResult:
    return jmespath.compile(text)


def _nodes(root: Any) -> Iterator[Any]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [child for child in node["children"] if isinstance(child, dict)]
