"""The language's words as tokens of their own, each beginning as the mean of its translations."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from services.responder.adapter.lexicon import Lexicon

TOKENIZED_AT_ONCE = 10_000
MIN_COUNT = 3
MIN_FOREIGN_SHARE = 3
"""A word becomes the language's own when it is so much more frequent there than in English."""
MIN_COUNT_OF_TAKEN = 20
MIN_SHARE_OF_TAKEN = 20
"""The same for a word that is an English token already ("on", "pour"): it must be beyond doubt."""
MIN_TRANSLATION = 0.08
MIN_COUNT_OF_PIECE = 50
"""A base token that the language's texts hold so often gets a row of its own, and begins as it is."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Rows of the embedding table that the language has for itself.

    `words`: new tokens, in the order of their numbers, from the size of the base table. `taken`: numbers of
    base tokens that have a row of their own here; the last `pieces` of them mean the same in English (names,
    figures, endings), the others something else. `rows`: float32, (len(taken) + len(words), dimension).
    """

    words: list[str]
    taken: list[int]
    rows: NDArray[np.float32]
    pieces: int = 0


def build_vocabulary(
    lexicon: Lexicon, tokenizer: Tokenizer, table: NDArray[np.float32], *, max_rows: int
) -> Vocabulary:
    """The `max_rows` most frequent words of the language that have a translation; ties by the alphabet."""
    known = tokenizer.get_vocab()
    chosen: list[tuple[str, list[tuple[str, float]]]] = []
    for word, count in sorted(lexicon.foreign.items(), key=lambda item: (-item[1], item[0])):
        translations = [one for one in lexicon.translations.get(word, []) if one[1] >= MIN_TRANSLATION]
        least, share = (
            (MIN_COUNT_OF_TAKEN, MIN_SHARE_OF_TAKEN) if word in known else (MIN_COUNT, MIN_FOREIGN_SHARE)
        )
        is_foreign = count >= least and count > share * lexicon.english[word]
        if translations and is_foreign and len(word) > 1 and not word.isdigit() and len(chosen) < max_rows:
            chosen.append((word, translations))
    chosen.sort(key=lambda item: item[0] not in known)
    taken = [known[word] for word, _ in chosen if word in known]
    rows = np.array([_mean(translations, tokenizer, table) for _, translations in chosen], np.float32)
    return Vocabulary(
        [word for word, _ in chosen[len(taken) :]], taken, rows.reshape(len(chosen), table.shape[1])
    )


def with_pieces(
    vocabulary: Vocabulary,
    tokenizer: Tokenizer,
    table: NDArray[np.float32],
    texts: Sequence[str],
    *,
    max_rows: int,
) -> Vocabulary:
    """The vocabulary with the frequent base tokens beside its words. `tokenizer`: extended by these."""
    counts: Counter[int] = Counter()
    for start in range(0, len(texts), TOKENIZED_AT_ONCE):
        for encoding in tokenizer.encode_batch_fast(
            texts[start : start + TOKENIZED_AT_ONCE], add_special_tokens=False
        ):
            counts.update(encoding.ids)
    own = {*vocabulary.taken, *range(len(table), tokenizer.get_vocab_size())}
    frequent = sorted(
        (token for token, count in counts.items() if count >= MIN_COUNT_OF_PIECE and token not in own),
        key=lambda token: (-counts[token], token),
    )[: max_rows - len(vocabulary.rows)]
    words = len(vocabulary.taken)
    rows = np.concatenate([vocabulary.rows[:words], table[frequent], vocabulary.rows[words:]])
    return Vocabulary(vocabulary.words, [*vocabulary.taken, *frequent], rows, len(frequent))


def extended(tokenizer: str, words: Sequence[str]) -> Tokenizer:
    """The tokenizer of this `tokenizer.json` with whole words more, numbered from its end."""
    description = json.loads(tokenizer)
    vocabulary: dict[str, int] = description["model"]["vocab"]
    first = len(vocabulary)
    vocabulary.update({word: first + place for place, word in enumerate(words)})
    description["truncation"] = description["padding"] = None
    return Tokenizer.from_str(json.dumps(description))


def _mean(
    translations: Sequence[tuple[str, float]], tokenizer: Tokenizer, table: NDArray[np.float32]
) -> NDArray[np.float32]:
    rows = [table[tokenizer.encode(word, add_special_tokens=False).ids].mean(0) for word, _ in translations]
    mean: NDArray[np.float32] = np.average(
        rows, axis=0, weights=[probability for _, probability in translations]
    )
    return mean
