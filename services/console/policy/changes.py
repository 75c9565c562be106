"""What differs between two policies, in sentences. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

from services.console.policy.words import Document, parts


@dataclass(frozen=True, slots=True)
class Change:
    """`before` is None for what is new, `after` for what is gone; `moved`: the same at another place."""

    before: str | None
    after: str | None
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Changed:
    title: str
    changes: Sequence[Change]


def changes(before: Document, after: Document, actions: Mapping[str, str]) -> list[Changed]:
    """Part by part; nothing for a part that says the same in both."""
    old = {part.key: part for part in parts(before, actions)}
    new = {part.key: part for part in parts(after, actions)}
    found = []
    for key in dict.fromkeys((*old, *new)):
        one, other = old.get(key), new.get(key)
        told = _sentences(one.sentences if one else (), other.sentences if other else ())
        if told:
            titled = other or one
            assert titled is not None  # noqa: S101 - the key is of one of them
            found.append(Changed(titled.title, told))
    return found


def _sentences(old: Sequence[str], new: Sequence[str]) -> list[Change]:
    told: list[Change] = []
    for tag, from_, to, start, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            told += [Change(gone, come) for gone, come in zip_longest(old[from_:to], new[start:end])]
    gone = {change.before for change in told}
    come = {change.after for change in told}
    both = (gone & come) - {None}
    rest = [
        Change(
            None if change.before in both else change.before, None if change.after in both else change.after
        )
        for change in told
    ]
    return [change for change in rest if change.before or change.after] + [
        Change(sentence, sentence, moved=True) for sentence in new if sentence in both
    ]
