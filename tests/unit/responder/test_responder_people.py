import pytest

from services.responder.people import Person, address, person


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Camille Morvan", "Camille", "Morvan"),
        ("MORVAN Anne-Laure", "Anne-Laure", "Morvan"),
        ("Jean de La Fontaine", None, None),
        ("Camille", None, None),
    ],
)
def test_a_name_is_split_only_when_it_reads_one_way(name: str, first: str | None, last: str | None) -> None:
    who = person(name, None, {})
    assert (who.name, who.first_name, who.last_name) == (name, first, last)


@pytest.mark.parametrize(
    "name",
    ["Win money at http://x.test", "a@b.fr", "{{ house.name }}", "[votre nom]", "x" * 81, "", "www.spam.com"],
)
def test_what_is_no_name_is_not_known(name: str) -> None:
    assert person(name, name, {}) == Person()


@pytest.mark.parametrize(
    ("civility", "language", "expected"),
    [
        ("Mme", "fr", "Madame Morvan"),
        ("M.", "fr", "Monsieur Morvan"),
        ("Mrs", "en", "Ms Morvan"),
        ("Dr", "fr", None),
        (None, "fr", None),
    ],
)
def test_a_person_is_addressed_only_when_known(
    civility: str | None, language: str, expected: str | None
) -> None:
    assert address(person("Camille Morvan", None, {"civility": civility}), language) == expected


def test_attributes_say_more_than_the_full_name() -> None:
    who = person("Jean de La Fontaine", None, {"prenom": "Jean", "nom": "de La Fontaine"})
    assert (who.first_name, who.last_name) == ("Jean", "de La Fontaine")
