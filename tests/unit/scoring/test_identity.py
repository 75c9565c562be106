"""Which lead an event belongs to."""

from itertools import count
from uuid import UUID

from services.scoring.identity import resolve
from shared.contracts.identifiers import Identifier

numbers = count(1)


def new_lead() -> UUID:
    return UUID(int=next(numbers))


def subject(value: str, source: str = "crm") -> Identifier:
    return Identifier(source, "subject", value)


def email(value: str) -> Identifier:
    return Identifier("", "email", value)


def test_events_of_one_subject_are_one_lead() -> None:
    found = resolve([(subject("1"),), (subject("1"), email("a@example.fr"))], {}, {}, new_lead)
    assert found.leads[0] == found.leads[1]
    assert set(found.joined) == {subject("1"), email("a@example.fr")}


def test_a_known_address_joins_another_source_to_its_lead() -> None:
    known = UUID(int=500)
    found = resolve(
        [(subject("77", "forms"), email("a@example.fr"))],
        {email("a@example.fr"): known},
        {known: ["crm"]},
        new_lead,
    )
    assert found.leads == [known]
    assert found.joined == {subject("77", "forms"): known}


def test_a_shared_address_does_not_merge_two_records_of_one_source() -> None:
    shared = email("info@example.fr")
    found = resolve([(subject("1"), shared), (subject("2"), shared)], {}, {}, new_lead)
    assert found.leads[0] != found.leads[1]
    assert {kind for _, _, kind in found.suspected} == {"email"}


def test_identifiers_of_two_known_leads_are_noted_not_merged() -> None:
    one, other = UUID(int=600), UUID(int=601)
    found = resolve(
        [(subject("1"), email("a@example.fr"))],
        {subject("1"): one, email("a@example.fr"): other},
        {},
        new_lead,
    )
    assert found.leads == [one]
    assert found.suspected == {(one, other, "email")}
    assert found.joined == {}


def browser(value: str) -> Identifier:
    return Identifier("anonymous", "external_id", value)


def test_a_visitor_becomes_part_of_the_lead_an_event_names() -> None:
    known = UUID(int=700)
    found = resolve(
        [(browser("b"),), (email("a@example.fr"), browser("b")), (browser("b"),)],
        {email("a@example.fr"): known},
        {},
        new_lead,
    )
    visitor = found.leads[0]
    assert found.leads[1:] == [known, known]
    assert found.merged == {visitor: 1}
    assert found.joined == {browser("b"): visitor}
    assert found.suspected == set()


def test_a_record_that_its_source_merged_takes_what_it_was_along() -> None:
    one, two, three = (UUID(int=n) for n in (710, 711, 712))
    events = [
        (subject("1"), browser("b")),
        (subject("1"), subject("2")),
        (subject("2"), subject("3")),
        (browser("b"),),
    ]
    known = {subject("1"): one, subject("2"): two, subject("3"): three, browser("b"): one}
    found = resolve(events, known, {}, new_lead, declared={1: two, 2: three})
    assert found.leads == [one, two, three, three]
    assert (found.merged, found.declared, found.suspected) == ({one: 1, two: 2}, {one, two}, set())
    assert {found.survivor(lead) for lead in (one, two, three)} == {three}
    again = resolve(events[::-1], known, {}, new_lead, declared={1: three, 2: two})
    assert {again.survivor(lead) for lead in (one, two, three)} == {three}


def test_a_visitor_who_says_who_he_is_keeps_his_lead() -> None:
    found = resolve([(browser("b"),), (email("a@example.fr"), browser("b"))], {}, {}, new_lead)
    assert found.leads[0] == found.leads[1]
    assert found.merged == {}


def test_a_browser_of_two_people_is_noted() -> None:
    one, other = (email("a@example.fr"), browser("b")), (email("b@example.fr"), browser("b"))
    found = resolve([one, other], {}, {}, new_lead)
    assert found.leads[0] != found.leads[1]
    assert {kind for _, _, kind in found.suspected} == {"anonymous"}


def test_a_source_may_say_that_two_of_its_records_are_one() -> None:
    known = UUID(int=800)
    found = resolve([(subject("2"), subject("1"))], {subject("1"): known}, {known: ["crm"]}, new_lead)
    assert found.leads == [known]
    assert found.joined == {subject("2"): known}
