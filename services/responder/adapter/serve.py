"""The adapted model as a folder like any other sentence-transformers model, for whatever runs those."""

import json
import os
import shutil
from pathlib import Path
from typing import Final

from safetensors.numpy import load_file, save_file

from services.responder.adapter.pack import FILE, Adapter, describe_adapter, file_sha256, load_adapter
from services.responder.adapter.routing import Words
from services.responder.adapter.vocabulary import extended

PACKAGED: Final = Path(__file__).parent
WEIGHTS: Final = "model.safetensors"


def adapters_for(base_sha256: str) -> dict[str, Path]:
    """Folders of the adapters made for these weights, by language; the installation's go before ours."""
    folders = [PACKAGED]
    if data_dir := os.environ.get("ECLAIREUR_DATA_DIR"):
        folders.append(Path(data_dir) / "adapters")
    paths = [path.parent for folder in folders for path in sorted(folder.glob(f"*/{FILE}"))]
    return {path.name: path for path in paths if describe_adapter(path).base == base_sha256}


def adapted_folder(base: Path, adapter: Path, cache: Path) -> Path:
    """The model of `base` with the adapter in it, made in `cache` when it is not there yet.

    Raises AdapterUnusable when the adapter is damaged.
    """
    made = cache / f"{adapter.name}-{file_sha256(adapter / FILE)[:12]}"
    if not made.is_dir():
        unfinished = made.with_suffix(".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(base, unfinished, ignore=shutil.ignore_patterns(WEIGHTS, "*.md", "onnx", ".*"))
        _write(base, load_adapter(adapter), unfinished)
        unfinished.rename(made)
    return made


def adapter_words(base: Path, adapter: Path) -> Words:
    """What tells the adapter's language from English, by the tokens of the base model."""
    # Read as JSON: a tokenizer takes ten times as long to build, while the first message waits.
    tokenizer = json.loads((base / "tokenizer.json").read_text(encoding="utf-8"))
    tokens = {number: token for token, number in tokenizer["model"]["vocab"].items()}
    description = describe_adapter(adapter)
    own = frozenset(description.words).union(tokens[number] for number in description.taken)
    return Words(own, frozenset(tokens.values()))


def _write(base: Path, adapter: Adapter, folder: Path) -> None:
    words = adapter.vocabulary.words
    weights = adapter.applied(load_file(base / WEIGHTS))
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    tokenizer = extended((base / "tokenizer.json").read_text(encoding="utf-8"), words)
    tokenizer.save(str(folder / "tokenizer.json"))
    with (folder / "vocab.txt").open("a", encoding="utf-8") as file:
        file.writelines(f"{word}\n" for word in words)
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    config["vocab_size"] += len(words)
    (folder / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
