import base64
from typing import Any

import pytest
from pydantic import ValidationError

from services.writeback.settings import WritebackSettings
from shared.settings import problems
from tests.harness.receiver import SECRET


def settings(**given: Any) -> WritebackSettings:
    common = {
        "database_url": "postgresql://",
        "kafka_bootstrap_servers": "broker:9092",
        "token_secret": "x" * 32,
    }
    return WritebackSettings(**{**common, **given})


def refused(**given: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        settings(**given)
    return "\n".join(problems(caught.value))


def test_without_a_url_nothing_is_sent() -> None:
    assert settings().kinds == frozenset()


@pytest.mark.parametrize(
    ("send", "kinds"),
    [("scores,replies", {"score", "reply"}), ("scores", {"score"}), ("replies, scores", {"score", "reply"})],
)
def test_what_is_sent_can_be_chosen(send: str, kinds: set[str]) -> None:
    chosen = settings(
        writeback_webhook_url="https://crm.example/hook", writeback_webhook_secret=SECRET, writeback_send=send
    )
    assert chosen.kinds == kinds


@pytest.mark.parametrize("send", ["", "leads", "scores;replies"])
def test_an_unknown_kind_is_refused(send: str) -> None:
    assert "WRITEBACK_SEND: " in refused(writeback_send=send)


@pytest.mark.parametrize(
    "secret", ["", "secret", "whsec_", "whsec_****", "whsec_" + base64.b64encode(b"x" * 23).decode()]
)
def test_a_url_needs_a_usable_secret(secret: str) -> None:
    message = refused(writeback_webhook_url="https://crm.example/hook", writeback_webhook_secret=secret)
    assert message.startswith("WRITEBACK_WEBHOOK_SECRET: ")


def test_a_missing_secret_is_named_too() -> None:
    assert refused(writeback_webhook_url="https://crm.example/").startswith("WRITEBACK_WEBHOOK_SECRET: ")


@pytest.mark.parametrize(
    "url",
    [
        "crm.example",
        "ftp://crm.example/",
        "https://",
        "https://a:b@crm.example/",
        "http://crm.example/",
        "http://[",
    ],
)
def test_an_unusable_url_is_refused(url: str) -> None:
    assert "WRITEBACK_WEBHOOK_URL: " in refused(writeback_webhook_url=url, writeback_webhook_secret=SECRET)


def test_http_is_for_private_networks() -> None:
    allowed = settings(
        writeback_webhook_url="http://crm.internal/",
        writeback_webhook_secret=SECRET,
        writeback_allow_private="1",
    )
    assert allowed.writeback_allow_private
