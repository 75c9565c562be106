"""A YAML document and the line of each of its fields.

Every scalar is a text, as YAML's failsafe schema has it: `no`, `1.10` and `2026-01-01` stay what was written,
and the model says what each has to be.
"""

from collections.abc import Sequence
from typing import Any, Final

import yaml

MAX_CHARS: Final = 64_000


class InvalidDocument(ValueError):
    """Not one YAML mapping. The message says where and what to do; `line` counts from 1."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


class _Loader(yaml.BaseLoader):
    """Texts, lists and mappings; no aliases, which could make a small document a huge one."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise InvalidDocument("aliases (*name) are not read: write it out", self.line + 1)
        return super().compose_node(parent, index)


class Document:
    """`value` is the mapping; `line` finds where a field stands."""

    def __init__(self, text: str) -> None:
        """Raises InvalidDocument."""
        if len(text) > MAX_CHARS:
            raise InvalidDocument(f"longer than {MAX_CHARS:,} characters")
        try:
            loader = _Loader(text)
            self._root = loader.get_single_node()
            if not isinstance(self._root, yaml.MappingNode):
                raise InvalidDocument("not a YAML mapping: begin with `name: …` and `kind: …`", 1)
            _refuse_repeats(self._root)
            self.value: dict[str, Any] = loader.construct_document(self._root)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else None
            raise InvalidDocument(f"not YAML: {error.problem or error.context}", line) from error
        except (yaml.YAMLError, RecursionError, TypeError) as error:
            raise InvalidDocument(
                "not YAML that can be read: look for odd characters and deep nesting"
            ) from error

    def line(self, path: Sequence[str | int]) -> int | None:
        """The line (from 1) of the field, or of what it would stand in; other steps are passed."""
        node, line = self._root, None
        for step in path:
            if isinstance(node, yaml.MappingNode):
                found = next(((key, value) for key, value in node.value if key.value == str(step)), None)
                if found:
                    node, line = found[1], found[0].start_mark.line + 1
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
                line = node.start_mark.line + 1
        return line


def _refuse_repeats(root: yaml.Node) -> None:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            names = set()
            for key, value in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    raise InvalidDocument("a field's name is a text", key.start_mark.line + 1)
                if key.value in names:
                    raise InvalidDocument(f"{key.value!r} stands here twice", key.start_mark.line + 1)
                names.add(key.value)
                waiting.append(value)
