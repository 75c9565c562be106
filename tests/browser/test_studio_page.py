"""The Studio in a real browser on real services: read, try, keep, compare, publish, call off, roll back."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from shared.auth import store as auth
from shared.auth.store import SCHEMA
from tests.browser.people import sign_in
from tests.browser.pictures import looked_at
from tests.harness.browser import page
from tests.harness.history import event, publish_a_model, take_in
from tests.harness.platform import PASSWORD, Platform, new_installation
from tests.harness.processes import servers
from tests.harness.stack import Stack

SIZES = ("large", "large", "middle", "small", "small", "small")
NAMES = ("Claire Durand", "Noé Petit", "Inès Moreau", "Hugo Blanc", "Léna Roux", "Adam Noir")


def leads(count: int) -> list[dict[str, Any]]:
    """As many leads as asked for, who visited so often and are followed by two people."""
    made = []
    for n in range(count):
        who = {
            "name": f"{NAMES[n % 6]} {n}",
            "email": f"l{n}@example.fr",
            "company": f"Ateliers {n}",
            "attributes": {"size": SIZES[n % 6]},
        }
        owner = "lea" if n % 2 else "paul"
        made.append(event(f"c{n}", subject=str(n), history=False, lead=who, owner=owner, amount=500 + n))
        made += [
            event(
                f"v{n}-{visit}", "crm.page.viewed", subject=str(n), hours=1 + visit, history=False, url="/p"
            )
            for visit in range(n % 5)
        ]
    return made


@pytest.fixture(scope="module")
def stack(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with new_installation(platform) as installation:
        installation.person("marketing", "ada@example.fr", "Ada Morel")
        installation.person("marketing", "bea@example.fr", "Béa Roy")
        installation.person("rep", "leo@example.fr", "Léo Petit")
        services = ("scoring", "console")
        with servers(services, installation.environment, tmp_path_factory.mktemp("studio")) as urls:
            yield Stack(installation, urls)


def go(opened: Page, stack: Stack, path: str) -> None:
    opened.goto(f"{stack.urls['console']}{path}")


def test_a_first_look_before_there_is_anything(chromium: Browser, stack: Stack) -> None:
    with page(chromium) as opened:
        sign_in(opened, stack, "ada@example.fr")
        opened.get_by_role("link", name="Studio", exact=True).click()
        expect(opened.locator("h1")).to_have_text("Rien ne décide encore des notes")
        looked_at(opened, "studio-empty")
        go(opened, stack, "/studio/try")
        expect(opened.get_by_text("leur effet ne peut pas être montré")).to_be_visible()
        looked_at(opened, "studio-editor-empty")


@pytest.fixture(scope="module")
def with_leads(stack: Stack) -> Stack:
    publish_a_model(stack.installation)
    take_in(stack.installation, leads(60))
    return stack


def counted(opened: Page) -> None:
    """Wait until the effect is that of what the form says."""
    expect(opened.locator("#studio[data-counted]")).to_have_count(1)


def cells(opened: Page, selector: str) -> list[str]:
    return [text.split("\n")[0].strip() for text in opened.locator(selector).all_inner_texts()]


def test_a_marketer_drags_a_cut_adds_a_rule_and_publishes(chromium: Browser, with_leads: Stack) -> None:
    with page(chromium) as opened:
        sign_in(opened, with_leads, "ada@example.fr")
        opened.get_by_role("link", name="Studio", exact=True).click()
        expect(opened.locator("h1")).to_have_text("Ce qui est en vigueur")
        expect(opened.locator(".part").first).to_contain_text("A : à partir de")
        looked_at(opened, "studio")
        opened.get_by_role("link", name="Essayer un changement").first.click()
        expect(opened.locator("#effect .answer")).to_contain_text("Rien ne changerait")
        looked_at(opened, "studio-editor")

        cut = opened.locator(".cut[data-grade=A]")
        box = opened.locator("#histogram").bounding_box()
        handle = cut.locator("circle").bounding_box()
        assert box
        assert handle
        before = cells(opened, "[data-leads-of=A]")
        opened.mouse.move(handle["x"] + 5, handle["y"] + 5)
        opened.mouse.down()
        opened.mouse.move(handle["x"] - box["width"] / 5, handle["y"] + 9, steps=5)
        at_once = cells(opened, "[data-leads-of]")
        opened.mouse.up()
        assert at_once[0] != before[0], "counted in the browser while the cut moves"
        assert sum(map(int, at_once)) == 60
        counted(opened)
        assert cells(opened, ".effect tbody td:nth-child(2)")[:4] == at_once
        expect(opened.locator("#effect .answer")).to_contain_text("changeraient")
        expect(opened.locator(".movers a").first).to_have_attribute("href", re.compile("/leads/"))

        opened.get_by_label("A à partir de").focus()
        value = float(opened.get_by_label("A à partir de").input_value())
        opened.keyboard.press("ArrowUp")
        assert float(opened.get_by_label("A à partir de").input_value()) == value + 1
        counted(opened)

        opened.get_by_role("button", name="Ajouter une règle").click()
        expect(opened.get_by_label("Ce que fait la règle 1")).to_be_focused()
        opened.get_by_label("Champ 1 de la règle 1").select_option("attribute.size")
        opened.get_by_label("Valeur 1 de la règle 1").fill("Large")
        counted(opened)
        expect(opened.locator("#effect [role=alert]")).to_contain_text("Règle 1 : Écrivez quelque chose ici")
        looked_at(opened, "studio-editor-wrong")
        opened.get_by_label("Raison, pour le commercial").fill("Trop grand pour nous")
        opened.get_by_role("button", name="À qui convient la règle 1").click()
        expect(opened.locator(".tested")).to_contain_text("20 prospects ouverts sur 60")
        counted(opened)
        assert cells(opened, ".effect tbody td:nth-child(2)")[4] == "20"
        opened.get_by_role("button", name="Ajouter une condition à la règle 1").click()
        opened.get_by_label("Champ 2 de la règle 1").select_option("owner")
        opened.get_by_label("Valeur 2 de la règle 1").fill("lea")
        counted(opened)
        assert cells(opened, ".effect tbody td:nth-child(2)")[4] == "10"
        looked_at(opened, "studio-editor-rule")

        opened.fill("#comment", "Les grands à Paul")
        opened.get_by_role("button", name="Garder comme brouillon").click()
        expect(opened.locator(".flash")).to_contain_text("gardée comme brouillon")
        expect(opened.locator(".changed", has_text="Règles")).to_contain_text(
            "Hors de la file quand size est « Large » et qui le suit est « lea » : Trop grand pour nous"
        )
        expect(opened.locator(".loaded .answer")).to_contain_text("changeraient")
        looked_at(opened, "studio-draft")
        opened.fill("#comment", "Paul suit les grands comptes")
        opened.get_by_role("button", name="Publier la version").click()
        expect(opened.locator(".flash")).to_contain_text("est en vigueur")
        expect(opened.locator("main")).to_contain_text("par Ada Morel")
        expect(opened.locator("main")).to_contain_text("Paul suit les grands comptes")


def kept(stack: Stack, **policy: Any) -> int:
    with stack.client("scoring", "thresholds:write") as scoring:
        answer = scoring.post("/v1/policies", json={"policy": policy, "comment": "Essai"})
        assert answer.status_code == 201, answer.text
        return int(answer.json()["version"])


def test_a_version_waits_is_called_off_and_an_earlier_one_comes_back(
    chromium: Browser, with_leads: Stack
) -> None:
    version = kept(with_leads, grades={"by": "percentile", "all": {"A": 10, "B": 30, "C": 60}})
    with page(chromium) as opened:
        sign_in(opened, with_leads, "ada@example.fr")
        go(opened, with_leads, f"/studio/versions/{version}")
        opened.fill("#comment", "Au retour des vacances")
        opened.get_by_label("Plus tard, le").check()
        opened.get_by_label("Jour et heure").fill("2031-09-01T09:00")
        opened.get_by_role("button", name="Publier la version").click()
        expect(opened.locator(".flash")).to_contain_text("sera en vigueur le lundi 1 septembre 2031 à 09:00")
        expect(opened.locator(".undo")).to_contain_text("Au retour des vacances")
        looked_at(opened, "studio-waiting")
        opened.get_by_role("button", name="Annuler la mise en vigueur").click()
        expect(opened.locator(".flash")).to_contain_text("Annulé")

        go(opened, with_leads, "/studio/versions")
        looked_at(opened, "studio-versions")
        opened.locator("#a").select_option("1")
        opened.locator("#b").select_option(str(version))
        opened.get_by_role("button", name="Comparer").click()
        expect(opened.locator(".changed").first).to_contain_text("A : les 10 % les plus prometteurs")
        expect(opened.locator(".loaded .answer")).to_have_count(2)
        looked_at(opened, "studio-compare")
        go(opened, with_leads, "/studio/versions/1")
        if opened.locator("#comment").count():  # unless it is in force already
            opened.fill("#comment", "Comme avant")
            opened.get_by_role("button", name="Publier la version 1").click()
            expect(opened.locator(".flash")).to_contain_text("est en vigueur")
        expect(opened.locator("main")).to_contain_text("Version 1")


def test_who_publishes_after_someone_else_is_told_what_happened(chromium: Browser, with_leads: Stack) -> None:
    mine = kept(with_leads, grades={"by": "capacity", "all": {"A": 5, "B": 5, "C": 5}})
    theirs = kept(with_leads, grades={"by": "capacity", "all": {"A": 9, "B": 9, "C": 9}})
    with page(chromium) as opened:
        sign_in(opened, with_leads, "ada@example.fr")
        # The answer is a 409, which Chromium logs as an error: of another page than the watched one.
        other = opened.context.new_page()
        go(other, with_leads, f"/studio/versions/{mine}")
        published_by("bea@example.fr", with_leads, theirs)
        other.fill("#comment", "La mienne")
        other.get_by_role("button", name="Publier la version").click()
        expect(other.get_by_role("alert").first).to_contain_text(
            f"Béa Roy a publié la version {theirs} entre-temps"
        )
        expect(other.locator("#comment")).to_have_value("La mienne")
        looked_at(other, "studio-meanwhile")
        other.get_by_role("button", name="Publier la version").click()
        expect(other.locator(".flash")).to_contain_text("est en vigueur")


def published_by(email: str, stack: Stack, version: int) -> None:
    with stack.installation.connect(SCHEMA) as connection:
        person = auth.sign_in(connection, email, PASSWORD)
    assert person is not None
    headers = {"Authorization": f"Bearer {stack.installation.person_token(person)}"}
    url = f"{stack.urls['scoring']}/v1/policies/{version}/publish"
    answer = httpx.post(url, json={"comment": "La leur"}, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text


def test_json_is_a_second_way_and_its_errors_name_the_line(chromium: Browser, with_leads: Stack) -> None:
    with page(chromium) as opened:
        sign_in(opened, with_leads, "ada@example.fr")
        other = opened.context.new_page()  # refusals are answers 422, which Chromium logs
        go(other, with_leads, "/studio/json")
        other.fill("#text", '{"workload": {\n  "reps": 0\n}}')
        other.get_by_role("button", name="Garder comme brouillon").click()
        expect(other.get_by_role("alert").first).to_contain_text("Ligne 2 workload.reps : Donnez au moins 1")
        looked_at(other, "studio-json-wrong")
        other.fill("#text", '{"workload":\n {"reps" 3}}')
        other.get_by_role("button", name="Garder comme brouillon").click()
        expect(other.get_by_role("alert").first).to_contain_text("Ligne 2")
        other.fill("#text", '{"workload": {"reps": 3}}')
        other.get_by_role("button", name="Garder comme brouillon").click()
        expect(other.locator(".flash")).to_contain_text("gardée comme brouillon")


def test_absences_are_noted_and_taken_back(chromium: Browser, with_leads: Stack) -> None:
    with page(chromium) as opened:
        sign_in(opened, with_leads, "ada@example.fr")
        go(opened, with_leads, "/studio/absences")
        opened.fill("#owner", "lea")
        opened.fill("#first_day", "2031-08-01")
        opened.fill("#last_day", "2031-08-15")
        opened.fill("#stand_in", "paul")
        opened.get_by_role("button", name="Noter", exact=True).click()
        expect(opened.locator("h1")).to_have_text("1 absence en cours ou à venir")
        looked_at(opened, "studio-absences")
        opened.get_by_role("button", name="Reprendre l’absence de lea").click()
        expect(opened.locator("h1")).to_have_text("Personne n’est absent")


def test_a_rep_reads_and_tries_on_a_phone_and_is_told_who_can_publish(
    chromium: Browser, with_leads: Stack
) -> None:
    version = kept(with_leads)
    with page(chromium, width=390) as opened:
        sign_in(opened, with_leads, "leo@example.fr")
        opened.get_by_role("button", name="English").click()
        opened.get_by_role("link", name="Studio", exact=True).click()
        expect(opened.locator("main")).to_contain_text("Marketing and administrators can keep drafts")
        looked_at(opened, "studio-rep-en")
        go(opened, with_leads, f"/studio/versions/{version}")
        expect(opened.locator("main form")).to_have_count(0)
        expect(opened.locator(".loaded .answer")).to_be_visible()
        looked_at(opened, "studio-draft-rep-en")
        go(opened, with_leads, "/studio/try")
        expect(opened.locator("#effect .answer")).to_be_visible()
        opened.get_by_label("Graded by").select_option("capacity")
        expect(opened.get_by_label("A: so many leads")).to_be_visible()
        expect(opened.get_by_role("button", name="Keep as a draft")).to_have_count(0)
        counted(opened)
        looked_at(opened, "studio-editor-en")


def test_everything_works_without_a_script(chromium: Browser, with_leads: Stack) -> None:
    context = chromium.new_context(java_script_enabled=False, locale="fr-FR")
    opened = context.new_page()
    sign_in(opened, with_leads, "ada@example.fr")
    go(opened, with_leads, "/studio/try?from=1")
    opened.get_by_role("button", name="Ajouter une règle").click()
    opened.get_by_label("Champ 1 de la règle 1").select_option("probability")
    opened.get_by_label("Comparaison 1 de la règle 1").select_option("at_least")
    opened.get_by_label("Valeur 1 de la règle 1").fill("0")
    opened.get_by_label("Raison, pour le commercial").fill("Tous")
    opened.get_by_role("button", name="Montrer l’effet").click()
    expect(opened.locator(".effect")).to_be_visible()
    assert cells(opened, ".effect tbody td:nth-child(2)")[:5] == ["0", "0", "0", "0", "60"]
    opened.get_by_label("Noter selon").select_option("percentile")
    opened.get_by_role("button", name="Changer d’unité").click()
    expect(opened.get_by_label("A et B : les premiers")).to_be_visible()
    opened.get_by_role("button", name="Retirer la règle 1").click()
    expect(opened.get_by_text("Pas de règle")).to_be_visible()
    opened.get_by_role("button", name="Garder comme brouillon").click()
    expect(opened.locator(".flash")).to_contain_text("gardée comme brouillon")
    context.close()


def test_the_studio_and_the_api_give_the_same(with_leads: Stack) -> None:
    """What the form keeps is what the API was given, and its effect is the simulation's."""
    rule = {
        "when": {"any": [{"field": "attribute.size", "op": "in", "value": ["small", "middle"]},
                         {"field": "probability", "op": "below", "value": 0.155}]},
        "do": "cap", "grade": "C", "reason": "Petits",
    }  # fmt: skip
    nested = {
        "when": {"not": {"all": [{"field": "owner", "op": "known"}]}},
        "action": "Attribuer",
        "due": 4.5,
    }
    policy = {
        "grades": {"by": "capacity", "all": {"A": 7, "B": 11, "C": 20},
                   "segment_by": "source", "segments": {"crm": {"A": 1, "B": 2, "C": 3}}},
        "rules": [rule], "next_actions": [nested, {"action": "no_action"}],
        "deadlines": {"working_hours": {"holidays": None, "closed_on": ["2031-12-24"]}},
        "workload": {"reps": 3},
        "priority": {"by": "expected_value", "segment_by": None, "urgency": {"least": 0.25}},
    }  # fmt: skip
    version = kept(with_leads, **policy)
    with (
        with_leads.client("scoring", "thresholds:read") as scoring,
        httpx.Client(base_url=with_leads.urls["console"], follow_redirects=True, timeout=30) as console,
    ):
        sign_in_plainly(console)
        fields = fields_of(console.get(f"/studio/try?from={version}").text)
        page_of_effect = console.post("/studio/try", data=fields | {"do": "effect"}).text
        done = console.post("/studio/try", data=fields | {"do": "keep", "comment": "Par la page"})
        made = int(str(done.url).rpartition("/")[2])
        same = scoring.get(f"/v1/policies/{made}").json()
        assert same["policy"] == scoring.get(f"/v1/policies/{version}").json()["policy"]
        assert (same["created_by"], same["comment"]) == ("Ada Morel", "Par la page")
        told = scoring.post("/v1/simulations", json={"policy": policy}).json()
    shown = re.findall(r'<td class="number">(\d+)', page_of_effect.partition("table effect")[2])
    by_api = [one["then"] for one in told["grades"].values()]
    late = list(told["deadlines_missed"]["then"].values())
    wins = [int(one["expected_wins_then"]["value"]) for one in told["grades"].values()]
    expected = [number for row in zip(by_api, wins, late, strict=True) for number in row]
    assert list(map(int, shown[: len(expected)])) == expected


