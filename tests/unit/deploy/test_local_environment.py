"""The settings an installation starts with: who wins, what is written, what is never shown."""

import json
from pathlib import Path

import pytest
from pydantic import Field, SecretStr
from pydantic.fields import FieldInfo

from deploy.local.installation import (
    Installation,
    compose_environment,
    env_text,
    folder_problem,
    load_environment,
    open_installation,
    own_secrets,
    setting,
    write_environment,
)
from deploy.local.process import LocalError
from deploy.local.settings_report import report

KNOWN = frozenset({"EMBEDDING_MODEL", "DATABASE_URL"})
MADE = {"DATABASE_URL": "postgresql://embedded", "TOKEN_SECRET": "made"}


def composed(caller: dict[str, str], *, demo: bool = False) -> dict[str, str]:
    return compose_environment(Installation(Path("/d"), demo), caller=caller, made=MADE, known=KNOWN)


def test_what_the_caller_set_wins_over_what_was_made() -> None:
    environment = composed({"DATABASE_URL": "postgresql://mine", "EMBEDDING_MODEL": "/m", "UNRELATED": "x"})
    assert environment["DATABASE_URL"] == "postgresql://mine"
    assert environment["EMBEDDING_MODEL"] == "/m"
    assert environment["TOKEN_SECRET"] == "made"
    assert "UNRELATED" not in environment


def test_a_secret_given_as_a_file_replaces_the_made_one() -> None:
    environment = composed({"TOKEN_SECRET_FILE": "/run/secrets/token"})
    assert environment["TOKEN_SECRET_FILE"] == "/run/secrets/token"
    assert "TOKEN_SECRET" not in environment


def test_addresses_follow_the_ports() -> None:
    environment = composed({"SCORING_PORT": "9002", "BIND_HOST": "0.0.0.0"})  # noqa: S104
    assert environment["SCORING_URL"] == "http://127.0.0.1:9002"
    assert environment["CONSOLE_URL"] == "http://127.0.0.1:8080"


def test_demonstration_is_marked_and_keeps_to_its_own_topics_on_a_shared_kafka() -> None:
    assert composed({"DEMO": "0"}, demo=True)["DEMO"] == "1"
    assert composed({"DEMO": "1"})["DEMO"] == "0"
    assert composed({"KAFKA_BOOTSTRAP_SERVERS": "k:9092"}, demo=True)["TOPIC_PREFIX"] == "demo."
    assert composed({"KAFKA_BOOTSTRAP_SERVERS": "k:9092"})["TOPIC_PREFIX"] == ""


def test_services_reach_each_other_past_a_proxy() -> None:
    environment = composed({"HTTPS_PROXY": "http://p", "HTTP_PROXY": "http://p", "NO_PROXY": "intranet"})
    assert environment["no_proxy"] == "intranet,127.0.0.1,localhost"
    assert "no_proxy" not in composed({})


def test_environment_survives_being_written_and_read(tmp_path: Path) -> None:
    installation = open_installation(tmp_path / "data", demo=False)
    values = {"A": "", "B": "spaces 'and' \"quotes\" # no comment", "C": "$HOME `id` \\ %s", "D": "é=1"}
    write_environment(installation, values)
    assert load_environment(installation.root) == values
    assert installation.env_file.stat().st_mode & 0o777 == 0o600
    assert env_text({"A": "1"}) == "A=1\n"


def test_environment_before_the_first_start_is_empty(tmp_path: Path) -> None:
    assert load_environment(tmp_path) == {}


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    installation = open_installation(tmp_path / "data", demo=False)
    first = own_secrets(installation)
    assert own_secrets(installation) == first
    assert json.loads(first["INGEST_WEBHOOK_SECRETS"])["standard"][0].startswith("whsec_")
    assert len(first["TOKEN_SECRET"]) >= 32
    modes = {file.stat().st_mode & 0o777 for file in (installation.root / "secrets").iterdir()}
    assert modes == {0o600}


