"""Templates: text with slots such as ``{{ lead.name }}``, and nothing else of Jinja.

A template is written by the house. What a lead wrote is only ever a value put into a slot.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from jinja2 import StrictUndefined, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

SLOTS: Final = (
    "lead.name", "lead.first_name", "lead.company", "rep.name", "rep.role", "rep.phone",
    "house.name", "house.phone", "house.calendar",
)  # fmt: skip

_SLOT = re.compile(r"\{\{.*?\}\}")
_MARKS = ("{{", "{%", "{#", "}}", "%}", "#}")
_environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)


class InvalidTemplate(ValueError):
    """A template that cannot be used; the message says what to change."""


def has_marks(text: str) -> bool:
    """Whether the text holds anything that a template would interpret."""
    return any(mark in text for mark in _MARKS)


def check_template(text: str, slots: Sequence[str] = SLOTS) -> None:
    """Raise InvalidTemplate unless the text holds only words and slots of `slots`.

    The sandbox alone would let a template loop, call and hide text; with slots only, each sentence can be
    rendered by itself and shown beside its source.
    """
    if "{%" in text or "{#" in text:
        raise InvalidTemplate(
            "a template has slots such as {{ lead.name }} only, no loops, conditions or comments"
        )
    try:
        tree = _environment.parse(text)
    except TemplateSyntaxError as error:
        raise InvalidTemplate(
            f"line {error.lineno}: a slot is not complete; write it as {{{{ lead.name }}}}"
        ) from error
    for output in tree.body:
        for node in output.iter_child_nodes():
            if not isinstance(node, nodes.TemplateData) and _slot(node) not in slots:
                raise InvalidTemplate(f"line {node.lineno}: unknown slot; choose among {', '.join(slots)}")


def render(text: str, values: Mapping[str, str]) -> str:
    """Put `values` (slot → text) into the slots of a checked template.

    Raises jinja2.UndefinedError when a slot has no value: nothing is left out silently.
    """
    context: dict[str, dict[str, str]] = {}
    for slot, value in values.items():
        owner, _, field = slot.partition(".")
        context.setdefault(owner, {})[field] = value
    return _environment.from_string(text).render(context)


def slots_of(text: str) -> set[str]:
    """The slots of a checked template."""
    return {slot.strip("{} ") for slot in _SLOT.findall(text)}


def without_slots(text: str) -> str:
    """The words of a template alone."""
    return _SLOT.sub(" ", text)


def _slot(node: nodes.Node) -> str | None:
    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
        return f"{node.node.name}.{node.attr}"
    return None
