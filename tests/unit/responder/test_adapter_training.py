from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertModel

from services.responder.adapter import sampling
from services.responder.adapter.distill import Plan
from services.responder.adapter.pack import FILE, Adapter, AdapterUnusable, file_sha256, load_adapter
from services.responder.adapter.pairs import Pair
from services.responder.adapter.serve import WEIGHTS, adapted_folder
from services.responder.adapter.student import encode, load_transformer
from services.responder.adapter.teach import Material, Taught, teach, vocabulary_of
from services.responder.adapter.vocabulary import extended
from shared.errors import UserError

WORDS = ["please", "send", "the", "quote", "invoice", "is", "late", "where", "my", "order", "cancel", "a"]
GENERAL = [
    Pair("please send the quote", "veuillez envoyer le devis"),
    Pair("the invoice is late", "la facture est en retard"),
    Pair("where is my order", "ou est ma commande"),
    Pair("cancel my order please", "annulez ma commande svp"),
    Pair("thanks", "merci"),
]
SENTENCES = [
    Pair("send a quote", "envoyez un devis", "quote"),
    Pair("the order is late", "la commande est en retard", "delay"),
    Pair("thanks", "merci bien", "closing"),
]
REPLIES = [
    Pair("the invoice", "la facture", "quote price"),
    Pair("cancel my order", "annulez ma commande", "delay"),
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the packaged one's form, a thousand times smaller."""
    folder = tmp_path_factory.mktemp("base")
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS, *"abcdefghijklmnopqrstuvwxyz"]
    tokens += [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


def taught(base: Path, work: Path, steps: int, **plan_of: Any) -> Taught:
    material = Material([GENERAL], SENTENCES, [Pair("quote", "devis")], REPLIES)
    plan = Plan(**{"steps": steps, "rank": 2, "max_rows": 40} | plan_of)
    return teach(
        base, material, vocabulary_of(base, material, plan.max_rows), plan, work=work, advance=lambda _: None
    )


def adapter(base: Path, work: Path, steps: int) -> Adapter:
    found = taught(base, work, steps)
    return Adapter.of("fr", file_sha256(base / WEIGHTS), found.student, found.vocabulary)


def test_the_student_comes_nearer_to_the_teacher(base: Path, tmp_path: Path) -> None:
    losses = taught(base, tmp_path, 60).losses
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:10])


def test_the_same_pairs_give_the_same_file_stopped_and_resumed_or_not(base: Path, tmp_path: Path) -> None:
    whole = adapter(base, tmp_path / "whole", 30).packed()
    adapter(base, tmp_path / "resumed", 20)
    assert adapter(base, tmp_path / "resumed", 30).packed() == whole


def test_fewer_steps_than_are_kept_start_over(base: Path, tmp_path: Path) -> None:
    short = adapter(base, tmp_path / "short", 10).packed()
    adapter(base, tmp_path / "long", 20)
    assert adapter(base, tmp_path / "long", 10).packed() == short


def test_messages_come_nearer_to_the_replies_of_their_topic(base: Path, tmp_path: Path) -> None:
    def lead(answers: float) -> float:
        """How much nearer a message is to its reply than to the other, on average."""
        student = taught(base, tmp_path, 60, answers=answers)
        tokenizer = extended((base / "tokenizer.json").read_text(), [])
        replies = encode(load_transformer(base), tokenizer, [reply.english for reply in REPLIES])
        texts = [sentence.translation for sentence in SENTENCES[:2]]
        cosines = encode(student.student, student.tokenizer, texts) @ replies.T
        return float(np.trace(cosines) - np.trace(cosines[::-1]))

    assert lead(1.0) > lead(0.0) + 0.1


def test_pairs_without_topics_or_replies_are_learnt_too(base: Path, tmp_path: Path) -> None:
    material = Material([GENERAL * 3])
    plan = Plan(steps=3, rank=2, max_rows=40)
    found = teach(
        base,
        material,
        vocabulary_of(base, material, plan.max_rows),
        plan,
        work=tmp_path,
        advance=lambda _: None,
    )
    assert np.isfinite(found.losses).all()


def test_too_few_pairs_are_an_error_in_words(base: Path) -> None:
    material = Material([GENERAL])
    with pytest.raises(UserError, match="more pairs"):
        vocabulary_of(base, material, 40)


def test_another_plan_does_not_take_up_a_checkpoint(base: Path, tmp_path: Path) -> None:
    taught(base, tmp_path, 20, rank=2)
    assert len(taught(base, tmp_path, 10, rank=3).losses) == 10
    assert len(list(tmp_path.glob("*.pt"))) == 2


def test_a_packed_adapter_serves_what_was_trained(base: Path, tmp_path: Path) -> None:
    found = taught(base, tmp_path, 40)
    made = Adapter.of("fr", file_sha256(base / WEIGHTS), found.student, found.vocabulary)
    digest = made.write(tmp_path / "fr")
    assert digest == file_sha256(tmp_path / "fr" / FILE)
    folder = adapted_folder(base, tmp_path / "fr", tmp_path / "cache")
    tokenizer = extended((folder / "tokenizer.json").read_text(), [])
    texts = ["veuillez envoyer le devis", "merci", "annulez ma facture"]
    served = encode(load_transformer(folder), tokenizer, texts)
    trained = encode(found.student, found.tokenizer, texts)
    assert (served * trained).sum(1).min() > 0.999


def test_a_language_word_is_one_token_and_english_ones_stay(base: Path, tmp_path: Path) -> None:
    found = taught(base, tmp_path, 0)
    assert "devis" in found.tokenizer.encode("un devis").tokens
    assert (
        found.tokenizer.encode("the quote").ids
        == Tokenizer.from_file(str(base / "tokenizer.json")).encode("the quote").ids
    )


def test_a_damaged_adapter_is_refused(base: Path, tmp_path: Path) -> None:
    adapter(base, tmp_path, 0).write(tmp_path / "fr")
    with (tmp_path / "fr" / FILE).open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x7f")
    with pytest.raises(AdapterUnusable, match="SHA-256"):
        load_adapter(tmp_path / "fr")


def test_a_folder_without_an_adapter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdapterUnusable, match="holds no adapter"):
        load_adapter(tmp_path)


def test_an_adapter_beyond_its_size_is_not_written(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.responder.adapter.pack.MAX_BYTES", 100)
    with pytest.raises(UserError, match="fewer rows"):
        adapter(base, tmp_path, 0).write(tmp_path / "fr")
    assert not (tmp_path / "fr").exists()


def test_a_step_sees_the_same_pairs_whenever_it_is_asked() -> None:
    corpus = sampling.Corpus([GENERAL], SENTENCES)
    assert sampling.batch(corpus, 0, 11) == sampling.batch(corpus, 0, 11)
    assert sampling.batch(corpus, 0, 11) != sampling.batch(corpus, 1, 11)


def test_a_misspelt_word_keeps_its_ends() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        assert sampling.misspelt("la livraison", rng).startswith("la l")
    assert sampling.misspelt("a bc", rng) == "a bc"
