"""What the connectors' tests share: a call, the stored payloads, and what every `translate` promises."""

import base64
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.connectors import CONNECTORS
from services.ingest.connectors.webhook_call import Event, SignatureRefused, Untranslatable, WebhookCall
from shared.contracts.events import validate_event

DATA = Path(__file__).parents[4] / "shared" / "data" / "webhooks"
NOW = datetime.now(UTC)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def webhook_call(
    body: bytes = b"{}", url: str = "https://crm.example.fr/v1/webhooks/x", **headers: str
) -> WebhookCall:
    """A call received now; `x_some_header` is sent as x-some-header."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return WebhookCall("POST", url, sent, body, NOW)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def stored(vendor: str, name: str) -> Any:
    """A vendor's own payload, kept beside the project; the test is skipped where it is not there."""
    path = DATA / vendor / name
    if not path.exists():
        pytest.skip(
            f"the vendors' payloads are in ../shared/data/webhooks, which is not here: {vendor}/{name}"
        )
    return json.loads(path.read_text())


def translated(vendor: str, payload: Any, call: WebhookCall | None = None) -> list[Event]:
    """The events of a payload that is wholly understood; each is valid."""
    found = CONNECTORS[vendor].translate(payload, call or webhook_call(json.dumps(payload).encode()))
    events = [one for one in found if not isinstance(one, Untranslatable)]
    assert events == found
    for event in events:
        validate_event(event, now=NOW)
    return events


def refusals(vendor: str, payload: Any) -> list[str]:
    found = CONNECTORS[vendor].translate(payload, webhook_call(json.dumps(payload).encode()))
    return [one.reason for one in found if isinstance(one, Untranslatable)]


def variations(sample: Any) -> st.SearchStrategy[Any]:
    """The sample with any JSON in the place of some of its values: nearer to trouble than chance gets."""
    if isinstance(sample, dict):
        kept = st.fixed_dictionaries({}, optional={name: variations(value) for name, value in sample.items()})
        whole = st.fixed_dictionaries({name: variations(value) for name, value in sample.items()})
        return st.one_of(whole, whole, kept, JSON)
    if isinstance(sample, list):
        return st.one_of(st.tuples(*map(variations, sample)).map(list), JSON)
    return st.one_of(st.just(sample), st.just(sample), JSON)


def check_translate_is_total(vendor: str, samples: Iterable[Any]) -> None:
    """Whatever JSON comes: events that validate, or what was not understood with its raw bytes."""

    @settings(max_examples=150, deadline=None, database=None)
    @given(st.one_of(JSON, *map(variations, samples)))
    def holds(payload: Any) -> None:
        for one in CONNECTORS[vendor].translate(payload, webhook_call(json.dumps(payload).encode())):
            if isinstance(one, Untranslatable):
                assert one.reason
                assert isinstance(one.raw, bytes)
            else:
                validate_event(one, now=NOW)

    holds()


def check_verify_only_refuses(vendor: str, secret: str, *header_names: str) -> None:
    """Whatever headers, query and body come without the secret: refused, never an error."""

    @settings(max_examples=80, deadline=None, database=None)
    @given(
        st.fixed_dictionaries(
            {},
            optional={
                name: st.text() | st.text(alphabet="v1=,t: sha0", max_size=40) for name in header_names
            },
        ),
        st.text(max_size=20),
        st.binary(max_size=40),
    )
    def holds(headers: dict[str, str], query: str, body: bytes) -> None:
        call = WebhookCall("POST", f"https://crm.example.fr/v1?{query}", headers, body, NOW)
        with pytest.raises(SignatureRefused):
            CONNECTORS[vendor].verify(call, secret)

    holds()
