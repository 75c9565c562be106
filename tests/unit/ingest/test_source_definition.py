"""A source without code: strict to define, pointed refusals, bounded cost, never an error."""

import base64
import contextlib
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.connectors.reading import NotUnderstood
from services.ingest.connectors.webhook_call import (
    SecretUnusable,
    SignatureRefused,
    Untranslatable,
    WebhookCall,
)
from services.ingest.sources import signatures
from services.ingest.sources.definition import InvalidDefinition, WebhookSource, read_definition
from services.ingest.sources.expressions import Evaluator
from services.ingest.sources.registry import connector_of
from services.ingest.sources.trial import try_sample
from shared.contracts.events import validate_event
from tests.unit.ingest.webhooks import JSON, NOW, basic, variations, webhook_call

CRM = """
name: intranet-crm
kind: webhook
signature: {scheme: hmac, header: X-Signature}
items: records
event:
  id: uid
  type:
    path: _envelope.action
    table: {contact.new: crm.lead.created, contact.bye: ignore}
    otherwise: crm.lead.updated
  time: {path: at, format: "%d/%m/%Y %H:%M", zone: Europe/Paris}
  subject: contact.id
lead:
  email: contact.email
  phone: contact.phone
  external_ids: {erp: contact.erp}
  attributes: {sector: "tags[0]"}
  everything_else: true
  leave_out: [verdict]
data: {owner: rep}
"""
SAMPLE = {
    "action": "contact.new",
    "records": [
        {
            "uid": 7,
            "at": "14/07/2026 09:30",
            "contact": {"id": "C-1", "email": "claire@example.fr", "phone": 612345678, "erp": 12, "city": "Lyon"},  # noqa: E501
            "tags": ["water", "pumps"],
            "rep": "Sarah",
            "size": 40,
            "verdict": "won",
        }
    ],
}  # fmt: skip


def tried(definition: str, payload: Any, content_type: str = "application/json") -> Any:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return try_sample(read_definition(definition), body, content_type, NOW)


def faults(text: str) -> list[tuple[int | None, str, str]]:
    with pytest.raises(InvalidDefinition) as refused:
        read_definition(text)
    return [(one.line, one.field, one.error) for one in refused.value.faults]


def test_a_payload_becomes_the_event_that_the_definition_says() -> None:
    trial = tried(CRM, SAMPLE)
    assert not trial.refused
    (event,) = trial.events
    assert (event["type"], event["source"], event["id"]) == ("crm.lead.created", "intranet-crm", "7")
    assert (event["subject"], event["time"]) == ("C-1", "2026-07-14T07:30:00+00:00")
    assert event["data"]["owner"] == "Sarah"
    lead = event["data"]["lead"]
    assert (lead["email"], lead["phone"], lead["external_ids"]) == (
        "claire@example.fr",
        "612345678",
        {"erp": "12"},
    )
    assert lead["attributes"] == {"sector": "water", "contact.city": "Lyon", "size": 40}


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "says"),
    [
        ("email: contact.email", "emial: contact.email", 15, "lead.emial", "did you mean email?"),
        ("email: contact.email", "email: contact..email", 15, "lead.email", "at character 9"),
        ("crm.lead.created", "crm.lead.creatd", 10, "event.type.table.contact.new", "crm.lead.created"),
        ("Europe/Paris", "Paris", 12, "event.time.zone", "Europe/Paris"),
        ("%d/%m/%Y %H:%M", "dd/mm/yyyy", 12, "event.time.format", "%d/%m/%Y %H:%M"),
        ("scheme: hmac", "scheme: hmca", 4, "signature.scheme", "hmac"),
        ("  id: uid", "  id: uid\n  id: uid", 8, "", "twice"),
        ("name: intranet-crm", "name: hubspot", None, "", "own name"),
        ("rep}", "'[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]'}", 21, "data.owner", "too many times"),
        ("rep}", f"{'a' * 501}}}", 21, "data.owner", "500 characters"),
        ("rep}", f"{'(' * 400}a{')' * 400}"[:480] + "}", 21, "data.owner", ""),
    ],
)  # fmt: skip
def test_a_refusal_points_at_the_line_and_the_field(
    old: str, new: str, line: int | None, field: str, says: str
) -> None:
    (fault, *_) = faults(CRM.replace(old, new))
    assert fault[:2] == (line, field)
    assert says in fault[2]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "a: [", "&a [*a]", "a: &x [1]\nb: *x", "a: {b: " * 2_000, "x" * 70_000, "? [a]\n: b", "\0"],
)
def test_what_is_no_definition_is_refused_in_words(text: str) -> None:
    assert all(error for _line, _field, error in faults(text))


