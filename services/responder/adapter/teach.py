"""From pairs to a trained student: the whole of it, in order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import BertModel

from services.responder.adapter.align import aligned
from services.responder.adapter.distill import Plan, distil, fingerprint
from services.responder.adapter.lexicon import Lexicon, learn_lexicon
from services.responder.adapter.pairs import Pair
from services.responder.adapter.sampling import Corpus
from services.responder.adapter.student import Student, load_transformer
from services.responder.adapter.vocabulary import Vocabulary, build_vocabulary, extended, with_pieces

GENERAL_WEIGHT, SENTENCE_WEIGHT, WORD_WEIGHT = 1, 5, 10
"""How often a pair counts for the lexicon: one written for the purpose says more than a chance sentence."""
TRAINED_WORDS = range(2, 15)
"""Words of a general text that is trained on; longer ones cost more than they teach."""


@dataclass(frozen=True, slots=True)
class Material:
    """`general`: pairs file by file. `sentences` and `words`: written for the purpose, of the trade."""

    general: Sequence[Sequence[Pair]]
    sentences: Sequence[Pair] = ()
    words: Sequence[Pair] = ()

    def weighted(self) -> tuple[list[Pair], list[int]]:
        """Every pair with its weight for the lexicon; the project's own first, they are never left out."""
        parts = [(self.words, WORD_WEIGHT), (self.sentences, SENTENCE_WEIGHT)]
        parts += [(file, GENERAL_WEIGHT) for file in self.general]
        pairs = [pair for part, _ in parts for pair in part]
        return pairs, [weight for part, weight in parts for _ in part]

    def corpus(self) -> Corpus:
        """What is trained on."""
        short = [
            [pair for pair in file if len(pair.english.split()) in TRAINED_WORDS] for file in self.general
        ]
        return Corpus([file for file in (*short, self.words) if file], self.sentences)


@dataclass(frozen=True, slots=True)
class Taught:
    """The student with its vocabulary, its tokenizer and the loss of each step."""

    student: Student
    vocabulary: Vocabulary
    tokenizer: Tokenizer
    losses: list[float]


def lexicon_of(material: Material) -> Lexicon:
    """The lexicon of all pairs."""
    return learn_lexicon(*material.weighted())


def vocabulary_of(
    material: Material, lexicon: Lexicon, bert: BertModel, tokenizer: str, max_rows: int
) -> Vocabulary:
    """Rows for the lexicon's words, then for the base tokens that the texts hold beside them, aligned."""
    table = bert.embeddings.word_embeddings.weight.numpy()
    base = extended(tokenizer, [])
    vocabulary = build_vocabulary(lexicon, base, table, max_rows=max_rows)
    own = extended(tokenizer, vocabulary.words)
    pairs, weights = material.weighted()
    texts = [pair.translation for pair in pairs]
    vocabulary = with_pieces(vocabulary, own, table, texts, max_rows=max_rows)
    return aligned(vocabulary, (own, base), table, pairs, weights)


def teach(
    folder: Path,
    material: Material,
    lexicon: Lexicon,
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
    vocabulary = vocabulary_of(material, lexicon, bert, tokenizer, plan.max_rows)
    student = Student(bert, vocabulary, rank=plan.rank, seed=plan.seed)
    own = extended(tokenizer, vocabulary.words)
    corpus = material.corpus()
    kept = work / f"{fingerprint(plan, vocabulary.rows.tobytes(), repr(corpus).encode())[:16]}.pt"
    losses = distil(
        student, teacher, (own, extended(tokenizer, [])), corpus, plan, kept=kept, advance=advance
    )
    return Taught(student, vocabulary, own, losses)
