"""Inbound mail as relays post it: the whole RFC 5322 message, behind HTTP basic authentication.

The body is the message itself (message/rfc822), or holds it as Postmark ("RawEmail" in JSON), Mailgun
("body-mime") or SendGrid ("email") name it in their forms. Attachments are left out.
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, timedelta
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from email.utils import getaddresses, parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs

from services.ingest.connectors.plain_text import from_html, own_words
from services.ingest.connectors.reading import (
    NotUnderstood,
    Translated,
    cut,
    event,
    field,
    required,
    text,
    translate_each,
)
from services.ingest.connectors.signing import check_basic
from services.ingest.connectors.webhook_call import Event, WebhookCall
from shared.contracts.errors import InvalidEvent
from shared.contracts.events import EARLIEST, MAX_AHEAD
from shared.contracts.parsing import parse_json, parse_time

SOURCE = "mail"
FORM_FIELDS = ("body-mime", "email")
# The email package takes quadratic time over headers, and its time over each part.
MAX_BODY_CHARS = 200_000
MAX_HEADER_CHARS = 4_000
MAX_DASHED_LINES = 20_000
_LONG_CONTENT_HEADER = re.compile(
    rb"^content-(?:type|disposition):(?:[^\r\n]|\r?\n[ \t]){%d}" % MAX_HEADER_CHARS,
    re.IGNORECASE | re.MULTILINE,
)
MAX_ID_CHARS = 300
MAX_PARTS = 200
# What the email package lets out on malformed input, whatever its documentation says.
_LEAKS = (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError)

verify = check_basic


def parse(call: WebhookCall) -> dict[str, Any]:
    """What a message says, as JSON: from, name, subject, text, ids, date, automatic, bounced.

    Raises InvalidEvent when there is no message to read.
    """
    try:
        return _read(_message(call))
    except InvalidEvent:
        raise
    except _LEAKS as error:
        raise InvalidEvent(f"not a mail message that can be read: {type(error).__name__}") from error


def translate(payload: Any, call: WebhookCall) -> Translated:
    """One crm.message.received from the sender; an automatic answer or a bounce is told as what it is."""
    return translate_each([payload], lambda one: _events(one, call), call)


def _events(mail: Any, call: WebhookCall) -> Iterator[Event]:
    message_id = text(field(mail, "message_id"))
    if message_id is None or len(message_id) > MAX_ID_CHARS:
        message_id = hashlib.sha256(call.body).hexdigest()
    base: dict[str, Any] = {
        "source": SOURCE,
        "event_id": message_id,
        "time": _time(field(mail, "date"), call),
    }
    if bounced := text(field(mail, "bounced")):
        yield event("crm.email.bounced", **base, lead={"email": bounced})
        return
    sender = required(text(field(mail, "from")), "From")
    lead = {"email": sender, "name": text(field(mail, "name"))}
    if field(mail, "automatic") is True:
        # An absence notice is no message to answer: two machines would write to each other for ever.
        yield event("crm.activity.logged", **base, lead=lead, activity="automatic_reply")
        return
    body = text(field(mail, "text"))
    if body is None:
        raise NotUnderstood("the message has no text")
    yield event(
        "crm.message.received",
        **base,
        lead=lead,
        channel="email",
        title=text(field(mail, "subject")),
        text=cut(own_words(body)),
        thread_id=text(field(mail, "thread_id")),
        in_reply_to=text(field(mail, "in_reply_to")),
    )


def _time(date: Any, call: WebhookCall) -> str:
    """The message's date unless it is impossible: a sender's wrong clock must not cost the message."""
    try:
        moment = parse_time(date) if isinstance(date, str) else call.received_at
    except InvalidEvent:
        moment = call.received_at
    credible = EARLIEST <= moment <= call.received_at + MAX_AHEAD - timedelta(minutes=1)
    return (moment if credible else call.received_at).isoformat()


def _message(call: WebhookCall) -> Message:
    content_type = call.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        raw = text(field(parse_json(call.body), "RawEmail"))
        if raw is None:
            raise InvalidEvent("no RawEmail: tick the option that includes the raw message")
        return _parsed(raw.encode())
    if kind == "application/x-www-form-urlencoded":
        form = parse_qs(call.body.decode("utf-8", "replace"), max_num_fields=500)
        found = [form[name][0].encode() for name in FORM_FIELDS if name in form]
    elif kind == "multipart/form-data":
        heading = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
        parts = _parsed(heading + call.body)
        found = [
            bytes(part.get_payload(decode=True) or b"")
            for name in FORM_FIELDS
            for part in parts.walk()
            if part.get_param("name", header="content-disposition") == name
        ]
    else:
        return _parsed(call.body)
    if not found:
        raise InvalidEvent(f"the form has no field named {' or '.join(FORM_FIELDS)}")
    return _parsed(found[0])


def _parsed(raw: bytes) -> Message:
    """Raises InvalidEvent for what would take the email package minutes: anyone may write a mail."""
    if raw.count(b"\n--") > MAX_DASHED_LINES or _LONG_CONTENT_HEADER.search(raw):
        raise InvalidEvent("the message has too many parts, or a header that is too long")
    return BytesParser(policy=compat32).parsebytes(raw)


def _read(message: Message) -> dict[str, Any]:
    senders = [
        (name, address) for name, address in getaddresses([_header(message, "From")]) if "@" in address
    ]
    name, address = senders[0] if senders else ("", "")
    references = [_bare(one) for one in _header(message, "References").split()]
    in_reply_to, message_id = (_bare(_header(message, name)) for name in ("In-Reply-To", "Message-ID"))
    return {
        "from": address,
        "name": name,
        "subject": _header(message, "Subject"),
        "message_id": message_id,
        "in_reply_to": in_reply_to,
        "thread_id": next(iter([*references, in_reply_to, message_id]), None),
        "date": _date(message),
        "automatic": _is_automatic(message),
        "bounced": _bounced(message),
        "text": _text(message),
    }


def _header(message: Message, name: str) -> str:
    """A header decoded (RFC 2047) and on one line; "" when it is missing."""
    raw = _raw_header(message, name)[:MAX_HEADER_CHARS]
    try:
        decoded = str(make_header(decode_header(raw)))
    except _LEAKS:
        decoded = raw
    clean = decoded.encode("utf-8", "replace").decode()
    return " ".join(clean.replace("\0", "").split())


def _raw_header(message: Message, name: str) -> str:
    raw = message.get(name, "")
    if isinstance(raw, str):
        return raw
    # Bytes beyond ASCII, which are UTF-8 where anything allows them (RFC 6532).
    chunks = (chunk if isinstance(chunk, bytes) else chunk.encode() for chunk, _ in decode_header(raw))
    return b"".join(chunks).decode("utf-8", "replace")


def _bare(message_id: str) -> str:
    return message_id.strip().strip("<>").strip()


def _date(message: Message) -> str | None:
    try:
        moment = parsedate_to_datetime(_header(message, "Date"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    except (*_LEAKS, OverflowError):
        return None


def _is_automatic(message: Message) -> bool:
    """RFC 3834, and the headers that were used before it."""
    submitted = _header(message, "Auto-Submitted").lower()
    precedence = _header(message, "Precedence").lower()
    return (
        (submitted not in ("", "no"))
        or precedence in ("auto_reply", "bulk", "junk", "list")
        or bool(_header(message, "X-Autoreply"))
    )


def _bounced(message: Message) -> str | None:
    """The address that a delivery report (RFC 3464) says cannot be reached."""
    if message.get_content_type() != "multipart/report":
        return None
    for block in list(message.walk())[:MAX_PARTS]:
        recipient = _header(block, "Final-Recipient").rpartition(";")[2].strip()
        if recipient and _header(block, "Action").lower() == "failed":
            return recipient
    return None


def _text(message: Message) -> str:
    """The plain text of a message, else its HTML as text; attachments and forwarded messages are left out."""
    plain: list[str] = []
    rich: list[str] = []
    for part in list(message.walk())[:MAX_PARTS]:
        kind = part.get_content_type()
        attached = (part.get_content_disposition() or "") == "attachment"
        if attached or part.is_multipart() or kind not in ("text/plain", "text/html"):
            continue
        (plain if kind == "text/plain" else rich).append(_decoded(part))
    written = "\n".join(plain).strip() or "\n".join(from_html(one) for one in rich)
    return written.replace("\0", "")


def _decoded(part: Message) -> str:
    payload = part.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else b""
    try:
        return raw.decode(part.get_content_charset("utf-8"), "replace")[:MAX_BODY_CHARS]
    except (LookupError, ValueError):
        return raw.decode("utf-8", "replace")[:MAX_BODY_CHARS]