def test_an_unknown_kind_of_event_is_refused_or_passed_over_as_the_table_says() -> None:
    strict = CRM.replace("    otherwise: crm.lead.updated\n", "")
    assert "not in the table" in tried(strict, SAMPLE | {"action": "contact.odd"}).refused[0]
    ignored = tried(CRM, SAMPLE | {"action": "contact.bye"})
    assert (ignored.events, ignored.refused) == ([], [])


def test_one_bad_item_costs_no_other_and_is_kept_so_that_it_can_be_read_again() -> None:
    connector = connector_of(read_definition(CRM))
    good = SAMPLE["records"][0]  # type: ignore[index]
    payload = {"action": "contact.new", "records": [good, {"uid": 8, "at": "yesterday"}, good]}
    call = webhook_call(json.dumps(payload).encode())
    first, bad, last = connector.translate(payload, call)
    assert (first, last) == (last, first)
    assert isinstance(bad, Untranslatable)
    again = json.loads(bad.raw)
    assert again == {"action": "contact.new", "records": [{"uid": 8, "at": "yesterday"}]}
    (same,) = connector.translate(again, webhook_call(bad.raw))
    assert isinstance(same, Untranslatable)
    assert same.reason == bad.reason


MINIMAL = """
name: form
kind: webhook
signature: {scheme: address}
event: {type: crm.form.submitted, time: TIME}
lead: {email: email}
"""


@pytest.mark.parametrize(
    ("moment", "value", "expected"),
    [
        ("at", "2026-03-14T10:26:53+01:00", "2026-03-14T09:26:53+00:00"),
        ("{path: at, zone: Europe/Paris}", "2026-03-14 10:26:53", "2026-03-14T09:26:53+00:00"),
        ("{path: at, format: epoch_s}", 1773480413, "2026-03-14T09:26:53+00:00"),
        ("{path: at, format: epoch_s}", "1773480413", "2026-03-14T09:26:53+00:00"),
        ("{path: at, format: epoch_ms}", 1773480413000, "2026-03-14T09:26:53+00:00"),
        ("{path: at, format: '%d.%m.%Y', zone: Europe/Berlin}", "14.03.2026", "2026-03-13T23:00:00+00:00"),
    ],
)
def test_times_are_read_as_they_are_written(moment: str, value: Any, expected: str) -> None:
    (event,) = tried(MINIMAL.replace("TIME", moment), {"email": "a@example.fr", "at": value}).events
    assert event["time"] == expected


def test_a_local_time_without_a_zone_is_refused_and_said() -> None:
    trial = tried(MINIMAL.replace("TIME", "at"), {"email": "a@example.fr", "at": "2026-03-14 10:00"})
    assert "zone" in trial.refused[0]


def test_without_an_id_the_content_is_the_id_and_a_form_is_read_too() -> None:
    form = MINIMAL.replace(", time: TIME", "")
    body = b"email=a%40example.fr&message=Bonjour"
    first, second = (tried(form, body, "application/x-www-form-urlencoded").events[0] for _ in range(2))
    assert first == second
    assert first["data"]["lead"]["email"] == "a@example.fr"
    other = tried(form, body + b"+", "application/x-www-form-urlencoded").events[0]
    assert other["id"] != first["id"]


def signed(secret: str, body: bytes, *, at: float | None = None, timestamped: bool = False) -> dict[str, str]:
    stamp = str(int(at if at is not None else NOW.timestamp()))
    message = f"{stamp}.".encode() + body if timestamped else body
    made = hmac.new(secret.encode(), message, hashlib.sha512)
    return {"x-sig": f"t={stamp},v1={base64.b64encode(made.digest()).decode()}"}


TIMED = """{scheme: hmac, header: X-Sig, part: v1, digest: sha512, encoding: base64,
            timestamp: {header: X-Sig, part: t, tolerance_s: 60}}"""


@pytest.mark.parametrize(
    ("scheme", "headers", "query"),
    [
        ("{scheme: address, parameter: key}", {}, "?key=s3cret"),
        ("{scheme: basic}", {"authorization": basic("u", "s3cret")}, ""),
        ("{scheme: header, header: X-Token, prefix: 'Bearer '}", {"x-token": "Bearer s3cret"}, ""),
        ("{scheme: hmac, header: X-Sig, prefix: sha256=}",
         {"x-sig": "sha256=" + hmac.new(b"s3cret", b"{}", "sha256").hexdigest()}, ""),
        ("{scheme: hmac, header: X-Sig, digest: sha1}", {"x-sig": hmac.new(b"s3cret", b"{}", "sha1").hexdigest()}, ""),  # noqa: E501
        (TIMED, signed("s3cret", b"{}", timestamped=True), ""),
    ],
)  # fmt: skip
def test_each_scheme_takes_its_secret_and_no_other(scheme: str, headers: dict[str, str], query: str) -> None:
    source = read_definition(MINIMAL.replace("{scheme: address}", scheme).replace(", time: TIME", ""))
    assert isinstance(source, WebhookSource)
    secret = "u:s3cret" if "basic" in scheme else "s3cret"
    call = WebhookCall("POST", f"https://x.example/v1{query}", headers, b"{}", NOW)
    signatures.verify(source.signature, call, secret)
    other = "u:another" if "basic" in scheme else "another"
    for bad, key in ((call, other), (WebhookCall("POST", "https://x.example/v1", {}, b"{}", NOW), secret)):
        with pytest.raises(SignatureRefused):
            signatures.verify(source.signature, bad, key)
    made = signatures.new_secret(source.signature)
    with pytest.raises(SignatureRefused):
        signatures.verify(source.signature, call, made)


