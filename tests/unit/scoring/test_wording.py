"""Reasons in words, in two languages."""

import string

import pytest

from services.scoring import reasons as reasons_module
from services.scoring.phrases import LANGUAGES
from services.scoring.policy.document import DEFAULT_ACTIONS
from services.scoring.reasons import Reason
from services.scoring.wording import action_in_words, in_words, number_in_words, phrases


def words(code, language="fr", contribution=1.0, **params):
    return in_words(Reason(code, params, contribution), language)


@pytest.mark.parametrize(
    ("code", "params", "french", "english"),
    [
        (
            "activity_recent",
            {"activity": "quote_requested", "days": 1},
            "A demandé un devis hier",
            "Asked for a quote yesterday",
        ),
        (
            "activity_recent",
            {"activity": "page_viewed", "days": 0},
            "A visité le site aujourd'hui",
            "Visited the site today",
        ),
        (
            "activity_recent",
            {"activity": "form_submitted", "days": 5},
            "A rempli un formulaire il y a 5 jours",
            "Filled in a form 5 days ago",
        ),
        (
            "activity_old",
            {"activity": "page_viewed", "days": 40},
            "Aucune visite depuis 40 jours",
            "No visit for 40 days",
        ),
        (
            "activity_count",
            {"activity": "page_viewed", "count": 3, "days": 7},
            "A consulté 3 pages ces 7 derniers jours",
            "Viewed 3 pages in the last 7 days",
        ),
        (
            "activity_count",
            {"activity": "page_viewed", "count": 1, "days": 1},
            "A consulté une page aujourd'hui",
            "Viewed one page today",
        ),
        ("activity_none", {"activity": "page_viewed"}, "Aucune visite", "No visit"),
        (
            "activity_total",
            {"activity": "Salon {0} de Lyon", "count": 2},
            "Salon {0} de Lyon\u00a0: 2 fois en tout",
            "Salon {0} de Lyon: 2 times in all",
        ),
        (
            "activity_old",
            {"activity": "Salon", "days": 1200},
            "Salon\u00a0: rien depuis 1\u202f200 jours",
            "Salon: not for 1,200 days",
        ),
        ("silence_days", {"days": 12}, "Aucune activité depuis 12 jours", "No activity for 12 days"),
        ("silence_days", {"days": 1}, "Dernière activité hier", "Last active yesterday"),
        (
            "message_waiting",
            {"days": 12},
            "Attend une réponse depuis 12 jours",
            "Has awaited a reply for 12 days",
        ),
        ("attribute_is", {"attribute": "Ville", "value": "Lyon"}, "Ville\u00a0: Lyon", "Ville: Lyon"),
        (
            "attribute_number",
            {"attribute": "Budget", "value": 12500.5},
            "Budget\u00a0: 12\u202f500,5",
            "Budget: 12,500.5",
        ),
        ("field_is", {"field": "language", "value": "fr"}, "Langue\u00a0: français", "Language: French"),
        ("field_is", {"field": "stage", "value": "quoted"}, "Étape\u00a0: quoted", "Stage: quoted"),
        ("field_missing", {"field": "stage"}, "Étape\u00a0: non renseigné", "Stage: not filled in"),
    ],
)
def test_reasons_are_short_sentences(code, params, french, english):
    assert words(code, "fr", **params) == french
    assert words(code, "en", **params) == english


def test_french_counts_zero_as_one_and_english_as_many():
    assert words("activity_total", "fr", activity="Salon", count=0) == "Salon\u00a0: une fois en tout"
    assert words("activity_total", "en", activity="Salon", count=0) == "Salon: 0 times in all"


@pytest.mark.parametrize(
    ("value", "french", "english"),
    [
        (1234.5, "1\u202f234,5", "1,234.5"),
        (1000, "1\u202f000", "1,000"),
        (0.005, "0,01", "0.01"),
        (-2, "-2", "-2"),
    ],
)
def test_numbers_follow_the_language(value, french, english):
    assert (number_in_words(value, "fr"), number_in_words(value, "en")) == (french, english)


def shape(value):
    """The keys of a table, and the blanks of its phrases."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return {name for _, name, _, _ in string.Formatter().parse(value) if name}


def test_both_languages_have_the_same_keys_and_blanks():
    assert shape(phrases("fr")) == shape(phrases("en"))


def emitted_codes() -> set[str]:
    """Every text in the source of reasons.py that is a code, and those built from a prefix."""
    fields = ("is", "other", "missing", "number", "yes", "no")
    built = {f"{prefix}_{end}" for prefix in ("attribute", "field") for end in fields}
    activities = {f"activity_{end}" for end in ("none", "count", "total", "recent", "old")}
    sayings = {
        say(value)[0] for say in reasons_module._SAYINGS.values() for value in (None, True, False, 3.0)
    }
    return built | activities | sayings | {reasons_module.OTHER}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_has_words_and_no_words_are_orphans(language):
    assert set(phrases(language)["reasons"]) == emitted_codes()
    params = {
        "activity": "x",
        "attribute": "x",
        "field": "stage",
        "value": 2.0,
        "count": 2,
        "days": 7,
        "amount": 3,
    }
    for code in emitted_codes():
        assert "{" not in words(code, language, **params)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_known_activity_is_worded_for_every_count(language):
    for activity in phrases(language)["activities"]:
        for code in ("none", "count", "total", "recent", "old"):
            for count in (0, 1, 2):
                sentence = words(
                    f"activity_{code}", language, activity=activity, count=count, days=30 * count
                )
                assert activity not in sentence
                assert "{" not in sentence


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_action_has_words(language):
    codes = {one["action"] for one in DEFAULT_ACTIONS}
    assert set(phrases(language)["actions"]) == codes
    assert all(action_in_words(code, language) != code for code in codes)
    assert action_in_words("Envoyer le catalogue", language) == "Envoyer le catalogue"


def test_an_unknown_language_is_an_error():
    with pytest.raises(KeyError):
        words("other", "de")
