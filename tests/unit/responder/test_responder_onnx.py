"""The exported model: checked when made, checked when loaded, and never half there."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from services.responder.embedding import Embedder
from services.responder.onnx_model import DoesNotExport, OnnxModel, ready_model
from services.responder.settings import PACKAGED


def never() -> object:
    raise AssertionError("the original model is not needed")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = tmp_path / "model"
    (model / "1_Pooling").mkdir(parents=True)
    kinds = ("Transformer", "Pooling", "Normalize")
    modules = [
        {"idx": n, "path": "1_Pooling" if n == 1 else "", "type": f"sentence_transformers.models.{kind}"}
        for n, kind in enumerate(kinds)
    ]
    (model / "modules.json").write_text(json.dumps(modules))
    (model / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": true}')
    (model / "sentence_bert_config.json").write_text('{"max_seq_length": 8}')
    (model / "tokenizer.json").write_text("{}")
    return model


def test_a_damaged_export_is_not_used(folder: Path, tmp_path: Path) -> None:
    exported = tmp_path / "model.onnx"
    exported.write_bytes(b"half of it")
    (tmp_path / "model.onnx.sha256").write_text(hashlib.sha256(b"all of it").hexdigest())
    with pytest.raises(DoesNotExport, match="export again"):
        ready_model(folder, tmp_path, never)


def test_an_export_without_its_sha256_is_not_used(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"whence?")
    with pytest.raises(DoesNotExport, match="SHA-256"):
        OnnxModel(folder, tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("modules.json", "[]"),
        ("modules.json", "not json"),
        ("1_Pooling/config.json", '{"pooling_mode_max_tokens": true}'),
        ("sentence_bert_config.json", "{}"),
    ],
)
def test_a_model_of_another_make_is_left_to_torch(folder: Path, file: str, content: str) -> None:
    (folder / file).write_text(content)
    with pytest.raises(DoesNotExport):
        ready_model(folder, folder / "cache", never)


@pytest.mark.long
def test_live_messages_are_embedded_without_torch_and_alike(tmp_path: Path) -> None:
    texts = ["Bonjour, un devis pour deux pompes ?", "STOP", "Where is my order? " * 40, "👍"]
    exported = Embedder(PACKAGED, cache=tmp_path).embed(texts)
    original = Embedder(PACKAGED, backend="torch").embed(texts)
    assert (exported * original).sum(axis=1).min() >= 0.9999
    program = (
        "import sys; from pathlib import Path; from services.responder.embedding import Embedder; "
        f"Embedder('packaged', cache=Path({str(tmp_path)!r})).embed(['a'])\nprint('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("False")
