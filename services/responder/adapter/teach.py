"""From pairs to a trained student: the whole of it, in order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from tokenizers import Tokenizer

from services.responder.adapter.align import aligned
from services.responder.adapter.distill import Plan, distil, fingerprint
from services.responder.adapter.lexicon import learn_lexicon
from services.responder.adapter.pairs import Pair
from services.responder.adapter.sampling import Corpus
from services.responder.adapter.student import Student, load_transformer
from services.responder.adapter.vocabulary import Vocabulary, build_vocabulary, extended, with_pieces
from shared.errors import UserError

GENERAL_WEIGHT, SENTENCE_WEIGHT, WORD_WEIGHT = 1, 5, 10
"""How often a pair counts for the lexicon: one written for the purpose says more than a chance sentence."""
TRAINED_WORDS = range(2, 15)
"""Words of a general text that is trained on; longer ones cost more than they teach."""


@dataclass(frozen=True, slots=True)
class Material:
    """`general`: pairs file by file. The others were written for the purpose, of the trade.

    A sentence is of one topic; a reply answers those of its topics, separated by spaces.
    """

    general: Sequence[Sequence[Pair]]
    sentences: Sequence[Pair] = ()
    words: Sequence[Pair] = ()
    replies: Sequence[Pair] = ()

    def weighted(self) -> tuple[list[Pair], list[int]]:
        """Every pair with its weight for the lexicon; the project's own first, they are never left out."""
        parts = [(self.words, WORD_WEIGHT)]
        parts += [(own, SENTENCE_WEIGHT) for own in (self.sentences, self.replies)]
        parts += [(file, GENERAL_WEIGHT) for file in self.general]
        pairs = [pair for part, _ in parts for pair in part]
        return pairs, [weight for part, weight in parts for _ in part]

    def corpus(self) -> Corpus:
        """What is trained on."""
        short = [
            [pair for pair in file if len(pair.english.split()) in TRAINED_WORDS] for file in self.general
        ]
        # A reply is learnt like any pair, but is no message that another follows or that is answered.
        replies = [replace(pair, topic="") for pair in self.replies]
        return Corpus(
            [file for file in (*short, self.words) if file], [*self.sentences, *replies], self.replies
        )


@dataclass(frozen=True, slots=True)
class Taught:
    """The student with its vocabulary, its tokenizer and the loss of each step."""

    student: Student
    vocabulary: Vocabulary
    tokenizer: Tokenizer
    losses: list[float]


def vocabulary_of(folder: Path, material: Material, max_rows: int) -> Vocabulary:
    """Rows for the words that the pairs' lexicon knows, then for the base tokens beside them, aligned.

    `folder` is the model's. Raises UserError when there are too few pairs.
    """
    table = load_transformer(folder).embeddings.word_embeddings.weight.numpy()
    tokenizer = (folder / "tokenizer.json").read_text(encoding="utf-8")
    base = extended(tokenizer, [])
    pairs, weights = material.weighted()
    vocabulary = build_vocabulary(learn_lexicon(pairs, weights), base, table, max_rows=max_rows)
    own = extended(tokenizer, vocabulary.words)
    texts = [pair.translation for pair in pairs]
    vocabulary = with_pieces(vocabulary, own, table, texts, max_rows=max_rows)
    if not len(vocabulary.rows):
        raise UserError("no word of the language stands often enough in these pairs: give more pairs")
    return aligned(vocabulary, (own, base), table, pairs, weights)


def teach(
    folder: Path,
    material: Material,
    vocabulary: Vocabulary,
    plan: Plan,
    *,
    work: Path,
    advance: Callable[[int], None],
) -> Taught:
    """Train a student of the model in `folder`; checkpoints are kept in `work`, one file per plan and pairs.

    One thread: sums of floats depend on how many share them.
    """
    torch.set_num_threads(1)
    tokenizer = (folder / "tokenizer.json").read_text(encoding="utf-8")
    teacher, bert = load_transformer(folder), load_transformer(folder)
    student = Student(bert, vocabulary, rank=plan.rank, seed=plan.seed)
    own = extended(tokenizer, vocabulary.words)
    corpus = material.corpus()
    kept = work / f"{fingerprint(plan, vocabulary.rows.tobytes(), repr(corpus).encode())[:16]}.pt"
    losses = distil(
        student, teacher, (own, extended(tokenizer, [])), corpus, plan, kept=kept, advance=advance
    )
    return Taught(student, vocabulary, own, losses)
