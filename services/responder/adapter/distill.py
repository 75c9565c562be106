"""The language learnt from the English model: the translation's vector drawn to the English text's."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import BertModel

from services.responder.adapter import sampling
from services.responder.adapter.pairs import Pair
from services.responder.adapter.sampling import Corpus
from services.responder.adapter.student import Student, encode, padded, unit_vectors

KEEP_EVERY = 10
"""Steps between two checkpoints."""
LATER = 3
"""A step weighs in the average as its number to this power."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train. The same plan on the same pairs gives the same numbers on one kind of machine.

    The learning rate does not depend on `steps`: more of them go on from where fewer ended.
    """

    steps: int = 1000
    rank: int = 32
    """Of the low-rank changes; 0 trains the rows only."""
    max_rows: int = 16_000
    learning_rate: float = 2e-3
    warm_up: int = 30
    contrast: float = 0.2
    """Weight of telling the translation apart from the others of the batch."""
    answers: float = 0.1
    """Weight of telling the replies to a message's topic apart from the others."""
    temperature: float = 20.0
    english: int = 2
    """English texts of a batch that must stay where they are, for sentences that mix languages."""
    seed: int = 0


def distil(
    student: Student,
    teacher: BertModel,
    tokenizers: tuple[Tokenizer, Tokenizer],
    corpus: Corpus,
    plan: Plan,
    *,
    kept: Path,
    advance: Callable[[int], None],
) -> list[float]:
    """Train `student` in place; return the loss of each step. A run that was stopped goes on from `kept`.

    Reimers & Gurevych 2020, "Making Monolingual Sentence Embeddings Multilingual": the squared distance of
    student(translation) and of student(English) to teacher(English), beside a cross-entropy over the batch,
    and one over the corpus's replies. `tokenizers`: the student's, the teacher's.

    What is trained is the average over the steps, the later ones weighing more: it stands for the learning
    rate's fall to zero, which would have to know the last step (Shamir & Zhang 2013, polynomial-decay).
    """
    optimizers = _optimizers(student, plan)
    average = {name: p.detach().clone() for name, p in student.named_parameters() if p.requires_grad}
    losses = _resume(kept, student, average, optimizers, plan.steps)
    replies = _Replies(teacher, tokenizers[1], corpus.replies)
    advance(len(losses))
    for step in range(len(losses), plan.steps):
        loss = _loss(student, teacher, tokenizers, corpus, replies, plan, step)
        rate = min((step + 1) / plan.warm_up, (plan.warm_up / (step + 1)) ** 0.5)
        for optimizer in optimizers:
            optimizer.param_groups[0]["lr"] = plan.learning_rate * rate
            optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        for optimizer in optimizers:
            optimizer.step()
        with torch.no_grad():
            for name, p in student.named_parameters():
                if p.requires_grad:
                    average[name].lerp_(p, (LATER + 1) / (LATER + step + 1))
        losses.append(loss.item())
        if (step + 1) % KEEP_EVERY == 0:
            _keep(kept, student, average, optimizers, losses)
        advance(1)
    student.load_state_dict(average, strict=False)
    return losses


def fingerprint(plan: Plan, *inputs: bytes) -> str:
    """Tells runs apart: a checkpoint of other pairs, another model or another plan is not taken up."""
    digest = hashlib.sha256(repr(replace(plan, steps=0)).encode())
    for given in inputs:
        digest.update(hashlib.sha256(given).digest())
    return digest.hexdigest()


def _loss(
    student: Student,
    teacher: BertModel,
    tokenizers: tuple[Tokenizer, Tokenizer],
    corpus: Corpus,
    replies: "_Replies",
    plan: Plan,
    step: int,
) -> Tensor:
    pairs = sampling.batch(corpus, plan.seed, step)
    english = [pair.english for pair in pairs]
    with torch.no_grad():
        ids, mask = padded(tokenizers[1], english)
        target = unit_vectors(teacher, mask, input_ids=ids)
    vectors = student(*padded(tokenizers[0], [pair.translation for pair in pairs]))
    loss: Tensor = (vectors - target).square().sum(1).mean()
    likeness = (vectors @ target.T) * plan.temperature
    # A text that is in the batch twice is no counter-example of itself.
    same = (target @ target.T > 0.98) & ~torch.eye(len(pairs), dtype=torch.bool)
    loss = loss + plan.contrast * nn.functional.cross_entropy(
        likeness.masked_fill(same, -1e4), torch.arange(len(pairs))
    )
    loss = loss + plan.answers * replies.loss(vectors, [pair.topic for pair in pairs], plan.temperature)
    if plan.english:
        stay = slice(step % (len(pairs) // plan.english), None, len(pairs) // plan.english)
        kept = student(*padded(tokenizers[0], english[stay]))
        loss = loss + (kept - target[stay]).square().sum(1).mean() * plan.english / len(pairs)
    return loss


class _Replies:
    """The replies' vectors by the teacher, and what messages of a topic lose by being nearer to others."""

    def __init__(self, teacher: BertModel, tokenizer: Tokenizer, replies: Sequence[Pair]) -> None:
        self._topics = [frozenset(reply.topic.split()) for reply in replies]
        if replies:
            self._vectors = torch.from_numpy(encode(teacher, tokenizer, [reply.english for reply in replies]))

    def loss(self, vectors: Tensor, topics: Sequence[str], temperature: float) -> Tensor:
        """Mean over the texts of -log p(one of the replies to its topic); 0 for one that none answers."""
        right = torch.tensor([[topic in answered for answered in self._topics] for topic in topics])
        asked = right.any(dim=1)
        if not asked.any():
            return torch.zeros(())
        likeness = (vectors[asked] @ self._vectors.T) * temperature
        lost = likeness.logsumexp(1) - likeness.masked_fill(~right[asked], -torch.inf).logsumexp(1)
        return lost.sum() / len(topics)


def _optimizers(student: Student, plan: Plan) -> list[torch.optim.Optimizer]:
    dense = [p for module in student.low_rank().values() for p in (module.down, module.up)]
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.SparseAdam([student.rows.weight], plan.learning_rate)
    ]
    if dense:
        optimizers.append(torch.optim.AdamW(dense, plan.learning_rate, weight_decay=0.0))
    return optimizers


def _keep(
    path: Path, student: Student, average: dict[str, Tensor], optimizers: list[Any], losses: list[float]
) -> None:
    state = {
        "student": {name: p for name, p in student.named_parameters() if p.requires_grad},
        "average": average,
        "optimizers": [one.state_dict() for one in optimizers],
        "losses": losses,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    torch.save(state, unfinished)
    os.replace(unfinished, path)


def _resume(
    path: Path, student: Student, average: dict[str, Tensor], optimizers: list[Any], steps: int
) -> list[float]:
    """Take up what is kept in `path`, unless it is beyond `steps` already; return the losses so far."""
    if not path.is_file():
        return []
    state = torch.load(path, weights_only=True)
    if len(state["losses"]) > steps:
        return []
    student.load_state_dict(state["student"], strict=False)
    average.update(state["average"])
    for optimizer, kept in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(kept)
    losses: list[float] = state["losses"]
    return losses
