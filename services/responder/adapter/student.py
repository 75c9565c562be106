"""The model that learns: the packaged transformer, frozen, with rows of its own and low-rank changes."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import BertModel

from services.responder.adapter.pack import SCALE
from services.responder.adapter.vocabulary import Vocabulary
from shared.errors import UserError

MAX_TOKENS: Final = 64
"""Of a training text. Serving keeps the model's own window."""
ADAPTED: Final = ("query", "key", "value", "dense")


def load_transformer(folder: Path) -> BertModel:
    """The frozen transformer of a sentence-transformers model. Raises UserError when it is no BERT."""
    try:
        bert = BertModel.from_pretrained(str(folder), local_files_only=True, add_pooling_layer=False)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{folder} holds no BERT model that an adapter could be trained for: {error}"
        ) from None
    return bert.eval().requires_grad_(False)  # type: ignore[no-any-return, no-untyped-call]


class LowRank(nn.Module):
    """A frozen linear map plus `up @ down`, of rank at most `rank` (Hu et al. 2021, LoRA)."""

    def __init__(self, linear: nn.Linear, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        self.linear = linear
        scale = linear.in_features**-0.5
        self.down = nn.Parameter((torch.rand(rank, linear.in_features, generator=generator) * 2 - 1) * scale)
        self.up = nn.Parameter(torch.zeros(linear.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.linear(x) + SCALE * (x @ self.down.T) @ self.up.T
        return changed


class Student(nn.Module):
    """Texts of the language → unit vectors in the space of the model it was made from.

    A token that the language has for itself takes a row of `rows`; the others keep the frozen table's.
    """

    def __init__(self, bert: BertModel, vocabulary: Vocabulary, *, rank: int, seed: int = 0) -> None:
        super().__init__()
        self.bert = bert
        table = bert.embeddings.word_embeddings.weight
        first = len(table)
        place = torch.full((first + len(vocabulary.words),), -1)
        place[torch.tensor([*vocabulary.taken, *range(first, len(place))], dtype=torch.long)] = torch.arange(
            len(vocabulary.rows)
        )
        self._place = place
        count, dimension = vocabulary.rows.shape
        self.rows = nn.Embedding(count, dimension, sparse=True, _weight=torch.tensor(vocabulary.rows))
        generator = torch.Generator().manual_seed(seed)
        for parent, name, linear in list(_adapted(bert)) if rank else ():
            setattr(parent, name, LowRank(linear, rank, generator))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        place = self._place[ids]
        table = self.bert.embeddings.word_embeddings.weight
        base = table[ids.clamp(max=len(table) - 1)]
        own = self.rows(place.clamp(min=0))
        return unit_vectors(self.bert, mask, inputs_embeds=torch.where((place >= 0).unsqueeze(-1), own, base))

    def low_rank(self) -> dict[str, LowRank]:
        """The changed maps by their name in the transformer, in its order."""
        return {name: module for name, module in self.bert.named_modules() if isinstance(module, LowRank)}


def unit_vectors(bert: BertModel, mask: Tensor, **inputs: Any) -> Tensor:
    """Mean of the last hidden states over the tokens, at length 1: (batch, dimension)."""
    hidden = bert(attention_mask=mask, **inputs).last_hidden_state
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    mean = (hidden * weights).sum(1) / weights.sum(1)
    return nn.functional.normalize(mean, dim=-1)


def padded(tokenizer: Tokenizer, texts: Sequence[str], max_tokens: int = MAX_TOKENS) -> tuple[Tensor, Tensor]:
    """Token numbers and their mask, (batch, longest); the closing token stays when a text is cut."""
    encoded = [encoding.ids for encoding in tokenizer.encode_batch_fast(list(texts))]
    encoded = [ids if len(ids) <= max_tokens else [*ids[: max_tokens - 1], ids[-1]] for ids in encoded]
    ids = torch.zeros((len(encoded), max(map(len, encoded))), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, one in enumerate(encoded):
        ids[row, : len(one)] = torch.tensor(one)
        mask[row, : len(one)] = 1
    return ids, mask


@torch.inference_mode()
def encode(
    model: BertModel | Student, tokenizer: Tokenizer, texts: Sequence[str], batch: int = 32
) -> NDArray[Any]:
    """Unit vectors of many texts, in their order: float32, (texts, dimension)."""
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    vectors: list[Tensor] = [torch.empty(0)] * len(texts)
    for start in range(0, len(order), batch):
        places = order[start : start + batch]
        ids, mask = padded(tokenizer, [texts[place] for place in places], max_tokens=256)
        out = model(ids, mask) if isinstance(model, Student) else unit_vectors(model, mask, input_ids=ids)
        for place, vector in zip(places, out, strict=True):
            vectors[place] = vector
    stacked: NDArray[Any] = torch.stack(vectors).numpy()
    return stacked


def _adapted(bert: BertModel) -> Iterator[tuple[nn.Module, str, nn.Linear]]:
    for parent in bert.encoder.modules():
        for name, child in parent.named_children():
            if name in ADAPTED and isinstance(child, nn.Linear):
                yield parent, name, child
