"""Texts of several languages → vectors of one space: each sentence through the model that speaks it."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from services.responder.adapter.routing import Words, parts_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

Encode = Callable[[str, Sequence[str]], "NDArray[np.float32]"]


def embed_by_language(texts: Sequence[str], languages: Mapping[str, Words], encode: Encode) -> "NDArray[Any]":
    """Unit vectors, (len(texts), dimension). `encode(language, texts)` gives those of one language.

    A text of one language has the vector that its model gives, to the bit; one of several the mean of its
    parts', weighted by their letters.
    """
    parts = [parts_of(text, languages) for text in texts]
    by_language: dict[str, list[tuple[int, float, str]]] = defaultdict(list)
    for place, of_text in enumerate(parts):
        for part in of_text:
            by_language[part.language].append((place, part.weight, part.text))
    vectors: NDArray[Any] | None = None
    for language, some in by_language.items():
        found = encode(language, [text for _, _, text in some])
        if vectors is None:
            vectors = np.zeros((len(texts), found.shape[1]), dtype=np.float32)
        for (place, weight, _), vector in zip(some, found, strict=True):
            vectors[place] += vector if weight == 1 else weight * vector
    if vectors is None:
        return encode("en", [])
    mixed = [place for place, of_text in enumerate(parts) if len(of_text) > 1]
    vectors[mixed] /= np.linalg.norm(vectors[mixed], axis=1, keepdims=True)
    return vectors
