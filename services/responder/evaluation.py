"""Does the right reply come first? Measured on a file of labelled messages; nothing is stored."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.responder.embedding import Embedder, default_cache
from services.responder.language import message_language
from services.responder.matching import WEIGHTS, Matcher, Ranking, Weights
from services.responder.trade import Topics, trade_topics
from shared.errors import UserError
from shared.tabular import read_rows

Matrix = NDArray[np.float32]
Progress = Callable[[int, int], None]

SEEDS: Final = 5
REJECTED_IN_SCOPE: Final = 0.05
"""Share of in-scope training messages that the out-of-scope threshold may cost, out of fold."""
_FOLDS = 4
_EMBED_BATCH = 256
_TIMED = 100


class NothingToEvaluate(UserError):
    """The files hold no labelled text to learn from, or none to ask."""


@dataclass(frozen=True, slots=True)
class Texts:
    """The embedding of every text, and what makes topics of it."""

    vectors: dict[str, Matrix]
    topics: Callable[[], Topics]

    def matcher(self, rows: Sequence[tuple[str, str]], seed: int) -> Matcher:
        """Learnt from (text, label) rows."""
        texts, labels = [text for text, _ in rows], [label for _, label in rows]
        return Matcher(texts, self._of(texts), labels, topics=self.topics(), seed=seed)

    def rank(self, matcher: Matcher, rows: Sequence[tuple[str, str]], weights: Weights) -> Ranking:
        """What the texts of (text, label) rows ask for."""
        texts = [text for text, _ in rows]
        return matcher.rank(texts, self._of(texts), weights)

    def _of(self, texts: Sequence[str]) -> Matrix:
        return np.stack([self.vectors[text] for text in texts])


def evaluate_files(
    embedder: Embedder,
    train: Path,
    test: Path,
    text_column: str,
    label_column: str,
    *,
    shots: int | None = None,
    out_of_scope: str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Learn from `train`, answer for `test`, and measure: what `eclaireur replies evaluate --json` prints.

    With `shots`, that many examples a label are drawn, and figures are the mean of SEEDS draws. Rows labelled
    `out_of_scope` count for the two figures about it only. Raises TableError and NothingToEvaluate.
    """
    known, asked = (_read(path, text_column, label_column) for path in (train, test))
    answerable = {label for _, label in known} - {out_of_scope}
    if not answerable or not asked:
        raise NothingToEvaluate("There is nothing to evaluate: both files need rows with a text and a label.")
    texts = list(dict.fromkeys(text for text, _ in (*known, *asked)))
    vectors = dict(zip(texts, _embedded(embedder, texts, progress), strict=True))
    read = Texts(vectors, cache(partial(trade_topics, embedder, default_cache())))
    language = _language_of(text for text, _ in asked)
    draws = [
        _measured(
            _drawn(known, shots, draw) if shots else known,
            asked,
            read,
            language=language,
            out_of_scope=out_of_scope,
            seed=draw,
        )
        for draw in (range(seed, seed + SEEDS) if shots else (seed,))
    ]
    measures: dict[str, Any] = {
        name: None if draws[0][name] is None else float(np.mean([draw[name] for draw in draws]))
        for name in draws[0]
    }
    measures["ms_per_message"] += _embedding_ms(embedder, [text for text, _ in asked][:_TIMED])
    return measures | {
        "messages": len(asked),
        "labels": len(answerable),
        "examples": len(known),
        "shots": shots,
        "draws": len(draws),
        "language": language,
        "model": embedder.name,
    }


def _measured(
    known: Sequence[tuple[str, str]],
    asked: Sequence[tuple[str, str]],
    read: Texts,
    *,
    language: str,
    out_of_scope: str | None,
    seed: int,
) -> dict[str, float | None]:
    weights = WEIGHTS[language]
    matcher = read.matcher(known, seed)
    started = time.perf_counter()
    ranking = read.rank(matcher, asked, weights)
    took_ms = 1000 * (time.perf_counter() - started) / len(asked)
    inside = [position for position, (_, label) in enumerate(asked) if label != out_of_scope]
    places = _places(ranking, asked, inside, out_of_scope)
    measures: dict[str, float | None] = {
        "top1": float(np.mean(places == 1)) if inside else None,
        "top3": float(np.mean(places <= 3)) if inside else None,
        "mrr": float(np.mean(1 / places)) if inside else None,
        "out_of_scope_recall": None,
        "in_scope_rejected": None,
        "ms_per_message": took_ms,
    }
    if out_of_scope:
        rejected = _rejected(ranking, known, read, weights, out_of_scope, seed)
        outside = np.array([label == out_of_scope for _, label in asked])
        measures["out_of_scope_recall"] = float(rejected[outside].mean()) if outside.any() else None
        measures["in_scope_rejected"] = float(rejected[~outside].mean()) if inside else None
    return measures


