"""Inbound mail: what relays post, whose words remain, and what must never be answered."""

import json
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.connectors import mail
from services.ingest.connectors.plain_text import from_html, own_words
from services.ingest.connectors.webhook_call import Event, SignatureRefused, Untranslatable, WebhookCall
from shared.contracts.errors import InvalidEvent
from shared.contracts.events import validate_event
from tests.unit.ingest.webhooks import (
    NOW,
    basic,
    check_translate_is_total,
    check_verify_only_refuses,
    webhook_call,
)

REPLY = """Bonjour,

Quel est votre délai pour 12 pompes ?

Claire
--\x20
Claire Durand
Aciers du Nord

Le lun. 2 mars 2026 à 09:12, Léa Martin <lea@hydromeca.fr> a écrit :
> Bonjour, voici notre catalogue.
"""


def message(text: str = REPLY, html: str | None = None, **headers: str) -> EmailMessage:
    made = EmailMessage()
    values = {
        "From": "Claire Durand <Claire@example.fr>",
        "To": "contact@hydromeca.fr",
        "Subject": "Délai & prix",
        "Date": "Mon, 02 Mar 2026 10:02:31 +0100",
        "Message-ID": "<m2@example.fr>",
        "In-Reply-To": "<m1@hydromeca.fr>",
        "References": "<m0@example.fr> <m1@hydromeca.fr>",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    for name, value in values.items():
        made[name] = value
    made.set_content(text)
    if html is not None:
        made.add_alternative(html, subtype="html")
    return made


def posted(made: EmailMessage, **headers: str) -> WebhookCall:
    return webhook_call(made.as_bytes(policy=SMTP), **{"content_type": "message/rfc822", **headers})


def read(call: WebhookCall) -> Event:
    (event,) = mail.translate(mail.parse(call), call)
    assert not isinstance(event, Untranslatable), event.reason
    validate_event(event, now=NOW)
    return event


def test_the_user_and_password_are_asked_for() -> None:
    mail.verify(webhook_call(authorization=basic("relay", "p")), "relay:p")
    with pytest.raises(SignatureRefused):
        mail.verify(webhook_call(authorization=basic("relay", "q")), "relay:p")


def test_a_reply_becomes_what_its_author_wrote() -> None:
    event = read(posted(message()))
    assert (event["type"], event["id"]) == ("crm.message.received", "m2@example.fr")
    assert event["time"] == "2026-03-02T09:02:31+00:00"
    assert event["data"] == {
        "lead": {"email": "Claire@example.fr", "name": "Claire Durand"},
        "channel": "email",
        "subject": "Délai & prix",
        "text": "Bonjour,\n\nQuel est votre délai pour 12 pompes ?\n\nClaire",
        "thread_id": "m0@example.fr",
        "in_reply_to": "m1@hydromeca.fr",
    }


def form(raw: str, boundary: str = "b0undary") -> bytes:
    return (
        f'--{boundary}\r\nContent-Disposition: form-data; name="to"\r\n\r\ncontact@x.fr\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="email"\r\n\r\n{raw}\r\n--{boundary}--\r\n'
    ).encode()


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", lambda raw: json.dumps({"From": "x", "RawEmail": raw}).encode()),
        ("application/x-www-form-urlencoded", lambda raw: urlencode({"body-mime": raw}).encode()),
        ("multipart/form-data; boundary=b0undary", form),
    ],
)
def test_each_relays_own_way_of_posting_gives_the_same_event(content_type: str, body: Any) -> None:
    raw = message().as_bytes(policy=SMTP).decode()
    assert read(webhook_call(body(raw), content_type=content_type)) == read(posted(message()))


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"Subject": "x"}'),
        ("application/json", b"not json"),
        ("application/x-www-form-urlencoded", b"a=1"),
        ("multipart/form-data", b"--x"),
        ("multipart/form-data; boundary=\xe9", b"--x"),
    ],
)
def test_a_post_without_a_message_is_refused(content_type: Any, body: bytes) -> None:
    header = content_type if isinstance(content_type, str) else content_type.decode("latin-1")
    with pytest.raises(InvalidEvent):
        mail.parse(webhook_call(body, content_type=header))


def test_html_alone_is_read_as_text_without_what_it_quotes() -> None:
    made = message()
    made.set_content(
        "<style>p {}</style><p>Bonjour,</p><p>Un d&eacute;lai&nbsp;?<br>Merci</p><!-- x > y -->"
        '<div class="gmail_quote">Le 2 mars, Léa a écrit :<blockquote>catalogue</blockquote></div>',
        subtype="html",
    )
    assert read(posted(made))["data"]["text"] == "Bonjour,\n\nUn délai ?\nMerci"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Oui.\n\nOn Mon, 2 Mar 2026 at 09:12, Léa <l@x.fr>\nwrote:\n> a\n> b\n", "Oui."),
        ("Oui.\n\n-----Message d'origine-----\nDe : Léa", "Oui."),
        ("Oui.\n\nDe : Léa <l@x.fr>\nEnvoyé : lundi 2 mars\nÀ : Claire\nObjet : prix\n\nBonjour", "Oui."),
        ("From: Léa\nSent: Monday\nTo: Claire\n\nHello", "From: Léa\nSent: Monday\nTo: Claire\n\nHello"),
        ("On 2 Mar 2026, Léa wrote:\n> prix ?\nTrop cher.\n> délai ?\nTrop long.", "Trop cher.\nTrop long."),
        ("Merci\n\nEnvoyé de mon iPhone", "Merci"),
        ("De : rien, à bientôt.\nClaire", "De : rien, à bientôt.\nClaire"),
        ("> tout est cité", "> tout est cité"),
        ("a\n--\nb", "a"),
        ("On verra :\nle prix\nle délai", "On verra :\nle prix\nle délai"),
    ],
)
def test_quoted_text_and_signatures_are_left_out_but_never_everything(text: str, left: str) -> None:
    assert own_words(text) == left


