"""Sure replies approved together: what is sent is what stood on the page, and each can be taken back."""

import re

from flask.testing import FlaskClient

from tests.unit.console.conftest import csrf
from tests.unit.console.fake_services import FakeServices
from tests.unit.console.invented import draft_id


def shown(page: str) -> list[str]:
    return re.findall(r'name="shown" value="([^"]+)"', page)


def sent(services: FakeServices, path: str) -> list[dict[str, object]]:
    return [body for method, called, body in services.calls if method == "POST" and called.endswith(path)]


def test_each_message_and_its_reply_stand_whole_with_their_sources(
    rep: FlaskClient, services: FakeServices
) -> None:
    services.drafts[draft_id(1)]["sentences"][1]["source"]["passage_id"] = "p-1"
    assert "Read 2 sure replies together" in rep.get("/drafts").text
    page = rep.get("/drafts/sure").text
    assert "Read 2 sure replies, then let them go" in page
    assert page.count("Pourriez-vous nous chiffrer deux pompes") == 2
    assert "From: Devis : premier contact" in page
    assert len(shown(page)) == page.count("checked>") == 2


def test_where_several_things_are_asked_nothing_is_ticked_beforehand(
    rep: FlaskClient, services: FakeServices
) -> None:
    services.drafts[draft_id(1)]["asks"] = ["Un devis ?", "Et le délai ?"]
    page = rep.get("/drafts/sure").text
    assert page.count("checked>") == 1
    assert "Several things are asked here" in page


def test_what_is_ticked_is_approved_as_it_stood_there_and_can_be_taken_back(
    rep: FlaskClient, services: FakeServices
) -> None:
    services.recall_s = 120
    page = rep.get("/drafts/sure").text
    services.drafts[draft_id(2)]["body"] += " Changed since."
    form = {"csrf_token": csrf(page), "shown": shown(page)}
    answer = rep.post("/drafts/sure", data=form)
    assert answer.location == "/drafts/leaving"
    (body,) = sent(services, "/approvals")
    assert len(body["approvals"]) == 2  # type: ignore[arg-type]
    page = rep.get(answer.location).text
    assert "1 reply approved." in page
    assert "Not approved, nothing was sent to Tom Ashworth" in page
    assert "1 approved reply can still be taken back" in page
    one = re.findall(r'name="one" value="([^"]+)"', page)
    rep.post("/drafts/leaving", data={"csrf_token": csrf(page), "one": one})
    assert services.drafts[draft_id(1)]["status"] == "waiting"
    page = rep.get("/drafts/leaving").text
    assert "1 reply taken back: it was not sent." in page
    assert "Nothing can be taken back any more" in page
    late = rep.post("/drafts/leaving", data={"csrf_token": csrf(page), "all": one})
    assert "1 could not be taken back any more." in rep.get(late.location).text


def test_nothing_ticked_approves_nothing(rep: FlaskClient, services: FakeServices) -> None:
    token = csrf(rep.get("/drafts/sure").text)
    answer = rep.post("/drafts/sure", data={"csrf_token": token})
    assert "Nothing was ticked" in rep.get(answer.location).text
    assert rep.post("/drafts/sure", data={"csrf_token": token, "shown": "x"}).status_code == 400
    assert rep.post("/drafts/leaving", data={"csrf_token": token, "one": "x"}).status_code == 400
    assert not sent(services, "/approvals")


def test_a_responder_that_is_down_is_said_on_both_pages(rep: FlaskClient, services: FakeServices) -> None:
    page = rep.get("/drafts/sure").text
    services.down.add("responder")
    form = {"csrf_token": csrf(page), "shown": shown(page), "all": f"{draft_id(1)}:2"}
    assert "Look here what was approved" in rep.get(rep.post("/drafts/sure", data=form).location).text
    assert "try again at once" in rep.get(rep.post("/drafts/leaving", data=form).location).text
    for path in ("/drafts/sure", "/drafts/leaving"):
        assert "does not answer" in rep.get(path).text
