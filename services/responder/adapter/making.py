"""An adapter made from files of pairs, with its card; and what each part of the way brings."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from services.responder.adapter.distill import Plan
from services.responder.adapter.measure import Encode, Labelled, measure, read_labelled
from services.responder.adapter.pack import Adapter, file_sha256, load_adapter
from services.responder.adapter.pairs import REPLIES, SENTENCES, WORDS, read_pairs
from services.responder.adapter.serve import PACKAGED, WEIGHTS, adapted_folder
from services.responder.adapter.student import encode, load_transformer
from services.responder.adapter.teach import Material, Taught, teach, vocabulary_of
from services.responder.adapter.vocabulary import extended
from shared.errors import UserError

DEVELOPMENT, CARD = "development.tsv", "CARD.md"
Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What to make. `work`: where a run that was stopped is resumed from."""

    language: str
    parallel: Sequence[Path]
    business: Sequence[Path]
    attributions: Sequence[str]
    plan: Plan
    work: Path


def material_of(order: Order) -> Material:
    """The pairs of the given files, and those that this package has for the language. Raises UserError."""
    own = PACKAGED / order.language
    sentences, words, replies = (
        read_pairs(own / name) if (own / name).is_file() else [] for name in (SENTENCES, WORDS, REPLIES)
    )
    sentences += [pair for path in order.business for pair in read_pairs(path)]
    # In the order of their names: the order on the command line must not change the result.
    general = [read_pairs(path) for path in sorted(order.parallel, key=lambda path: (path.name, str(path)))]
    if not general and not sentences:
        raise UserError("give pairs to learn from: --parallel FILE")
    return Material(general, sentences, words, replies)


def make_adapter(base: Path, order: Order, output: Path, advance: Advance) -> dict[str, object]:
    """Train, pack into `output`, write the card, and return what the command prints."""
    material = material_of(order)
    vocabulary = vocabulary_of(base, material, order.plan.max_rows)
    taught = teach(base, material, vocabulary, order.plan, work=order.work, advance=advance)
    adapter = Adapter.of(order.language, file_sha256(base / WEIGHTS), taught.student, taught.vocabulary)
    digest = adapter.write(output)
    figures = measured(base, output, order.work)
    (output / CARD).write_text(_card(order, material, adapter, digest, figures), encoding="utf-8")
    return {"adapter": str(output), "sha256": digest, "last_loss": taught.losses[-1], "development": figures}


def measured(base: Path, folder: Path, work: Path) -> dict[str, float] | None:
    """Figures of a packed adapter on the development set of its language, if there is one."""
    development = PACKAGED / load_adapter(folder).language / DEVELOPMENT
    if not development.is_file():
        return None
    return measure(read_labelled(development), encoder(base), encoder(adapted_folder(base, folder, work)))


def encoder(folder: Path) -> Encode:
    """The model of a folder, by torch."""
    bert = load_transformer(folder)
    tokenizer = extended((folder / "tokenizer.json").read_text(encoding="utf-8"), [])
    return lambda texts: encode(bert, tokenizer, texts)


def ablation(base: Path, order: Order, advance: Advance) -> Iterator[tuple[str, dict[str, float]]]:
    """What each part brings, on the development set: (what was made, figures), from less to more.

    Each variant that is trained takes `order.plan.steps`. Raises UserError without a development set.
    """
    development = PACKAGED / order.language / DEVELOPMENT
    if not development.is_file():
        raise UserError(f"there is no development set for {order.language}: {DEVELOPMENT} beside its pairs")
    labelled, english = read_labelled(development), encoder(base)
    yield "packaged model", measure(labelled, english, english)
    everything = material_of(order)
    for material, pairs in ((Material(everything.general), "without"), (everything, "with")):
        vocabulary = vocabulary_of(base, material, order.plan.max_rows)
        for name, change in VARIANTS:
            plan = replace(order.plan, **change)
            taught = teach(base, material, vocabulary, plan, work=order.work, advance=advance)
            yield f"{name}, {pairs} own pairs", _figures(labelled, english, taught)


VARIANTS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("lexicon only", {"steps": 0}),
    ("rows trained", {"rank": 0}),
    ("rows and low-rank changes", {}),
)


def _figures(labelled: Labelled, english: Encode, taught: Taught) -> dict[str, float]:
    return measure(labelled, english, lambda texts: encode(taught.student, taught.tokenizer, texts))


CARD_TEXT: Final = """\
# Adapter for `{language}`

Made by `eclaireur replies adapt-language {language}` for the embedding model whose weights have the SHA-256
`{base}`. Its own SHA-256:
`{digest}`.

{words:,} new words, {taken:,} tokens with another row, low-rank changes of rank {rank}; {steps} steps,
seed {seed}.

| pairs | |
| --- | --- |
{pairs}

{attributions}

Measured on the language's development set, short messages and templates that were written for choosing:
share of messages whose template comes first or among three by meaning (`top1`, `top3`), with shared words
beside (`fused`, `fused_top3`), among English templates (`to_english`); whose nearest message has the same
intent (`nearest`); and the same messages in English through the untouched model (`in_english`). Other sets,
among them a frozen one, are in the responder's README.

| development set | |
| --- | --- |
{figures}

Meant for short business messages, compared by meaning with replies, documents and other messages, in this
language and in English. Bad at long texts, literature, law and medicine, irony, regional words, other
languages (they go through the English model), and whatever needs more than the gist. It has learnt from
general sentences and from messages to an industrial company; other trades should add pairs of their own with
`--business`.
"""


def _card(
    order: Order, material: Material, adapter: Adapter, digest: str, figures: dict[str, float] | None
) -> str:
    files = sorted(path.name for path in order.parallel)
    counts = [*zip(files, map(len, material.general), strict=True)]
    counts += [
        ("sentences of the trade", len(material.sentences)),
        ("words of the trade", len(material.words)),
        ("replies of the trade", len(material.replies)),
    ]
    return CARD_TEXT.format(
        language=order.language,
        base=adapter.base,
        digest=digest,
        words=len(adapter.vocabulary.words),
        taken=len(adapter.vocabulary.taken),
        rank=order.plan.rank,
        steps=order.plan.steps,
        seed=order.plan.seed,
        pairs="\n".join(f"| {name} | {count:,} |" for name, count in counts),
        attributions="\n".join(f"- {attribution}" for attribution in order.attributions),
        figures="\n".join(f"| {name} | {value:.3f} |" for name, value in (figures or {}).items()),
    )
