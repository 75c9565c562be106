import pytest
from jinja2 import UndefinedError

from services.responder.slots import SLOTS, InvalidTemplate, check_template, render


def test_every_slot_can_be_filled() -> None:
    text = " ".join(f"{{{{ {slot} }}}}" for slot in SLOTS)
    check_template(text)
    assert render(text, {slot: slot.upper() for slot in SLOTS}) == " ".join(SLOTS).upper()


@pytest.mark.parametrize(
    "text",
    [
        "{{ lead.phone }}",
        "{{ lead }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ lead.name.__class__ }}",
        "{{ lead['name'] }}",
        "{{ lead.name | upper }}",
        "{{ lead.name() }}",
        "{{ 7 * 7 }}",
        "{% for x in range(9) %}a{% endfor %}",
        "{# hidden #}",
        "{{ lead.name",
        "{{ }}",
    ],
)
def test_anything_but_a_known_slot_is_refused(text: str) -> None:
    with pytest.raises(InvalidTemplate):
        check_template(text)


def test_a_refusal_says_which_slots_there_are() -> None:
    with pytest.raises(InvalidTemplate, match=r"line 2: unknown slot; choose among lead\.name"):
        check_template("Bonjour,\n{{ lead.nom }}")


def test_a_slot_without_value_is_never_left_out_silently() -> None:
    with pytest.raises(UndefinedError):
        render("{{ rep.name }}", {"lead.name": "Camille"})


def test_a_value_is_not_a_template() -> None:
    assert render("{{ lead.name }}", {"lead.name": "{{ house.name }}"}) == "{{ house.name }}"
