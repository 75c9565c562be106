"""Texts as weighted bags of what they are made of: pieces of words, whole words, a trade's concepts. Pure."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer

from services.responder.concepts import concepts, names
from services.responder.folding import fold

SHARES: Final = (0.35, 0.15, 0.5)
"""Of the cosine of two texts: pieces of words, whole words, concepts. Fitted on the development set."""


class Pieces:
    """Texts → weighted pieces of words, whole words and concepts, unit rows; folded."""

    def __init__(self) -> None:
        self._characters = TfidfVectorizer(
            preprocessor=fold, analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, dtype=np.float32
        )
        self._words = TfidfVectorizer(
            preprocessor=fold,
            token_pattern=r"[a-z0-9]+",  # noqa: S106 - not a password
            ngram_range=(1, 2),
            sublinear_tf=True,
            dtype=np.float32,
        )

        self._concepts = TfidfVectorizer(
            analyzer=concepts, sublinear_tf=True, dtype=np.float32, vocabulary=names()
        )

    def fit(self, texts: Sequence[str]) -> csr_matrix:
        return self._joined([part.fit_transform(texts) for part in self._parts])

    def transform(self, texts: Sequence[str]) -> csr_matrix:
        return self._joined([part.transform(texts) for part in self._parts])

    @property
    def _parts(self) -> tuple[TfidfVectorizer, ...]:
        return self._characters, self._words, self._concepts

    @staticmethod
    def _joined(parts: Sequence[csr_matrix]) -> csr_matrix:
        weighted = [part * np.float32(weight**0.5) for part, weight in zip(parts, SHARES, strict=True)]
        return hstack(weighted).tocsr()
