"""`eclaireur user`: people are let in, and get a new password when theirs is lost."""

import subprocess
import sys
from pathlib import Path

from shared.auth import store
from tests.harness.platform import PASSWORD, Installation

ROOT = Path(__file__).parents[2]


def user(installation: Installation, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli", "user", *arguments],
        capture_output=True, text=True, check=False, env=installation.environment, cwd=ROOT,
    )  # fmt: skip


def test_a_lost_password_is_replaced_by_one_that_is_printed_once(installation: Installation) -> None:
    person = installation.person(email="lea@example.fr")
    done = user(installation, "password", "--email", " Lea@Example.fr")
    (password,) = done.stdout.split()
    assert (done.returncode, done.stderr) == (0, "")
    with installation.connect(store.SCHEMA) as connection:
        assert store.sign_in(connection, "lea@example.fr", password) == person
        assert store.sign_in(connection, "lea@example.fr", PASSWORD) is None


def test_a_password_of_nobody_is_not_replaced(installation: Installation) -> None:
    done = user(installation, "password", "--email", "nobody@example.fr")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("eclaireur: nobody signs in as nobody@example.fr")


def test_a_person_added_can_sign_in(installation: Installation) -> None:
    done = user(installation, "add", "--email", "karim@example.fr", "--name", "Karim")
    with installation.connect(store.SCHEMA) as connection:
        person = store.sign_in(connection, "karim@example.fr", done.stdout.strip())
    assert person is not None
    assert (person.name, person.role) == ("Karim", "rep")
