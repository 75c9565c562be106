"""What serves loads nothing of what learns."""

import subprocess
import sys

import pytest

from services.scoring.learning.fit import fit
from services.scoring.model import digest, to_bytes
from tests.unit.scoring.leads import invented

LOADED = (
    "import sys; print(*sorted({name.partition('.')[0] for name in sys.modules} & {'sklearn', 'xgboost'}))"
)


def loaded(statement: str, given: bytes = b"") -> list[str]:
    command = [sys.executable, "-c", f"{statement}\n{LOADED}"]
    done = subprocess.run(command, input=given, capture_output=True, check=True)
    return done.stdout.decode().split()


@pytest.mark.parametrize("module", ["app", "worker", "cli"])
def test_neither_scikit_learn_nor_xgboost_is_loaded_without_a_model(module: str) -> None:
    assert loaded(f"import services.scoring.{module}") == []


def test_a_model_of_trees_loads_xgboost_but_not_scikit_learn() -> None:
    data = to_bytes(fit(*invented(800, interaction=True), seed=0).model)
    load = (
        "import sys; from services.scoring.model import from_bytes, score; "
        f"score(from_bytes(sys.stdin.buffer.read(), '{digest(data)}'), [{{}}])"
    )
    assert loaded(load, data) == ["xgboost"]


def test_learning_still_finds_scikit_learn_after_xgboost() -> None:
    assert loaded("import services.scoring.trees, services.scoring.learning.run") == ["sklearn", "xgboost"]
