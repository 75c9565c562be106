"""A sentence-transformers model as ONNX: exported once with torch, then run without it.

Live messages come one by one: ONNX Runtime is ready in under a second where torch takes twelve, and twice as
fast on one message. The exported file lies beside its SHA-256, which is checked at each load.
"""

import hashlib
import json
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import structlog

if TYPE_CHECKING:
    from numpy.typing import NDArray

log = structlog.get_logger()

LEAST_COSINE: Final = 0.9999
"""Between the exported model and the original, on SAMPLE: below, the export is not used."""
SAMPLE: Final = (
    "STOP",
    "Bonjour, pourriez-vous nous faire un devis pour quarante filtres ?",
    "Where is our order? It was due on Monday, and the line is waiting for these parts. " * 12,
    "réf. DX-15, qté 2 👍",
)
OPSET: Final = 17
_POOLING = {"pooling_mode_cls_token": "cls", "pooling_mode_mean_tokens": "mean"}
_BATCH = 32


class DoesNotExport(Exception):
    """The model has parts that this module does not run, or its export differs: use torch."""


class OnnxModel:
    """Texts → unit vectors. Raises DoesNotExport when the exported file is damaged or of another form."""

    def __init__(self, folder: Path, exported: Path) -> None:
        import onnxruntime  # noqa: PLC0415 - 0.2 s that only the worker pays
        from tokenizers import Tokenizer  # noqa: PLC0415

        self._pooling, window = _form(folder)
        _check_sha256(exported)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(window)
        self._tokenizer.enable_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(exported), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = {one.name for one in self._session.get_inputs()}

    def encode(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Shape (len(texts), dimension). Texts of like length share a batch: padding is computed too."""
        order = sorted(range(len(texts)), key=lambda position: len(texts[position]))
        found: list[NDArray[np.float32] | None] = [None] * len(texts)
        for start in range(0, len(order), _BATCH):
            some = order[start : start + _BATCH]
            for position, vector in zip(some, self._run([texts[p] for p in some]), strict=True):
                found[position] = vector
        return np.stack(found) if found else np.empty((0, 0), np.float32)  # type: ignore[arg-type]

    def _run(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        encoded = self._tokenizer.encode_batch(list(texts))
        feed = {
            "input_ids": np.array([one.ids for one in encoded], dtype=np.int64),
            "attention_mask": np.array([one.attention_mask for one in encoded], dtype=np.int64),
            "token_type_ids": np.array([one.type_ids for one in encoded], dtype=np.int64),
        }
        (hidden,) = self._session.run(None, {k: v for k, v in feed.items() if k in self._inputs})
        if self._pooling == "cls":
            pooled = hidden[:, 0]
        else:
            mask = feed["attention_mask"][:, :, None].astype(np.float32)
            pooled = (hidden * mask).sum(axis=1) / np.maximum(mask.sum(axis=1), 1e-9)
        return np.asarray(
            pooled / np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-12), np.float32
        )


def ready_model(folder: Path, cache: Path, original: Any) -> OnnxModel:
    """The model of `folder`, from `cache` when it is there, else exported into it.

    `original()` gives the SentenceTransformer to export from and to check against; it is called only for
    that. Raises DoesNotExport, and nothing is cached then.
    """
    exported = cache / "model.onnx"
    if not exported.is_file():
        _form(folder)
        _export(folder, original(), exported)
    return OnnxModel(folder, exported)


def _export(folder: Path, model: Any, exported: Path) -> None:
    import torch  # noqa: PLC0415

    scratch = exported.with_suffix(f".{os.getpid()}.new")
    model.requires_grad_(False)
    transformer = model[0].auto_model.eval()
    # The tracer follows plain attention only; the weights are the same, and the result is checked below.
    transformer.set_attn_implementation("eager")
    names = [
        name for name in ("input_ids", "attention_mask", "token_type_ids") if name in model.tokenize(["a"])
    ]

    class Hidden(torch.nn.Module):
        def forward(self, *inputs: Any) -> Any:
            return transformer(**dict(zip(names, inputs, strict=True)), return_dict=True).last_hidden_state

    tokens = model.tokenize([SAMPLE[1], SAMPLE[2]])
    axes = {0: "texts", 1: "tokens"}
    try:
        exported.parent.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a tracer warns of each Python number it takes for a constant
            torch.onnx.export(
                Hidden(),
                tuple(tokens[name] for name in names),
                str(scratch),
                input_names=names,
                output_names=["hidden"],
                dynamic_axes=dict.fromkeys([*names, "hidden"], axes),
                opset_version=OPSET,
                # Traced, not compiled: 3 s where torch.export and its decompositions take a minute.
                dynamo=False,
                verbose=False,
            )
        _write_sha256(scratch)
        ours = OnnxModel(folder, scratch).encode(SAMPLE)
        theirs = model.encode(list(SAMPLE), normalize_embeddings=True, show_progress_bar=False)
        cosine = float((ours * theirs).sum(axis=1).min())
        if cosine < LEAST_COSINE:
            raise DoesNotExport(f"the export's cosine with the original is {cosine:.5f}")
        _sha256_file(scratch).rename(_sha256_file(exported))
        scratch.rename(exported)
    except (OSError, RuntimeError, ValueError, TypeError, torch.onnx.errors.OnnxExporterError) as error:
        raise DoesNotExport(f"{type(error).__name__}: it cannot be exported") from error
    finally:
        scratch.unlink(missing_ok=True)
        _sha256_file(scratch).unlink(missing_ok=True)
    log.info("embedding_model_exported", cosine=round(cosine, 6))


def _form(folder: Path) -> tuple[str, int]:
    """(pooling, window in tokens). Raises DoesNotExport for anything but transformer, pooling, norm."""
    try:
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        kinds = [module["type"].rsplit(".", 1)[-1] for module in modules]
        pooling = json.loads((folder / modules[1]["path"] / "config.json").read_text(encoding="utf-8"))
        config = json.loads((folder / "sentence_bert_config.json").read_text(encoding="utf-8"))
        chosen = [way for key, way in _POOLING.items() if pooling.get(key)]
        chosen = chosen or [way for way in _POOLING.values() if way == pooling.get("pooling_mode")]
        if kinds[:2] != ["Transformer", "Pooling"] or set(kinds[2:]) - {"Normalize"} or len(chosen) != 1:
            raise DoesNotExport(f"it is made of {', '.join(kinds)}")
        if not (folder / "tokenizer.json").is_file():
            raise DoesNotExport("it has no tokenizer.json")
        return chosen[0], int(config["max_seq_length"])
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise DoesNotExport(f"its configuration is not understood ({type(error).__name__})") from error


def _sha256_file(exported: Path) -> Path:
    return exported.with_name(f"{exported.name}.sha256")


def _write_sha256(exported: Path) -> None:
    _sha256_file(exported).write_text(_sha256(exported), encoding="ascii")


def _check_sha256(exported: Path) -> None:
    try:
        expected = _sha256_file(exported).read_text(encoding="ascii").strip()
    except OSError as error:
        raise DoesNotExport(f"{exported} has no SHA-256 beside it: remove it to export again") from error
    if _sha256(exported) != expected:
        raise DoesNotExport(f"{exported} is not what was exported: remove it to export again")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