def sign_in_plainly(console: httpx.Client) -> None:
    token = fields_of(console.get("/login").text)["csrf_token"]
    given = {"csrf_token": token, "email": "ada@example.fr", "password": PASSWORD}
    assert console.post("/login", data=given).status_code == 200


def fields_of(html: str) -> dict[str, str]:
    """What a browser would send of a page's last form, when nobody touched it."""
    form = html[html.rindex("<form", 0, html.rindex("</main>")) :]
    reader = Fields()
    reader.feed(form[: form.index("</form>")])
    return reader.found


class Fields(HTMLParser):
    """Collects the values of fields; those of buttons aside."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._open: str | None = None
        self._chosen = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input":
            self.found[given["name"] or ""] = given.get("value") or ""
        elif tag in ("select", "textarea"):
            self._open, self._chosen = given["name"], False
            if tag == "textarea":
                self.found[self._open or ""] = ""
        elif tag == "option" and self._open and (not self._chosen or "selected" in given):
            self._chosen = self._chosen or "selected" in given
            if self._chosen or self._open not in self.found:
                self.found[self._open] = given.get("value") or ""

    def handle_data(self, data: str) -> None:
        if self._open and self.lasttag == "textarea":
            self.found[self._open] += data

    def handle_endtag(self, tag: str) -> None:
        if tag in ("select", "textarea"):
            self._open = None
