"""What the small buttons of the form do: add, move and remove. Pure."""

from collections.abc import Sequence
from typing import Any, Final

from services.console.policy.form import CUT_GRADES, Document, leaves_of

NEW_RULE: Final[Document] = {
    "when": {"field": "source", "op": "is", "value": ""}, "do": "exclude", "grade": None, "reason": "",
}  # fmt: skip
NEW_ACTION: Final[Document] = {
    "when": {"field": "grade", "op": "is", "value": "A"},
    "action": "",
    "owner": None,
    "due": None,
    "reason": None,
}
NEW_LEAF: Final[Document] = {"field": "source", "op": "is", "value": ""}


def index_in(at: str, items: Sequence[Any]) -> int | None:
    """The place that a button names, if there is one."""
    return next((place for place in range(len(items)) if str(place) == at), None)


def edited(document: Document, command: str) -> Document:
    """`document` after a button: "rules.add", "rules.2.up", "rules.2.when.add", "rules.2.when.0.remove",
    "segments.add". One that names what is not there changes nothing."""
    part, *rest = command.split(".")
    if part in ("rules", "next_actions"):
        items = list(document[part])
        _edit_items(items, rest, NEW_RULE if part == "rules" else NEW_ACTION)
        return {**document, part: items}
    if part == "segments":
        grades = document["grades"]
        segments = list(grades["segments"].items())
        _edit_items(segments, rest, ("", grades["all"] or dict.fromkeys(CUT_GRADES)))
        return {**document, "grades": {**grades, "segments": dict(segments)}}
    return document


def _edit_items(items: list[Any], rest: Sequence[str], new: Any) -> None:
    match rest:
        case ["add"]:
            # The last next action is the one for all the others: what is new stands before it.
            last = (
                bool(items)
                and isinstance(items[-1], dict)
                and "action" in items[-1]
                and not items[-1]["when"]
            )
            items.insert(len(items) - last, new)
        case [at, verb, *more] if (place := index_in(at, items)) is not None:
            _edit_item(items, place, verb, more)


def _edit_item(items: list[Any], at: int, verb: str, more: Sequence[str]) -> None:
    match verb, more:
        case "remove", []:
            items.pop(at)
        case "up", [] if at > 0:
            items[at - 1], items[at] = items[at], items[at - 1]
        case "down", [] if at + 1 < len(items):
            items[at + 1], items[at] = items[at], items[at + 1]
        case "when", _:
            known = leaves_of(items[at]["when"])
            if known is not None:
                items[at] = {**items[at], "when": _edited_condition(known[0], list(known[1]), more)}


def _edited_condition(join: str, leaves: list[Document], rest: Sequence[str]) -> Any:
    match rest:
        case ["add"]:
            leaves.append(NEW_LEAF)
        case [at, "remove"] if (place := index_in(at, leaves)) is not None:
            leaves.pop(place)
    if not leaves:
        return None
    return leaves[0] if len(leaves) == 1 else {join: leaves}
