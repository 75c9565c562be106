import pytest

from services.responder.language import message_language


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Pourriez-vous nous chiffrer deux pompes centrifuges ?", "fr"),
        ("Could you please quote two centrifugal pumps?", "en"),
    ],
)
def test_a_long_text_speaks_for_itself(text: str, expected: str) -> None:
    assert message_language(text, "de", {"language": "es"}) == expected


@pytest.mark.parametrize(
    ("declared", "attributes", "expected"),
    [
        ("en-GB", {"langue": "fr"}, "en"),
        (None, {"langue": "en"}, "en"),
        (None, {"langue": 3}, "fr"),
        ("de", {}, "fr"),
    ],
)
def test_a_short_text_takes_what_is_known_of_the_lead(
    declared: str | None, attributes: dict[str, object], expected: str
) -> None:
    assert message_language("1234 ?", declared, attributes) == expected
