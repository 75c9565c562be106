"""The invented company can answer what it is asked."""

import re

from deploy.demo.knowledge import SLOTS, passages
from deploy.demo.messages import templates


def test_every_intent_has_a_template_in_both_languages() -> None:
    answered = {(p["intent"], p["language"]) for p in passages() if p["kind"] == "template"}
    assert answered == {(intent, language) for intent in templates() for language in ("fr", "en")}


def test_both_languages_have_about_two_dozen_passages_of_every_kind() -> None:
    for language in ("fr", "en"):
        own = [passage for passage in passages() if passage["language"] == language]
        assert 20 <= len(own) <= 30
        assert {passage["kind"] for passage in own} == {"template", "document", "reply"}
        assert len({passage["title"] for passage in own}) == len(own)


def test_templates_name_allowed_slots_only_and_greet_and_sign() -> None:
    for passage in passages():
        slots = re.findall(r"\{\{ (\S+) \}\}", passage["body"])
        assert set(slots) <= SLOTS
        assert passage["body"].count("{{") == len(slots)
        if passage["kind"] == "template":
            assert {"lead.first_name", "rep.name", "house.name"} <= set(slots)


def test_french_is_formal() -> None:
    for passage in passages():
        if passage["language"] == "fr":
            assert not re.search(r"\b(tu|ton|ta|tes|toi)\b", passage["body"], re.IGNORECASE), passage["title"]