def test_real_and_demonstration_folders_refuse_each_other(tmp_path: Path) -> None:
    open_installation(tmp_path / "real", demo=False)
    open_installation(tmp_path / "demo", demo=True)
    with pytest.raises(LocalError, match="holds real data"):
        open_installation(tmp_path / "real", demo=True)
    with pytest.raises(LocalError, match="holds demonstration data"):
        open_installation(tmp_path / "demo", demo=False)
    open_installation(tmp_path / "real", demo=False)


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").touch()
    assert "holds other files" in (folder_problem(tmp_path, demo=False) or "")
    assert "is a file" in (folder_problem(tmp_path / "letter.txt", demo=False) or "")
    assert folder_problem(tmp_path / "new", demo=False) is None


def test_setting_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://x\n")
    assert setting("DATABASE_URL", {"DATABASE_URL_FILE": str(tmp_path / "url")}) == "postgresql://x"
    assert setting("DATABASE_URL", {}) is None
    with pytest.raises(LocalError, match="DATABASE_URL_FILE"):
        setting("DATABASE_URL", {"DATABASE_URL_FILE": str(tmp_path / "none")})


def test_report_says_where_each_value_comes_from_and_hides_secrets() -> None:
    known: dict[str, FieldInfo] = {
        "TOKEN_SECRET": FieldInfo(annotation=SecretStr),
        "INGEST_WEBHOOK_SECRETS": FieldInfo(annotation=dict[str, list[SecretStr]]),
        "DATABASE_URL": FieldInfo(annotation=str),
        "LOG_LEVEL": Field("INFO"),  # type: ignore[dict-item]  # pydantic types Field as its default
        "COMPANY_NAME": FieldInfo(annotation=str),
    }
    rows = report(
        known,
        caller={"DATABASE_URL": "postgresql://me:hunter2@host/db", "TOKEN_SECRET": "s3cret"},
        installed={"INGEST_WEBHOOK_SECRETS": '{"standard": ["s3cret"]}', "TOKEN_SECRET": "other"},
    )
    found = {row.name: (row.value, row.origin) for row in rows}
    assert found == {
        "TOKEN_SECRET": ("(hidden)", "environment"),
        "INGEST_WEBHOOK_SECRETS": ("(hidden)", "installation"),
        "DATABASE_URL": ("postgresql://me:***@host/db", "environment"),
        "LOG_LEVEL": ("INFO", "default"),
        "COMPANY_NAME": ("", "missing"),
    }


@pytest.mark.parametrize("as_file", [False, True])
def test_secrets_of_vendors_stand_beside_the_one_made_here(tmp_path: Path, as_file: bool) -> None:
    given = '{"hubspot": ["theirs"]}'
    (tmp_path / "secrets.json").write_text(given)
    caller = (
        {"INGEST_WEBHOOK_SECRETS_FILE": str(tmp_path / "secrets.json")}
        if as_file
        else {"INGEST_WEBHOOK_SECRETS": given}
    )
    environment = compose_environment(
        Installation(Path("/d"), False),
        caller=caller,
        made={"INGEST_WEBHOOK_SECRETS": '{"standard": ["ours"], "hubspot": ["never ours"]}'},
        known=KNOWN,
    )
    assert json.loads(environment["INGEST_WEBHOOK_SECRETS"]) == {"standard": ["ours"], "hubspot": ["theirs"]}
    assert "INGEST_WEBHOOK_SECRETS_FILE" not in environment


def test_malformed_secrets_are_left_to_be_refused() -> None:
    environment = compose_environment(
        Installation(Path("/d"), False),
        caller={"INGEST_WEBHOOK_SECRETS": "hubspot=theirs"},
        made={"INGEST_WEBHOOK_SECRETS": '{"standard": ["ours"]}'},
        known=KNOWN,
    )
    assert environment["INGEST_WEBHOOK_SECRETS"] == "hubspot=theirs"