def _places(
    ranking: Ranking, asked: Sequence[tuple[str, str]], inside: Sequence[int], out_of_scope: str | None
) -> Matrix:
    """The place of the right label, out-of-scope not among the candidates; infinite when it is not known."""
    columns = {label: column for column, label in enumerate(ranking.labels)}
    scores = ranking.scores.copy()
    if out_of_scope in columns:
        scores[:, columns[out_of_scope]] = -np.inf
    places = []
    for position in inside:
        column = columns.get(asked[position][1])
        row = scores[position]
        places.append(np.inf if column is None else 1 + int((row > row[column]).sum()))
    return np.array(places, dtype=np.float32)


def _rejected(
    ranking: Ranking,
    known: Sequence[tuple[str, str]],
    read: Texts,
    weights: Weights,
    out_of_scope: str,
    seed: int,
) -> NDArray[np.bool_]:
    """Which texts are out of scope: the head says so, or their support is below that of most known ones."""
    support = _support(ranking)
    first = np.array([best[0] for best in ranking.best(1)])
    least = _least_support(known, read, weights, out_of_scope, seed)
    return np.asarray((first == out_of_scope) | (support < least))


def _least_support(
    known: Sequence[tuple[str, str]],
    read: Texts,
    weights: Weights,
    out_of_scope: str,
    seed: int,
) -> float:
    """The support that all but REJECTED_IN_SCOPE of the in-scope examples have, out of fold."""
    inside = [(text, label) for text, label in known if label != out_of_scope]
    order = np.random.default_rng(seed).permutation(len(inside))[:1000]
    found: list[float] = []
    for number in range(_FOLDS):
        held = {int(position) for position in order[number::_FOLDS]}
        rest = [row for position, row in enumerate(inside) if position not in held]
        tested = [inside[position] for position in sorted(held)]
        if not rest or not tested:
            continue
        found += _support(read.rank(read.matcher(rest, seed), tested, weights)).tolist()
    return float(np.quantile(found, REJECTED_IN_SCOPE)) if found else 0.0


def _support(ranking: Ranking) -> Matrix:
    support: Matrix = ranking.chance * (0.5 + ranking.cosine.clip(0) + ranking.shared.clip(0))
    return support


def _drawn(rows: Sequence[tuple[str, str]], shots: int, seed: int) -> list[tuple[str, str]]:
    """`shots` rows of each label, or all that it has."""
    by_label: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in rows:
        by_label[row[1]].append(row)
    chance = np.random.default_rng(seed)
    return [
        some[position]
        for _, some in sorted(by_label.items())
        for position in sorted(chance.permutation(len(some))[:shots])
    ]


def _read(path: Path, text_column: str, label_column: str) -> list[tuple[str, str]]:
    table = read_rows(path)
    table.require([text_column, label_column])
    rows = ((row[text_column].strip(), row[label_column].strip()) for row in table.rows())
    return [(text, label) for text, label in rows if text and label]


def _embedded(embedder: Embedder, texts: Sequence[str], progress: Progress | None) -> Matrix:
    parts = []
    for start in range(0, len(texts), _EMBED_BATCH):
        some = texts[start : start + _EMBED_BATCH]
        parts.append(embedder.embed(some))
        if progress:
            progress(start + len(some), len(texts))
    return np.concatenate(parts)


def _language_of(texts: Any) -> str:
    """The language of most of the texts."""
    counts = Counter(message_language(text, None, {}) for text in list(texts)[:200])
    return counts.most_common(1)[0][0]


def _embedding_ms(embedder: Embedder, texts: Sequence[str]) -> float:
    """Of one message at a time, as they come live."""
    embedder.embed(texts[:1])
    started = time.perf_counter()
    for text in texts:
        embedder.embed([text])
    return 1000 * (time.perf_counter() - started) / len(texts)
