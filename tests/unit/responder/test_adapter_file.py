"""The adapter that is shipped, and that it can be made again."""

import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from services.responder.adapter.making import CARD
from services.responder.adapter.pack import FILE, MAX_BYTES, file_sha256, load_adapter
from services.responder.adapter.serve import PACKAGED, WEIGHTS, adapters_for
from services.responder.embedding import Embedder, model_folder
from services.responder.settings import PACKAGED as PACKAGED_MODEL

ROOT = Path(__file__).parents[3]
FRENCH = PACKAGED / "fr"


def test_the_shipped_adapter_is_small_whole_and_made_for_the_packaged_model() -> None:
    assert (FRENCH / FILE).stat().st_size <= MAX_BYTES
    adapter = load_adapter(FRENCH)
    assert (adapter.language, adapter.base) == ("fr", file_sha256(model_folder(PACKAGED_MODEL) / WEIGHTS))
    assert "fr" in Embedder(PACKAGED_MODEL).languages


def test_its_card_names_the_file_and_whom_its_pairs_come_from() -> None:
    card = (FRENCH / CARD).read_text(encoding="utf-8")
    assert file_sha256(FRENCH / FILE) in card
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    for source in ("Tatoeba", "Microsoft", "CC BY 4.0", "CC BY 2.0 FR", "CC0"):
        assert source in card
        assert source in notice


def test_an_adapter_of_another_model_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ECLAIREUR_DATA_DIR", raising=False)
    assert adapters_for("0" * 64) == {}


@pytest.mark.long
def test_the_same_pairs_give_the_same_file_on_any_number_of_threads(tmp_path: Path) -> None:
    made = [made_with(threads, tmp_path / str(run)) for run, threads in enumerate((1, 1, 2))]
    assert made[0]["sha256"] == made[1]["sha256"] == made[2]["sha256"]
    assert made[0]["development"] == made[2]["development"]


def made_with(threads: int, folder: Path) -> dict[str, object]:
    """What the command prints after three steps on the project's own pairs."""
    command = [
        sys.executable,
        "-m",
        "deploy.cli",
        "replies",
        "adapt-language",
        "fr",
        "--steps",
        "3",
        "--json",
    ]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "ECLAIREUR_DATA_DIR": str(folder)}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, cwd=ROOT)
    found: dict[str, object] = orjson.loads(done.stdout)
    return found | {"adapter": None}
