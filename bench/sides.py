"""The processes that `bench.responder` measures. Started alone, since what they import is measured too.

`python -m bench.sides SIDE` tells when it has its first vectors, then, for each line of texts (JSON), how
long each took; for an empty line its resident memory.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

# Nothing of the responder and nothing large is imported up here.
TORCH, ALONE, BESIDE, FRENCH, BOTH = (
    "torch",
    "English, no adapter",
    "English, with it",
    "French",
    "both by turns",
)
EMBEDDING: Final = (TORCH, ALONE, BESIDE, FRENCH, BOTH)
DRAFTS: Final = "drafts"
Work = Callable[[Sequence[str]], object]


def bare() -> Work:
    """The library itself on the packaged model, one thread, as the worker runs it."""
    import torch  # noqa: PLC0415 - what is measured
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415

    from services.responder.embedding import model_folder  # noqa: PLC0415
    from services.responder.settings import PACKAGED  # noqa: PLC0415

    torch.set_num_threads(1)
    model = SentenceTransformer(str(model_folder(PACKAGED)), device="cpu", local_files_only=True)
    return lambda texts: model.encode(list(texts), show_progress_bar=False)


def shipped(side: str) -> Work:
    """The responder's own, with or without the adapter for French."""
    from services.responder import embedding  # noqa: PLC0415 - what is measured
    from services.responder.settings import PACKAGED  # noqa: PLC0415

    if side == ALONE:
        embedding.adapters_for = lambda _: {}
    return embedding.Embedder(PACKAGED).embed


def each(work: Work, texts: Sequence[str]) -> list[tuple[float, float]]:
    """(wall, CPU) of each text, in ms."""
    taken = []
    for text in texts:
        wall, cpu = time.perf_counter(), time.process_time()
        work([text])
        taken.append((1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu)))
    return taken


def main() -> None:
    # What a library says goes elsewhere: the parent reads this output.
    told = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def tell(value: object) -> None:
        told.write(json.dumps(value) + "\n")

    side, first = sys.argv[1:]
    work = bare() if side == TORCH else shipped(side)
    work(json.loads(first))
    tell(time.process_time())
    for line in sys.stdin:
        if texts := json.loads(line):
            tell(each(work, texts))
        else:
            import psutil  # noqa: PLC0415

            tell(psutil.Process().memory_info().rss / 1e6)


if __name__ == "__main__":
    main()
