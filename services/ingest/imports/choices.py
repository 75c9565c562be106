"""What the options of `eclaireur import` make of the proposed mapping. Pure."""

from collections.abc import Sequence
from typing import Any, get_args

from services.ingest.imports.formats import DateOrder, NumberFormat
from services.ingest.imports.mapping import DATES, Condition, ImportRefused, Role, like

_FORMATS: dict[str, str] = {
    **dict.fromkeys(get_args(DateOrder), "date_order"),
    **dict.fromkeys(get_args(NumberFormat), "number"),
}


def parse_condition(text: str) -> Condition:
    """Raises ImportRefused when `text` is not COLUMN=VALUE[,VALUE]."""
    column, equals, values = text.partition("=")
    if not equals or not column.strip():
        raise ImportRefused(f"{text!r} is not COLUMN=VALUE, as in Converted=1")
    return Condition(column=column.strip(), values=[value.strip() for value in values.split(",")])


def parse_map(text: str) -> tuple[str, dict[str, str]]:
    """`COLUMN=ROLE`, `COLUMN=ROLE:FORMAT` or `COLUMN=FORMAT`. Raises ImportRefused."""
    column, _, said = text.rpartition("=")
    changes: dict[str, str] = {}
    for word in said.split(":"):
        if word in get_args(Role):
            changes["as"] = word
        elif word in _FORMATS:
            changes[_FORMATS[word]] = word
        else:
            raise ImportRefused(
                f"{text!r} is not COLUMN=ROLE, as in Courriel=email, or COLUMN=FORMAT, as in Date=dmy. "
                f"Roles: {', '.join(get_args(Role))}. Formats: {', '.join(_FORMATS)}."
            )
    return column, changes


def chosen(
    proposed: dict[str, Any],
    *,
    outcome: str | None = None,
    lost: str | None = None,
    open_: str | None = None,
    exclude: Sequence[str] = (),
    key: str | None = None,
    created: str | None = None,
    closed: str | None = None,
    maps: Sequence[str] = (),
) -> dict[str, Any]:
    """The proposed mapping with what was said on the command line. Raises ImportRefused for a malformed
    option or a column that is not there."""
    columns: dict[str, dict[str, str]] = {name: dict(column) for name, column in proposed["columns"].items()}

    def known(name: str) -> str:
        if name not in columns:
            raise ImportRefused(f'There is no column "{name}". {like(name, list(columns))}')
        return name

    def change(name: str, changes: dict[str, str]) -> None:
        role = changes.get("as")
        if role not in (None, "attribute", "ignore"):
            for column in columns.values():
                if column["as"] == role:
                    column.update({"as": "attribute"})
        columns[known(name)] |= changes

    for name, role in ((key, "key"), (created, "created"), (closed, "closed")):
        if name:
            change(name, {"as": role})
    for text in maps:
        change(*parse_map(text))
    for name in exclude:
        # `Ville (2)` is the second column of that name: what was left out is left out wherever it stands.
        for copy in [one for one in columns if one == known(name) or one.startswith(f"{name} (")]:
            columns[copy] = {"as": "ignore"}
    mapping = {**proposed, "columns": columns}
    for which, said in (("won", outcome), ("lost", lost), ("open", open_)):
        if said:
            condition = parse_condition(said)
            known(condition.column)
            mapping[which] = condition.model_dump()
    return mapping


def still_in_doubt(
    doubts: Sequence[dict[str, Any]], mapping: dict[str, Any], maps: Sequence[str]
) -> list[str]:
    """One line for each question that no option answered, with what to pass."""
    said = {parse_map(text)[0] for text in maps}
    lines = []
    for doubt in doubts:
        name, about = doubt["column"], doubt["about"]
        column = mapping["columns"].get(name, {"as": "ignore"})
        asked = about != "date_order" or column["as"] in DATES
        settled = column["as"] == "ignore" or (name in said if about == "role" else column.get(about))
        if asked and not settled:
            passed = " or ".join(f"--map '{name}={choice}'" for choice in doubt["choices"])
            lines.append(f"{doubt['question']} Pass {passed}.")
    return lines
