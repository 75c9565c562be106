"""The adapter as one file: rows in int8, low-rank changes in half precision, checked by its SHA-256."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from services.responder.adapter.vocabulary import Vocabulary
from shared.errors import UserError

if TYPE_CHECKING:
    from services.responder.adapter.student import Student

FORMAT: Final = "1"
SCALE: Final = 2.0
"""Of the low-rank changes (alpha / rank in the paper's words)."""
TABLE: Final = "embeddings.word_embeddings.weight"
MAX_BYTES: Final = 10_000_000
FILE: Final = "adapter.safetensors"


class AdapterUnusable(UserError):
    """The adapter is damaged, of another form, or made for another model."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """What a model needs to speak a language. `base`: SHA-256 of the weights that it was made for.

    `vocabulary.rows` are as they will be served, from int8. `low_rank`: name → (up, down), float32.
    """

    language: str
    base: str
    vocabulary: Vocabulary
    low_rank: dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]

    @classmethod
    def of(cls, language: str, base: str, student: "Student", vocabulary: Vocabulary) -> Self:
        """What `student` has learnt."""
        rows = student.rows.weight.detach().numpy()
        low_rank = {
            name: (module.up.detach().numpy(), module.down.detach().numpy())
            for name, module in student.low_rank().items()
        }
        return cls(language, base, replace(vocabulary, rows=rows), low_rank)

    def packed(self) -> bytes:
        """The file's content: the same adapter gives the same bytes."""
        scale = np.abs(self.vocabulary.rows).max(axis=1, keepdims=True) / 127
        scale = np.maximum(scale, 1e-8).astype(np.float32)
        tensors: dict[str, NDArray[Any]] = {
            "rows": np.round(self.vocabulary.rows / scale).astype(np.int8),
            "scale": scale,
            "taken": np.array(self.vocabulary.taken, np.int32),
            "words": np.frombuffer("\n".join(self.vocabulary.words).encode(), np.uint8),
        }
        for name, (up, down) in self.low_rank.items():
            tensors |= {f"{name}.up": up.astype(np.float16), f"{name}.down": down.astype(np.float16)}
        # Metadata is a hash map in safetensors, and would come out in any order: one key only.
        about = {
            "format": FORMAT,
            "language": self.language,
            "base": self.base,
            "pieces": self.vocabulary.pieces,
        }
        return save(tensors, metadata={"about": json.dumps(about)})

    def write(self, folder: Path) -> str:
        """Write the file and its SHA-256 beside it; return the SHA-256. Raises UserError beyond MAX_BYTES."""
        data = self.packed()
        if len(data) > MAX_BYTES:
            raise UserError(
                f"the adapter has {len(data):,} bytes, more than {MAX_BYTES:,}: ask for fewer rows"
            )
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = folder / f"{FILE}.part"
        unfinished.write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        (folder / f"{FILE}.sha256").write_text(f"{digest}  {FILE}\n", encoding="ascii")
        os.replace(unfinished, folder / FILE)
        return digest

    def applied(self, weights: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The base model's weights with what was learnt: a longer table, merged maps, nothing slower."""
        table = weights[TABLE]
        longer = np.concatenate([table, np.zeros((len(self.vocabulary.words), table.shape[1]), table.dtype)])
        longer[[*self.vocabulary.taken, *range(len(table), len(longer))]] = self.vocabulary.rows
        merged = {
            f"{name}.weight": weights[f"{name}.weight"] + SCALE * up @ down
            for name, (up, down) in self.low_rank.items()
        }
        return weights | merged | {TABLE: longer}


@dataclass(frozen=True, slots=True)
class Description:
    """What tells the adapter's texts, without what was learnt: read at each start, in a third of the time.

    `words` and `taken` are the vocabulary's; `taken` without the pieces that mean the same in English.
    """

    base: str
    words: list[str]
    taken: list[int]


def describe_adapter(folder: Path) -> Description:
    """Of the adapter kept in `folder`. Raises as `load_adapter` does."""
    about, tensors = _read(folder, ("words", "taken"))
    taken = tensors["taken"].tolist()
    return Description(about["base"], _words(tensors), taken[: len(taken) - about["pieces"]])


def load_adapter(folder: Path) -> Adapter:
    """The adapter kept in `folder`. Raises AdapterUnusable when it is missing, damaged or of another form."""
    about, tensors = _read(folder)
    rows = tensors["rows"].astype(np.float32) * tensors["scale"]
    vocabulary = Vocabulary(_words(tensors), tensors["taken"].tolist(), rows, about["pieces"])
    names = sorted(name.removesuffix(".up") for name in tensors if name.endswith(".up"))
    low_rank = {
        name: (tensors[f"{name}.up"].astype(np.float32), tensors[f"{name}.down"].astype(np.float32))
        for name in names
    }
    return Adapter(about["language"], about["base"], vocabulary, low_rank)


def _words(tensors: dict[str, NDArray[Any]]) -> list[str]:
    return tensors["words"].tobytes().decode().split("\n")


def _read(folder: Path, names: Sequence[str] = ()) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """(what the file says of itself, its tensors of these names, or all)."""
    path = folder / FILE
    try:
        expected = (folder / f"{FILE}.sha256").read_text(encoding="ascii").split()[0]
        found = file_sha256(path)
    except (OSError, IndexError, UnicodeDecodeError) as error:
        raise AdapterUnusable(f"{folder} holds no adapter with its SHA-256: {error}") from error
    if found != expected:
        raise AdapterUnusable(
            f"{path} has the SHA-256 {found}, not {expected}: take it from its source again"
        )
    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads(file.metadata()["about"])
            tensors = {name: file.get_tensor(name) for name in names or file.keys()}
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise AdapterUnusable(f"{path} is no adapter: {error}") from error
    if about.get("format") != FORMAT:
        raise AdapterUnusable(f"{path} has the form {about.get('format')}, not {FORMAT}: train it again")
    return about, tensors


def file_sha256(path: Path) -> str:
    """Of a file's bytes, in hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