def test_a_message_that_only_forwards_is_given_whole() -> None:
    forwarded = "---------- Forwarded message ---------\nFrom: a\nQuel prix ?"
    assert "Quel prix ?" in read(posted(message(forwarded)))["data"]["text"]


def test_attachments_are_left_out_and_a_wrong_charset_costs_no_message() -> None:
    made = message("Bonjour")
    made.add_attachment(b"x" * 1_000_000, maintype="application", subtype="pdf", filename="plan.pdf")
    made.add_attachment("secret.txt", filename="note.txt")
    assert read(posted(made))["data"]["text"] == "Bonjour"
    raw = b"From: a@example.fr\r\nContent-Type: text/plain; charset=no-such\r\n\r\nd\xe9lai"
    assert read(webhook_call(raw))["data"]["text"] == "d\N{REPLACEMENT CHARACTER}lai"


def test_an_automatic_answer_is_nothing_to_reply_to() -> None:
    event = read(posted(message(Auto_Submitted="auto-replied")))
    assert (event["type"], event["data"]["activity"]) == ("crm.activity.logged", "automatic_reply")


def test_a_delivery_report_names_the_address_that_failed() -> None:
    raw = (
        b"From: MAILER-DAEMON@mx.example.fr\r\nMessage-ID: <r1@mx>\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\nNot delivered\r\n"
        b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n"
        b"Final-Recipient: rfc822; claire@example.fr\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"
    )
    event = read(webhook_call(raw))
    assert (event["type"], event["data"]["lead"]) == ("crm.email.bounced", {"email": "claire@example.fr"})


def test_a_message_without_id_or_with_an_impossible_date_is_taken_all_the_same() -> None:
    raw = b"From: a@example.fr\r\nDate: Thu, 01 Jan 2099 00:00:00 +0000\r\n\r\nBonjour"
    first, again = read(webhook_call(raw)), read(webhook_call(raw))
    assert first["id"] == again["id"]
    assert first["time"] == NOW.isoformat()


def test_a_header_cannot_bring_another() -> None:
    raw = b"From: a@example.fr\r\nSubject: =?utf-8?q?a=0D=0ABcc:_b@example.fr=00?=\r\n\r\nBonjour"
    assert read(webhook_call(raw))["data"]["subject"] == "a Bcc: b@example.fr"


def test_bytes_beyond_ascii_in_a_header_are_utf_8() -> None:
    raw = "From: Zoé <a@example.fr>\r\nSubject: Délai\r\n\r\nBonjour".encode()
    event = read(webhook_call(raw))
    assert (event["data"]["subject"], event["data"]["lead"]["name"]) == ("Délai", "Zoé")


def test_nested_parts_and_unclosed_tags_take_no_time() -> None:
    nested = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(10_000)
    )
    call = webhook_call(b"From: a@example.fr\r\n" + nested)
    with pytest.raises(InvalidEvent):
        mail.parse(call)
    parameters = b"; a=b" * 300_000
    for raw in (
        b"Content-Type: text/plain" + parameters,
        b"Content-Type: x/y; boundary=b\r\n\r\n" + b"--b\n" * 10**6,
    ):
        with pytest.raises(InvalidEvent):
            mail.parse(webhook_call(b"From: a@example.fr\r\n" + raw))
    subject = b"=?utf-8?q?a?= " * 100_000
    read(webhook_call(b"From: a@example.fr\r\nSubject: " + subject + b"\r\n\r\nBonjour"))
    for source in ("<" * 400_000, "<!--" * 100_000, "<blockquote>" * 40_000, "&#x" * 100_000):
        from_html(source)
    own_words("On " * 100_000 + "\n" * 100_000)


PARSED: dict[str, Any] = {
    "from": "a@example.fr",
    "name": "A",
    "subject": "s",
    "message_id": "m",
    "date": "2026-03-02T09:02:31+00:00",
    "automatic": False,
    "bounced": None,
    "text": "Bonjour",
    "thread_id": "t",
    "in_reply_to": "r",
}


def test_whatever_comes_is_translated_or_refused_never_an_error() -> None:
    check_translate_is_total(
        "mail", [PARSED, {**PARSED, "automatic": True}, {**PARSED, "bounced": "b@example.fr"}]
    )
    check_verify_only_refuses("mail", "user:password", "authorization")


HEADERS = st.sampled_from(
    [
        b"From",
        b"Subject",
        b"Date",
        b"Content-Type",
        b"References",
        b"Message-ID",
        b"Content-Transfer-Encoding",
    ]
)
VALUES = st.binary(max_size=60) | st.sampled_from(
    [
        b"=?utf-8?q?=C3?=",
        b"=?x?b?!?=",
        b"base64",
        b"uuencode",
        b'a:b;"',
        b"text/html",
        b"multipart/x; boundary=b",
    ]
)


@settings(max_examples=200, deadline=None, database=None)
@given(st.lists(st.tuples(HEADERS, VALUES), max_size=8), st.binary(max_size=80))
def test_any_bytes_are_a_message_or_refused(headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    raw = b"".join(name + b": " + value + b"\r\n" for name, value in headers) + b"\r\n" + body
    call = webhook_call(raw)
    try:
        payload = mail.parse(call)
    except InvalidEvent:
        return
    for one in mail.translate(payload, call):
        if not isinstance(one, Untranslatable):
            validate_event(one, now=NOW)
            json.dumps(one, ensure_ascii=False).encode()
