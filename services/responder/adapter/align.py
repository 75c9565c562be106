"""The language's rows set so that a translation's tokens mean, on average, what the English ones do."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from tokenizers import Tokenizer

from services.responder.adapter.pairs import Pair
from services.responder.adapter.vocabulary import Vocabulary

MAX_LIGHT: Final = 70_000
"""Pairs of weight 1, taken evenly over all: more bring time and memory, and little else."""
DAMPING: Final = 0.1
"""How strongly a row is held to its translations' mean: as much as a tenth of a one-word pair would."""
ROUNDS: Final = 12


def aligned(
    vocabulary: Vocabulary,
    tokenizers: tuple[Tokenizer, Tokenizer],
    table: NDArray[np.float32],
    pairs: Sequence[Pair],
    weights: Sequence[int],
) -> Vocabulary:
    """The vocabulary with rows that minimise, over pairs, |mean row of the translation - of the English|².

    Ridge regression towards the rows as they are, by conjugate gradients (Shewchuk 1994, with the diagonal
    as preconditioner), each dimension by itself. It learns what no word alone says, that "ne … plus" is "no
    longer" or that articles say little, before the transformer sees a sentence. `tokenizers`: the language's,
    the base model's.
    """
    chosen = _chosen(np.asarray(weights))
    root = np.sqrt(np.asarray(weights, np.float32)[chosen])
    size = len(table) + len(vocabulary.words)
    theirs = _means(tokenizers[0], [pairs[place].translation for place in chosen], size, root)
    english = _means(tokenizers[1], [pairs[place].english for place in chosen], len(table), root) @ table
    own = [*vocabulary.taken, *range(len(table), size)]
    shared = np.setdiff1d(np.arange(len(table)), vocabulary.taken)
    a = theirs[:, own]
    missing = english - theirs[:, shared] @ table[shared]
    change = _ridge(a, missing - a @ vocabulary.rows)
    return replace(vocabulary, rows=(vocabulary.rows + change).astype(np.float32))


def _chosen(weights: NDArray[np.int_]) -> NDArray[np.intp]:
    heavy, light = np.flatnonzero(weights > 1), np.flatnonzero(weights == 1)
    evenly = np.linspace(0, len(light), min(len(light), MAX_LIGHT), endpoint=False).astype(np.intp)
    return np.concatenate([heavy, light[evenly]])


def _ridge(a: Any, target: NDArray[np.float32]) -> NDArray[np.float32]:
    """X that minimises |a X - target|² + DAMPING |X|², nearly: after ROUNDS."""
    diagonal = (np.asarray(a.multiply(a).sum(0)).ravel() + DAMPING)[:, None]
    x = np.zeros((a.shape[1], target.shape[1]), np.float32)
    residual = a.T @ target
    step = residual / diagonal
    length = (residual * step).sum(0)
    for _ in range(ROUNDS):
        image = a.T @ (a @ step) + DAMPING * step
        along = length / np.maximum((step * image).sum(0), 1e-20)
        x += along * step
        residual -= along * image
        scaled = residual / diagonal
        before, length = length, (residual * scaled).sum(0)
        step = scaled + length / np.maximum(before, 1e-20) * step
    return x


def _means(tokenizer: Tokenizer, texts: Sequence[str], size: int, root: NDArray[np.float32]) -> Any:
    """A row a text: each token's share of it, times the root of the pair's weight; (len(texts), size)."""
    encoded = [one.ids for one in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]
    lengths = np.array([len(ids) for ids in encoded])
    starts = np.concatenate([[0], np.cumsum(lengths)])
    columns = np.array([token for ids in encoded for token in ids], np.int32)
    values = np.repeat(root / np.maximum(lengths, 1), lengths).astype(np.float32)
    found = csr_matrix((values, columns, starts), (len(texts), size))
    found.sum_duplicates()
    return found
