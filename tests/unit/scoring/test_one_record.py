"""Two records that are one person: states added up, sources that disagree, companies, likenesses."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.account import account_of, domain_of, siren_of
from services.scoring.duplicates import Described, describe, evidence, keys
from services.scoring.priority import Priorities
from services.scoring.state import Event, LeadState, absorb, fold, from_json, to_json

START = datetime(2026, 1, 1, 9, tzinfo=UTC)
VALUES = st.sampled_from(["a", "b", None, 3, True])


@st.composite
def events(draw: st.DrawFn) -> list[Event]:
    """Of several sources, some of visitors, with outcomes among them."""
    found = []
    for n in range(draw(st.integers(0, 10))):
        at = START + timedelta(hours=draw(st.integers(0, 200)))
        value = draw(VALUES)
        data = {
            "lead": {
                "name": draw(st.sampled_from(["A", "B", None])),
                "attributes": {"x": value},
                "external_ids": {"erp": n},
            },
            "owner": draw(st.sampled_from([None, "lea"])),
            "to": str(value),
            "purpose": "mail",
            "granted": bool(value),
        }
        kind = draw(
            st.sampled_from(
                [
                    "crm.lead.updated",
                    "crm.page.viewed",
                    "crm.stage.changed",
                    "crm.consent.changed",
                    "crm.lead.lost",
                ]
            )
        )
        source = draw(st.sampled_from(["crm", "forms", "site"]))
        found.append(
            Event(source, f"e{n}", kind, draw(st.sampled_from([None, "1"])), at, at, data, source == "site")
        )
    return found


def folded(all_events: list[Event]) -> LeadState:
    state = LeadState()
    for event in all_events:
        fold(state, event)
    return state


@given(one=events(), other=events(), shuffled=st.randoms(use_true_random=False))
def test_merged_is_the_fold_of_both_and_taken_apart_is_each(
    one: list[Event], other: list[Event], shuffled: Any
) -> None:
    other = [dataclasses.replace(event, id=f"other {event.id}") for event in other]
    merged, reverse = folded(one), folded(other)
    absorb(merged, folded(other))
    absorb(reverse, folded(one))
    union = [*one, *other]
    shuffled.shuffle(union)
    assert to_json(merged) == to_json(folded(union)) == to_json(reverse)
    stored = from_json(orjson.loads(orjson.dumps(to_json(merged))))
    assert stored == merged
    order = Priorities(1, ("forms", "crm"))
    merged.priorities = stored.priorities = reverse.priorities = order
    assert merged.value("name") == stored.value("name") == reverse.value("name")
    apart = [event for event in union if event in one]
    assert to_json(folded(apart)) == to_json(folded(one))


def said(source: str, hours: float, value: object, *, anonymous: bool = False) -> Event:
    at = START + timedelta(hours=hours)
    data = {"lead": {"name": "N", "attributes": {"size": value}}}
    return Event(source, f"{source} {hours}", "crm.lead.updated", None, at, at, data, anonymous)


@pytest.mark.parametrize(
    ("priorities", "holds"),
    [
        (Priorities(), "latest"),
        (Priorities(1, ("crm",)), "crm's"),
        (Priorities(1, ("nobody", "forms")), "forms'"),
        (Priorities(1, ("crm",), {"attribute.size": ("forms",)}), "forms'"),
    ],
)
def test_the_value_that_holds_follows_from_the_priorities(priorities: Priorities, holds: str) -> None:
    state = folded([said("crm", 1, "crm's"), said("forms", 2, "forms'"), said("erp", 3, "latest")])
    state.priorities = priorities
    assert state.value("attribute.size") == holds
    assert state.attributes() == {"size": holds}
    assert set(state.said["attribute.size"]) == {"crm", "forms", "erp"}


def test_what_one_source_empties_another_still_knows() -> None:
    state = folded([said("crm", 1, "large"), said("forms", 2, None)])
    assert state.value("attribute.size") == "large"
    assert folded([said("crm", 1, "large"), said("crm", 2, None)]).value("attribute.size") is None


def test_a_visitor_never_overrides_what_is_known() -> None:
    state = folded([said("crm", 1, "known"), said("site", 2, "visitor's", anonymous=True)])
    assert state.value("attribute.size") == "known"
    state.priorities = Priorities(1, ("site",))
    assert state.value("attribute.size") == "known"


def test_one_source_alone_costs_no_second_copy() -> None:
    assert "said" not in to_json(folded([said("crm", 1, "a"), said("crm", 2, "b")]))


def about(**lead: Any) -> LeadState:
    return folded([Event("crm", "1", "crm.lead.created", None, START, START, {"lead": lead})])


def test_a_company_is_told_by_checked_numbers_before_domains() -> None:
    assert siren_of("siret", "732 829 320 00074") == "732829320"
    assert siren_of("vat", "FR 40 303 265 045") == "303265045"
    assert siren_of("siren", "732829321") is None, "its check digit is wrong"
    assert domain_of("a@mail.example.co.uk") == "example.co.uk"
    assert (
        account_of(about(email="a@hydromeca.fr", attributes={"siren": "732829321"})) == "domain:hydromeca.fr"
    )
    assert account_of(about(email="a@gmail.com", attributes={"website": "https://www.hydromeca.fr/x"})) == (
        "domain:hydromeca.fr"
    )
    assert account_of(about(email="a@orange.fr")) is None


def person(name: str | None, **more: Any) -> Described:
    row = {"name": name, "company": None, "email": None, "phone": None, "account": None, **more}
    return describe(row)


@pytest.mark.parametrize(
    ("one", "other", "codes"),
    [
        (
            person("Claire Martin", account="domain:h.fr"),
            person("MARTIN Clairé", account="domain:h.fr"),
            {"same_name", "same_account"},
        ),
        (
            person("Jean Dupont", company="Hydromeca SAS"),
            person("Jean Dupond", company="HYDROMÉCA"),
            {"similar_name", "same_company"},
        ),
        (
            person("Claire Martin", email="claire.martin@a.fr"),
            person("Claire Martin", email="clairemartin@gmail.com"),
            {"same_name", "same_mailbox"},
        ),
        (person("Claire Martin", account="domain:h.fr"), person("Paul Durand", account="domain:h.fr"), None),
        (person("Claire Martin"), person("Claire Martin"), None),
        (person("Anne Roy", email="contact@a.fr"), person("Anne Roy", email="contact@b.fr"), None),
        (person(None, account="domain:h.fr"), person(None, account="domain:h.fr"), None),
    ],
)
def test_who_looks_alike_and_why(one: Described, other: Described, codes: set[str] | None) -> None:
    found = evidence(one, other)
    assert found == evidence(other, one)
    assert (set(found[1]) if found else None) == codes
    if codes:
        assert keys(one) & keys(other), "what is alike is also compared"


def test_a_lead_has_few_keys() -> None:
    long = person(
        "Anne Marie Claire de la Tour",
        account="siren:1",
        company="H",
        email="annemarie@h.fr",
        phone="0612345678",
    )
    assert len(keys(long)) <= 11
