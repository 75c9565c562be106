from pathlib import Path

import pytest

from services.responder.embedding import Embedder, ModelUnusable
from services.responder.settings import PACKAGED


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    return tmp_path


def test_the_packaged_model_is_found_without_loading_it() -> None:
    assert Embedder(PACKAGED).name.startswith("packaged@")


def test_weights_are_part_of_the_name(folder: Path) -> None:
    before = Embedder(str(folder)).name
    (folder / "model.safetensors").write_bytes(b"other weights")
    assert Embedder(str(folder)).name != before


def test_weights_with_another_sha256_are_refused(folder: Path) -> None:
    with pytest.raises(ModelUnusable, match="SHA-256"):
        Embedder(str(folder), sha256="0" * 64)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match=r"model\.safetensors"):
        Embedder(str(tmp_path))


@pytest.mark.parametrize("name", ["no-such-model-anywhere", "nobody/no-such-model", "../nowhere/at all"])
def test_a_model_that_is_not_on_this_machine_is_refused_without_a_download(name: str) -> None:
    with pytest.raises(ModelUnusable, match="give its path"):
        Embedder(name)
