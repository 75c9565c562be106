"""The `eclaireur` command: fast help, one sentence for a failure, 0, 1 or 2."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.cli import take_data_dir

HEAVY = ("psycopg", "kafka", "numpy", "xgboost", "sklearn", "torch", "flask", "httpx", "supervisor")


def eclaireur(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "COLUMNS": "100"}
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli", *arguments],
        capture_output=True, text=True, check=False, env=environment, cwd=Path(__file__).parents[3],
    )  # fmt: skip


def test_data_dir_is_taken_wherever_it_stands() -> None:
    assert take_data_dir(["up", "--data-dir", "d", "--demo"]) == (["up", "--demo"], "d")
    assert take_data_dir(["--data-dir=d", "status"]) == (["status"], "d")
    assert take_data_dir(["status"]) == (["status"], None)
    with pytest.raises(ValueError, match="needs a folder"):
        take_data_dir(["status", "--data-dir"])


def test_help_lists_the_commands_and_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['eclaireur', '--help']\n"
        "from deploy.cli import main\n"
        "try: main()\n"
        f"finally: print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "[]"
    for command in ("up", "status", "doctor", "migrate", "serve", "work", "user", "key"):
        assert f" {command} " in done.stdout


def test_unknown_command_is_wrong_use(tmp_path: Path) -> None:
    assert eclaireur("fly", folder=tmp_path).returncode == 2
    done = eclaireur("serve", "writeback", folder=tmp_path)
    assert (done.returncode, "choose one of" in done.stderr) == (2, True)


def test_command_without_an_installation_says_what_to_do(tmp_path: Path) -> None:
    done = eclaireur("migrate", "--data-dir", str(tmp_path / "none"), folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("eclaireur: DATABASE_URL is not set")
    assert done.stderr.count("\n") == 1


def test_status_of_nothing_is_not_healthy(tmp_path: Path) -> None:
    done = eclaireur("status", "--json", "--data-dir", str(tmp_path / "none"), folder=tmp_path)
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert (answer["healthy"], answer["running"]) == (False, False)


def test_folder_that_is_not_ours_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").touch()
    done = eclaireur("up", "--data-dir", str(tmp_path), folder=tmp_path)
    assert done.returncode == 1
    assert "holds other files" in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != ".cache") == ["letter.txt"]
