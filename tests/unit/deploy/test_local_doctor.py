"""Each thing that can be wrong on a machine gets a name and a remedy."""

import socket
from pathlib import Path

import pytest

from deploy.local import checks, kafka_jars
from deploy.local.process import LocalError, free_ports, socket_folder
from deploy.processes import SERVERS, Server, gunicorn_command


def test_old_python_fails_with_a_remedy() -> None:
    assert checks.python_version((3, 11, 0)).status == "ok"
    old = checks.python_version((3, 10, 14))
    assert (old.status, old.detail) == ("fail", "3.10.14 is too old")
    assert "3.11" in old.remedy


def test_the_spool_is_well_when_empty_warns_when_not_and_fails_when_it_takes_nothing() -> None:
    told = {"records": 0, "age_s": 0.0, "writable": True}
    assert checks.spool(told).status == "ok"
    waiting = checks.spool({**told, "records": 12, "age_s": 3.4})
    assert waiting.status == "warn"
    assert "12 records wait" in waiting.detail
    for broken in ({**told, "writable": False}, {**told, "records": None, "age_s": None}):
        assert checks.spool(broken).status == "fail"
        assert checks.spool(broken).remedy


def test_full_disk_fails() -> None:
    assert checks.disk_space(2_000_000_000, Path("/d")).status == "ok"
    assert checks.disk_space(1_999_999_999, Path("/d")).status == "fail"


def test_little_memory_only_warns() -> None:
    assert checks.memory(1_000_000_000).status == "warn"


def test_unknown_system_fails() -> None:
    assert checks.operating_system("Windows", "AMD64").status == "fail"
    assert checks.operating_system("Linux", "aarch64").status == "ok"


def test_taken_port_names_the_port_its_owner_and_the_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        check = checks.port(SERVERS["ingest"], {"INGEST_PORT": str(number)})
    assert check.status == "fail"
    assert str(number) in check.detail
    assert "taken by" in check.detail
    assert "INGEST_PORT=" in check.remedy


def test_malformed_port_fails_with_its_setting() -> None:
    assert "INGEST_PORT=http is no number" in checks.port(SERVERS["ingest"], {"INGEST_PORT": "http"}).detail


def test_model_that_does_not_speak_the_companys_language_warns() -> None:
    check = checks.embedding_model("packaged", "en")
    assert check.status == "warn"
    assert "not made for fr" in check.detail
    assert "EMBEDDING_MODEL" in check.remedy
    assert checks.embedding_model("/models/multilingual", "fr, EN").status == "ok"


def test_a_language_learnt_by_an_adapter_is_spoken_and_others_still_warn() -> None:
    assert checks.embedding_model("packaged", "en", {"fr"}).status == "ok"
    check = checks.embedding_model("packaged", "en", {"fr"}, ("fr", "en", "de"))
    assert check.status == "warn"
    assert "not made for de" in check.detail


def test_failures_are_told_with_their_remedies() -> None:
    found = [checks.Check("Disk", "ok", "fine"), checks.Check("Port", "fail", "taken", "take another")]
    assert checks.failures(found) == "Port: taken - take another"


def test_free_ports_are_different_and_free() -> None:
    ports = free_ports(3)
    assert len(set(ports)) == 3
    for port in ports:
        socket.create_server(("127.0.0.1", port)).close()


def test_sockets_of_a_deep_folder_go_to_a_short_private_one(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 30)
    short = socket_folder(deep)
    assert len(str(short)) < 85
    assert short.stat().st_mode & 0o777 == 0o700
    assert socket_folder(deep) == short
    short.rmdir()


def test_a_service_listens_where_its_settings_say() -> None:
    line = gunicorn_command(Server("scoring", 8082), {"BIND_HOST": "::1", "SCORING_PORT": "9000"})
    assert "--bind=[::1]:9000" in line
    assert line[-1] == "services.scoring.app:create_app()"


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lock file of one jar, an empty cache."""
    file = tmp_path / "jars.sha256"
    file.write_text("2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae  a.jar\n")  # of "foo"
    monkeypatch.setattr(kafka_jars, "LOCK_FILE", file)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return file


def downloads(monkeypatch: pytest.MonkeyPatch, folder: Path, **jars: str) -> None:
    folder.mkdir()
    for name, content in jars.items():
        (folder / f"{name}.jar").write_text(content)
    monkeypatch.setattr(kafka_jars, "download", lambda: sorted(folder.glob("*.jar")))


@pytest.mark.usefixtures("lock")
def test_locked_jars_are_kept_and_not_downloaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloads(monkeypatch, tmp_path / "downloaded", a="foo")
    first = kafka_jars.resolve()
    assert [jar.read_text() for jar in first] == ["foo"]
    monkeypatch.setattr(kafka_jars, "download", lambda: pytest.fail("downloaded again"))
    assert kafka_jars.resolve() == first


@pytest.mark.usefixtures("lock")
@pytest.mark.parametrize(
    ("jars", "complaint"),
    [
        ({"a": "bar"}, "another content than locked"),
        ({}, "missing"),
        ({"a": "foo", "b": "foo"}, "not in the lock file"),
    ],
)
def test_a_jar_that_is_not_the_locked_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jars: dict[str, str], complaint: str
) -> None:
    downloads(monkeypatch, tmp_path / "downloaded", **jars)
    with pytest.raises(LocalError, match=complaint):
        kafka_jars.resolve()
    assert kafka_jars.cached() == []


def test_a_jar_changed_in_the_cache_is_downloaded_again(
    lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lock.exists()
    downloads(monkeypatch, tmp_path / "downloaded", a="foo")
    kafka_jars.resolve()[0].write_text("changed")
    assert [jar.read_text() for jar in kafka_jars.resolve()] == ["foo"]


def test_every_jar_of_kafka_is_locked() -> None:
    locked = kafka_jars.locked()
    assert "kafka_2.13-4.3.1.jar" in locked
    assert "slf4j-reload4j-1.7.36.jar" in locked
    assert all(len(digest) == 64 for digest in locked.values())


def test_a_model_folder_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    found = checks.model_folder(str(tmp_path / "none"))
    assert (found.status, found.remedy[:20]) == ("fail", "set EMBEDDING_MODEL ")
    assert checks.model_folder(str(tmp_path)).status == "ok"
    assert checks.model_folder("packaged").status == "ok"


def test_where_texts_go_to_be_reworded_is_said() -> None:
    assert "no text" in checks.texts_given("", "").detail
    here = checks.texts_given("http://127.0.0.1:11434/v1", "small")
    assert (here.status, "small at http://127.0.0.1:11434/v1" in here.detail) == ("ok", True)
    away = checks.texts_given("https://models.example.com/v1", "large")
    assert (away.status, "models.example.com" in away.detail) == ("warn", True)