def test_a_stale_or_future_timestamp_is_refused() -> None:
    source = read_definition(MINIMAL.replace("{scheme: address}", TIMED).replace(", time: TIME", ""))
    assert isinstance(source, WebhookSource)
    for offset in (-61, 61):
        headers = signed("s3cret", b"{}", at=NOW.timestamp() + offset, timestamped=True)
        with pytest.raises(SignatureRefused, match="60 s old"):
            signatures.verify(
                source.signature, WebhookCall("POST", "https://x.example", headers, b"{}", NOW), "s3cret"
            )


@settings(max_examples=100, deadline=None, database=None)
@given(st.one_of(JSON, variations(SAMPLE)))
def test_whatever_json_comes_a_source_gives_valid_events_or_what_was_not_understood(payload: Any) -> None:
    for one in connector_of(read_definition(CRM)).translate(
        payload, webhook_call(json.dumps(payload).encode())
    ):
        if isinstance(one, Untranslatable):
            assert one.reason
            assert isinstance(one.raw, bytes)
        else:
            validate_event(one, now=NOW)


def test_a_literal_of_the_old_form_is_read_as_text() -> None:
    """jmespath warns of it, which no run may make an error of."""
    assert Evaluator().find("a || `none`", {}, "x") == "none"


EXPRESSIONS = st.text(alphabet="ab.[]*?@|&(){}:,'\"`<=!012 ", max_size=24) | st.sampled_from(
    ["sort_by(@, &a)", "max_by(a, &b)", "sum(a)", "join(',', a)", "a[?b > `1`].c", "merge(a, @)"]
)  # fmt: skip


@settings(max_examples=80, deadline=None, database=None)
@given(EXPRESSIONS, JSON | st.fixed_dictionaries({"a": JSON, "b": JSON}))
def test_no_expression_raises_another_error_than_its_own(expression: str, payload: Any) -> None:
    try:
        read_definition(MINIMAL.replace(", time: TIME", "") + f"data: {{x: {json.dumps(expression)}}}")
    except InvalidDefinition:
        return
    with contextlib.suppress(NotUnderstood):
        Evaluator().find(expression, payload, "x")


@settings(max_examples=100, deadline=None, database=None)
@given(st.text(max_size=200) | st.text(alphabet="abk:-{}[]&*?!|>'\"\n\t #%@", max_size=80))
def test_no_text_is_an_error_of_another_kind_than_a_refusal(text: str) -> None:
    with pytest.raises(InvalidDefinition):
        read_definition(text)


@settings(max_examples=80, deadline=None, database=None)
@given(
    st.dictionaries(st.sampled_from(["x-sig", "authorization", "webhook-signature"]), st.text()),
    st.text(max_size=30),
    st.sampled_from(
        ["{scheme: address}", "{scheme: basic}", "{scheme: header, header: X-Sig}", TIMED]
    ),
    st.text(max_size=20).map(lambda text: f"secret of the house {text}"),
)  # fmt: skip
def test_verify_lets_out_only_its_own_refusals(
    headers: dict[str, str], query: str, scheme: str, secret: str
) -> None:
    source = read_definition(MINIMAL.replace("{scheme: address}", scheme).replace(", time: TIME", ""))
    assert isinstance(source, WebhookSource)
    with pytest.raises((SignatureRefused, SecretUnusable)):
        signatures.verify(
            source.signature,
            WebhookCall("POST", f"https://x.example/?a={query}", headers, b"{}", NOW),
            secret,
        )


def test_the_costliest_expression_on_the_largest_payload_ends_in_time() -> None:
    """Five hundred characters that copy and sort as much as is allowed, on 700 kB."""
    doubling = "|".join(["[@,@][]"] * 4) + "|" + "|".join(["sort(@)|reverse(@)"] * 20)
    source = MINIMAL.replace(", time: TIME", "") + f"data: {{x: 'a|{doubling}'}}"
    payload = {"email": "a@example.fr", "a": [str(n) for n in range(60_000)]}
    began = time.perf_counter()
    assert "more of this payload than one call may cost" in tried(source, payload).refused[0]
    assert time.perf_counter() - began < 20
