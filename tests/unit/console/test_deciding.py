"""Approving and rejecting: what is sent to the responder is what the person saw."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from shared.contracts.approval import content_hash
from tests.unit.console.conftest import csrf, sign_in
from tests.unit.console.fake_services import FakeServices
from tests.unit.console.invented import PASSAGES, draft_id, lead_id

FRAGMENT = {"X-Fragment": "1"}
GAP = "[délai de livraison]"


def form_of(client: FlaskClient, services: FakeServices, index: int, **changes: str) -> dict[str, str]:
    """The approval form as a browser would post it, line ends included."""
    draft = services.drafts[draft_id(index)]
    return {
        "csrf_token": csrf(client.get(f"/drafts/{draft_id(index)}").text),
        "version": str(draft["version"]),
        "channel": draft["channel"],
        "sender": draft["sender"],
        "lead_id": draft["lead_id"],
        "recipients": ", ".join(draft["recipients"]),
        "subject": draft["subject"],
        "body": draft["body"].replace("\n", "\r\n"),
    } | changes


def approvals(services: FakeServices) -> list[dict[str, Any]]:
    return [body for method, path, body in services.calls if method == "POST" and path.endswith("/approve")]


def test_what_is_asked_for_stands_beside_the_draft(rep: FlaskClient, services: FakeServices) -> None:
    services.drafts[draft_id(1)]["card"] = {
        "need": [], "product": ["vannes"], "quantity": ["12"], "place": [], "siren": [], "finish": []
    }  # fmt: skip
    services.drafts[draft_id(1)]["card_labels"] = {"finish": "Surface finish"}
    page = rep.get(f"/drafts/{draft_id(1)}").text
    assert "<dd>vannes</dd>" in page
    assert "<dd>12</dd>" in page
    assert "Not said: place, SIREN, surface finish</p>" in page


def test_nothing_is_named_as_not_said_where_all_was(rep: FlaskClient, services: FakeServices) -> None:
    services.drafts[draft_id(1)]["card"] = {"need": [], "product": ["vannes"], "quantity": ["12"]}
    assert "Not said" not in rep.get(f"/drafts/{draft_id(1)}").text


def test_an_approval_carries_the_text_read_and_its_hash(rep: FlaskClient, services: FakeServices) -> None:
    before = services.drafts[draft_id(1)]["body"]
    answer = rep.post(f"/drafts/{draft_id(1)}/approve", data=form_of(rep, services, 1))
    assert answer.location == f"/leads/{lead_id(1)}"
    (sent,) = approvals(services)
    assert sent["body"] == before
    assert (sent["keep"], sent["keep_as"]) == (False, None)
    content = {name: value for name, value in sent.items() if name not in ("sha256", "keep", "keep_as")}
    assert sent["sha256"] == content_hash(content | {"draft_id": draft_id(1)})
    assert "Approved by Sarah Lebrun" in rep.get(answer.location).text


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"kept": "Devis"}, "What you wrote is kept as a reply of the house: “Devis”."),
        ({"not_kept": "numbers"}, "not kept as a reply of the house: it holds a number."),
        ({"not_kept": "title"}, "its title points at this person"),
        ({"not_kept": "person"}, "a name in it could point at this person"),
    ],
)
def test_what_becomes_of_a_text_that_was_to_be_kept_is_said(
    rep: FlaskClient, services: FakeServices, answer: dict[str, str], words: str
) -> None:
    services.drafts[draft_id(1)].update(answer)
    form = form_of(rep, services, 1, body="Oui.", keep="1", keep_as=" Devis ")
    page = rep.post(f"/drafts/{draft_id(1)}/approve", data=form, headers=FRAGMENT).text
    (sent,) = approvals(services)
    assert (sent["keep"], sent["keep_as"]) == (True, "Devis")
    assert words in page


def test_a_text_of_the_house_is_chosen_where_nothing_was_sure(
    rep: FlaskClient, services: FakeServices
) -> None:
    page = rep.get(f"/drafts/{draft_id(3)}").text
    assert "What comes closest" in page
    assert page.count("Answer with this") == 2  # not with the one in another language
    form = {"csrf_token": csrf(page), "version": "2", "passage_id": PASSAGES[0]["passage_id"]}
    answer = rep.post(f"/drafts/{draft_id(3)}/answer", data=form)
    page = rep.get(answer.location).text
    assert "Drafted from the text you chose: read it, then approve." in page
    assert "From a text that Sarah Lebrun chose." in page
    assert "garantie vingt-quatre mois" in page
    late = rep.post(f"/drafts/{draft_id(3)}/answer", data=form, headers=FRAGMENT)
    assert (late.status_code, "changed while you were reading" in late.text) == (409, True)
    gone = form | {"version": "3", "passage_id": draft_id(9)}
    assert "can no longer be answered with" in rep.post(f"/drafts/{draft_id(3)}/answer", data=gone).text
    assert rep.post(f"/drafts/{draft_id(3)}/answer", data=form | {"passage_id": "x"}).status_code == 400


def test_another_text_is_looked_for_by_words(rep: FlaskClient, services: FakeServices) -> None:
    page = rep.get(f"/drafts/{draft_id(1)}?q=stock").text
    assert "Texts with these words" in page
    assert "conditions › Livraison" in page
    assert "No text of the house has these words" in rep.get(f"/drafts/{draft_id(1)}?q=zorgax").text


def test_what_was_edited_is_what_is_approved(rep: FlaskClient, services: FakeServices) -> None:
    changes = {
        "body": "Bonjour,\r\n\r\nOui.",
        "subject": "Votre devis",
        "recipients": "a@x.fr; b@x.fr",
    }
    rep.post(f"/drafts/{draft_id(1)}/approve", data=form_of(rep, services, 1, **changes))
    (sent,) = approvals(services)
    assert sent["body"] == "Bonjour,\n\nOui."
    assert sent["subject"] == "Votre devis"
    assert sent["recipients"] == ["a@x.fr", "b@x.fr"]


def test_a_filled_gap_stands_in_the_text_approved(rep: FlaskClient, services: FakeServices) -> None:
    form = form_of(rep, services, 0, marker=GAP, fill="deux semaines")
    rep.post(f"/drafts/{draft_id(0)}/approve", data=form)
    (sent,) = approvals(services)
    assert "livrée sous deux semaines." in sent["body"]


def test_an_open_gap_keeps_the_reply_from_going_out(rep: FlaskClient, services: FakeServices) -> None:
    form = form_of(rep, services, 0, marker=GAP, fill=" ")
    answer = rep.post(f"/drafts/{draft_id(0)}/approve", data=form)
    assert answer.status_code == 422
    assert "Some information is still missing" in answer.text
    assert approvals(services) == []


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("recipients", "nobody", "Check the recipients"),
        ("recipients", "", "Check the recipients"),
        ("body", " ", "The message is empty"),
        ("sender", "", "Say which address it is sent from"),
    ],
)
def test_what_cannot_be_sent_comes_back_with_what_was_typed(
    rep: FlaskClient, services: FakeServices, field: str, value: str, words: str
) -> None:
    form = form_of(rep, services, 1, subject="Typed by hand", **{field: value})
    answer = rep.post(f"/drafts/{draft_id(1)}/approve", data=form, headers=FRAGMENT)
    assert answer.status_code == 422
    assert words in answer.text
    assert 'value="Typed by hand"' in answer.text


def test_the_second_to_decide_learns_who_was_first(rep: FlaskClient, services: FakeServices) -> None:
    form = form_of(rep, services, 1)
    services.drafts[draft_id(1)].update(
        status="approved", decided_by="Marc Weber", decided_at="2026-03-10T08:00:00Z"
    )
    answer = rep.post(f"/drafts/{draft_id(1)}/approve", data=form)
    assert answer.status_code == 409
    assert "Marc Weber approved this draft first" in answer.text
    assert 'data-action="approve"' not in answer.text


def test_a_draft_that_changed_is_shown_again_with_what_was_typed(
    rep: FlaskClient, services: FakeServices
) -> None:
    form = form_of(rep, services, 1, body="What I wrote")
    services.drafts[draft_id(1)]["version"] = 3
    answer = rep.post(f"/drafts/{draft_id(1)}/approve", data=form)
    assert answer.status_code == 409
    assert "The draft changed while you were reading" in answer.text
    assert "What I wrote" in answer.text
    assert 'name="version" value="3"' in answer.text


def test_who_wrote_again_meanwhile_is_read_first_and_what_was_typed_is_kept(
    rep: FlaskClient, services: FakeServices
) -> None:
    form = form_of(rep, services, 1, body="What I wrote")
    services.drafts[draft_id(1)].update(status="stale", superseded_by=draft_id(2))
    services.drafts[draft_id(2)]["earlier"] = [{"text": "What they asked first", "subject": None}]
    answer = rep.post(f"/drafts/{draft_id(1)}/approve", data=form)
    assert answer.status_code == 409
    assert "They wrote again while you were reading" in answer.text
    assert "What I wrote" in answer.text
    assert "What they asked first" in answer.text
    assert f"/drafts/{draft_id(2)}/approve" in answer.text
    old = rep.get(f"/drafts/{draft_id(1)}").text
    assert f'href="/drafts/{draft_id(2)}"' in old
    assert 'data-action="approve"' not in old


def test_a_responder_that_is_down_costs_no_text(rep: FlaskClient, services: FakeServices) -> None:
    form = form_of(rep, services, 1, body="What I wrote")
    services.down.add("responder")
    answer = rep.post(f"/drafts/{draft_id(1)}/approve", data=form, headers=FRAGMENT)
    assert answer.status_code == 503
    assert "Your text is kept" in answer.text
    assert "What I wrote" in answer.text


def test_a_rejection_sends_nothing_and_says_so(rep: FlaskClient, services: FakeServices) -> None:
    form = form_of(rep, services, 1) | {"reason": "too late", "kind": "other"}
    answer = rep.post(f"/drafts/{draft_id(1)}/reject", data=form, headers=FRAGMENT)
    assert "Rejected by Sarah Lebrun" in answer.text
    assert services.calls[-1][2] == {"version": 2, "reason": "too late", "kind": "other"}
    assert rep.post(f"/drafts/{draft_id(2)}/reject", data=form | {"kind": "bored"}).status_code == 400


def test_an_approval_is_taken_back_with_its_words(rep: FlaskClient, services: FakeServices) -> None:
    services.recall_s = 20
    form = form_of(rep, services, 1, body="What I wrote")
    answer = rep.post(f"/drafts/{draft_id(1)}/approve", data=form, headers=FRAGMENT)
    assert "Can be taken back until" in answer.text
    back = rep.post(f"/drafts/{draft_id(1)}/recall", data=form)
    assert back.location == f"/drafts/{draft_id(1)}"
    assert services.calls[-1][2] == {"version": 2}
    page = rep.get(back.location).text
    assert "Taken back by Sarah Lebrun before it went out" in page
    assert "What I wrote" in page
    assert 'name="version" value="3"' in page
    services.drafts[draft_id(1)]["body"] = "What was proposed"
    assert "What I wrote" not in rep.get(f"{back.location}?proposed=1").text


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("approved", "Too late to take it back"),
        ("waiting", "Somebody took it back before you"),
        ("rejected", "There is nothing to take back"),
    ],
)
def test_who_comes_too_late_to_take_it_back_is_told(
    rep: FlaskClient, services: FakeServices, status: str, words: str
) -> None:
    form = form_of(rep, services, 1)
    services.drafts[draft_id(1)].update(status=status, decided_by="Marc Weber")
    answer = rep.post(f"/drafts/{draft_id(1)}/recall", data=form, headers=FRAGMENT)
    assert answer.status_code == 409
    assert words in answer.text


def test_the_button_says_where_it_sends(make_console: Callable[..., Flask]) -> None:
    client = sign_in(make_console(writeback_webhook_url="https://crm.example/hook").test_client())
    page = client.get(f"/drafts/{draft_id(1)}").text
    assert 'Approve and send to <span class="address">m.durand@ateliers-durand.example</span>' in page


@pytest.mark.parametrize(
    "changes", [{}, {"writeback_webhook_url": "https://crm.example", "writeback_send": "scores"}]
)
def test_without_a_destination_the_button_promises_no_sending(
    make_console: Callable[..., Flask], changes: dict[str, str]
) -> None:
    page = sign_in(make_console(**changes).test_client()).get(f"/drafts/{draft_id(1)}").text
    assert "Approve and send" not in page
    assert "approving sends nothing" in page


def test_a_draft_is_marked_as_made_by_a_machine_with_its_sources(rep: FlaskClient) -> None:
    page = rep.get(f"/drafts/{draft_id(0)}").text
    assert "Drafted by a machine, for a person to review." in page
    assert "From a reply approved earlier" in page
    assert "Réponse à Brasserie de l’Odet, 3 mars" in page
    assert 'aria-label="To fill in: délai de livraison"' in page


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("nothing_close", "nothing was invented"),
        ("opt_out", "asks not to be written to"),
        ("being_learnt", "still being learnt"),
    ],
)
def test_where_nothing_was_drafted_the_page_says_why(
    rep: FlaskClient, services: FakeServices, reason: str, words: str
) -> None:
    services.drafts[draft_id(3)]["reason"] = reason
    page = rep.get(f"/drafts/{draft_id(3)}").text
    assert words in page
    assert "Drafted by a machine" not in page


def test_a_missing_recipient_is_a_field_to_fill(rep: FlaskClient, services: FakeServices) -> None:
    services.drafts[draft_id(1)].update(recipients=[], gaps=["[adresse du destinataire]"])
    page = rep.get(f"/drafts/{draft_id(1)}").text
    assert 'class="draft draft-waiting editing"' in page
    assert "[adresse du destinataire]" not in page
