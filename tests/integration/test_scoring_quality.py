"""Data quality on the real Postgres: what is counted, what is found, and what the API says of it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient
from typer.testing import CliRunner

from services.scoring import store as leads_store
from services.scoring.app import create_app
from services.scoring.cli import app as cli
from services.scoring.quality import store
from services.scoring.quality.background import assess_now, count_next
from services.scoring.settings import ScoringSettings
from tests.harness.clients import running_api, served
from tests.harness.history import created, event, history, publish_a_model, records, rows, take_in
from tests.harness.platform import Installation

SCOPES = ("quality:read", "owners:write", "models:read")
NOW = datetime(2026, 3, 30, 12, tzinfo=UTC)
Get = Callable[..., Any]


@pytest.fixture
def client(installation: Installation) -> Iterator[FlaskClient]:
    with running_api(create_app, ScoringSettings, installation, installation.key(*SCOPES)) as made:
        made.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
        yield made


@pytest.fixture
def get(client: FlaskClient) -> Get:
    def ask(path: str, status: int = 200, **query: Any) -> Any:
        response = client.get(f"/v1/{path}", query_string=query)
        assert response.status_code == status, response.text
        return response.json

    return ask


def count_all(installation: Installation) -> int:
    """Count until nothing is left; what is stored is settled at the second look."""
    with installation.connect(leads_store.SCHEMA) as connection:
        counted = count_next(connection)
        while events := count_next(connection):
            counted += events
    return counted


def assess(installation: Installation, as_of: datetime = NOW) -> None:
    count_all(installation)
    with installation.connect(leads_store.SCHEMA) as connection:
        assess_now(connection, as_of)


def lead(number: int, *, source: str = "crm", at: str = "", **fields: Any) -> dict[str, Any]:
    told = {"email": f"lead{number}@example.fr", **fields}
    return created(f"{source} {number} {at}", source=source, subject=str(number), lead=told)


def finding(answer: Any, code: str, field: str | None = None) -> Any:
    (found,) = [one for one in answer["findings"] if (one["code"], one["field"]) == (code, field)]
    return found


def field(answer: Any, name: str, source: str = "crm") -> Any:
    (found,) = [one for one in answer["fields"] if (one["field"], one["source"]) == (name, source)]
    return found


def test_before_anything_came_in_the_report_is_empty_and_training_is_not_yet(get: Get) -> None:
    report = get("quality")
    assert (report["as_of"], report["sources"], report["findings"], report["fields"]) == (None, [], [], [])
    verdict = get("quality/verdict")
    assert verdict["go"] is False
    won = next(check for check in verdict["checks"] if check["code"] == "won")
    assert (won["found"], won["least"], won["passed"]) == (0, 20, False)


def test_completeness_and_broken_values_are_counted_by_record_not_by_event(
    get: Get, installation: Installation
) -> None:
    told = [lead(n, attributes={"size": "large", "SIREN": "732829320"}) for n in range(6)]
    told += [lead(n, phone="12") for n in range(6, 10)]
    take_in(installation, told)
    # The same again, one of them mended: a record counts once, by its latest value.
    take_in(installation, [lead(6, at="again", phone="+33 6 12 34 56 78"), lead(7, at="again", phone="12")])
    assess(installation)
    report = get("quality")
    size, phone, siren = (field(report, name) for name in ("attribute.size", "phone", "attribute.SIREN"))
    assert (size["records"], size["missing"], size["completeness"]) == (10, 4, 0.6)
    assert (phone["missing"], phone["problems"]) == (6, {"phone": 3})
    assert siren["problems"] == {}
    missing = finding(report, "field_missing", "attribute.size")
    assert (missing["leads"], missing["cost"]) == (4, None)
    assert missing["text"] == "size: missing from 4 leads (40 %)"
    assert finding(report, "values_invalid", "phone")["leads"] == 3


def test_counting_goes_on_from_where_it_was(get: Get, installation: Installation) -> None:
    take_in(installation, [lead(n) for n in range(7)])
    assert count_all(installation) == 7
    assert count_all(installation) == 0
    take_in(installation, [lead(n) for n in range(9)])
    assert get("quality")["pending"] == 2
    assert count_all(installation) == 2
    assert get("quality")["pending"] == 0
    (row,) = rows(installation, "SELECT records, events FROM quality_field WHERE field = ''")
    assert row == {"records": 9, "events": 9}


def test_an_event_stored_by_a_transaction_still_open_is_not_passed_over(installation: Installation) -> None:
    with installation.connect(leads_store.SCHEMA) as slow:
        slow.execute("BEGIN")
        slow.execute("INSERT INTO seen VALUES ('1', '1')")  # a batch has written before it stores its events
        (held,) = slow.execute("SELECT nextval('event_number') AS number").fetchall()
        take_in(installation, [lead(1)])
        assert count_all(installation) == 0, "a lower number may still come"
        leads_store.ensure_event_partition(slow, "2026-03-01")
        slow.execute(
            "INSERT INTO event VALUES"
            " (%(at)s, 1, 'crm', 'late', 'crm.page.viewed', %(at)s, %(at)s, '{}', %(number)s)",
            {"at": NOW, **held},
        )
        slow.execute("COMMIT")
    assert count_all(installation) == 2


def test_two_sources_that_say_different_things_of_one_lead(get: Get, installation: Installation) -> None:
    take_in(installation, [lead(1, company="Hydromeca", attributes={"size": "large", "city": "Brest"})])
    take_in(
        installation,
        [lead(1, source="shop", company="HYDROMÉCA ", attributes={"size": "small", "city": "brest"})],
    )
    assess(installation)
    report = get("quality")
    conflict = finding(report, "values_conflict", "attribute.size")
    assert (conflict["leads"], conflict["params"]["other"]) == (1, "shop")
    assert [one["field"] for one in report["findings"] if one["code"] == "values_conflict"] == [
        "attribute.size"
    ]
    take_in(installation, [lead(1, source="shop", at="2", attributes={"size": "Large"})])
    assess(installation)
    assert not [one for one in get("quality")["findings"] if one["code"] == "values_conflict"]


def test_a_source_is_silent_when_it_is_so_for_longer_than_usual(get: Get, installation: Installation) -> None:
    start = NOW - timedelta(days=40)
    for day in range(30):
        at = start + timedelta(days=day)
        take_in(
            installation,
            [
                event(f"{day}", "crm.page.viewed", history=False, subject="1", lead={"email": "a@example.fr"})
                | {"time": at.isoformat()}
            ],
            received_at=at,
        )
    take_in(installation, [lead(1, source="import")])  # history has no rhythm, and is never silent
    assess(installation, start + timedelta(days=29, hours=20))
    report = get("quality")
    assert [one["code"] for one in report["findings"] if one["source"] == "crm"] == []
    assess(installation)
    silent = finding(get("quality"), "source_silent")
    assert (silent["source"], silent["params"]["usual_hours"]) == ("crm", 24)
    assert silent["text"].startswith("crm has been silent for 11 days; its silences usually last 24 hours")
    assert [
        check["named"] for check in get("quality/verdict")["checks"] if check["code"] == "silent_sources"
    ] == [["crm"]]


def test_a_field_that_vanishes_appears_or_changes_its_type_is_found(
    get: Get, installation: Installation
) -> None:
    def week(first: int, at: datetime, attributes: Callable[[int], dict[str, Any]]) -> None:
        told = [lead(n, attributes=attributes(n)) for n in range(first, first + 40)]
        take_in(installation, told, received_at=at)

    week(0, NOW - timedelta(days=20), lambda n: {"budget": n, "region": "Ouest", "size": "large"})
    week(40, NOW - timedelta(days=2), lambda n: {"budget": f"{n} k", "size": "huge", "sector": "food"})
    assess(installation)
    report = get("quality")
    vanished = finding(report, "field_vanished", "attribute.region")
    assert (vanished["leads"], vanished["params"]["before"]) == (40, 1.0)
    changed = finding(report, "type_changed", "attribute.budget")
    assert (changed["params"]["from"], changed["params"]["to"]) == ("number", "text")
    assert finding(report, "field_appeared", "attribute.sector")["params"] == {"count": 40}
    values = finding(report, "new_values", "attribute.size")
    assert values["params"]["values"] == ["huge"]
    assert "“huge”" in values["text"]


def test_what_costs_most_in_ranking_stands_first(get: Get, installation: Installation) -> None:
    take_in(
        installation,
        [lead(n, attributes={"hobby": "sail"} if n % 10 else {"size": "large"}) for n in range(60)],
    )
    publish_a_model(installation)
    assess(installation)
    report = get("quality")
    assert report["costs_known"] is True
    first = report["findings"][0]
    assert (first["code"], first["field"], first["leads"]) == ("field_missing", "attribute.size", 54)
    assert first["cost"] > 0.05
    assert first["weight"] == pytest.approx(first["cost"] * 0.9)
    # A field that the model does not read costs nothing: nobody is asked to fill it in.
    assert not [one for one in report["findings"] if one["field"] == "attribute.hobby"]
    assert report["fields"][0]["field"] == "attribute.size"


def test_a_field_has_its_own_owner_or_that_of_its_source(
    client: FlaskClient, get: Get, installation: Installation
) -> None:
    take_in(installation, [lead(n, phone="12") for n in range(5)])
    assess(installation)
    assert finding(get("quality"), "values_invalid", "phone")["owner"] is None

    def put(status: int = 200, **body: Any) -> Any:
        answer = client.put("/v1/owners", json=body)
        assert answer.status_code == status, answer.text
        return answer.json

    put(source="crm", name="Léa Martin", email="Lea@Example.fr")
    owner = finding(get("quality"), "values_invalid", "phone")["owner"]
    assert owner == {"name": "Léa Martin", "email": "lea@example.fr", "user_id": None, "of": "source"}
    put(source="crm", field="phone", name="Paul")
    assert finding(get("quality"), "values_invalid", "phone")["owner"]["name"] == "Paul"
    assert field(get("quality"), "email")["owner"]["of"] == "source"
    put(source="crm", field="phone")
    assert get("owners")["owners"][0]["set_by"].startswith("key:")
    assert [one["field"] for one in get("owners")["owners"]] == [None]
    assert "e-mail" in put(422, source="crm", name="Paul", email="nobody")["errors"][0]["error"]
    put(422, source="", name="Paul")
    put(422, source="  ", name="Paul")
    put(422, source="crm", name="a\0")


def test_fields_come_page_by_page_in_every_order(get: Get, installation: Installation) -> None:
    take_in(installation, [lead(n, attributes={f"f{m}": m for m in range(n)}) for n in range(12)])
    assess(installation)
    for sort in ("cost", "missing", "problems", "conflicts", "age", "field"):
        found: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = get("quality", sort=sort, limit=5, **cursor)
            found += [row["field"] for row in page["fields"]]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert len(found) == len(set(found)) == page["fields_total"] == 12
    assert get("quality", sort="missing", limit=1)["fields"][0]["field"] == "attribute.f10"
    assert get("quality", status=422, sort="nonsense")
    assert get("quality", status=422, source="a\0")
    assert get("quality", status=400, cursor="nonsense")


def test_a_history_with_outcomes_is_a_go_and_a_leak_is_named(get: Get, installation: Installation) -> None:
    told = history(200)
    lost = {one["subject"] for one in told if one["type"] == "crm.lead.lost"}
    for one in told:
        if one["type"] == "crm.lead.created" and one["subject"] in lost:
            one["data"]["lead"]["attributes"]["lost_because"] = "price"
    take_in(installation, told)
    assess(installation)
    verdict = get("quality/verdict")
    checks = {check["code"]: check for check in verdict["checks"]}
    assert verdict["go"] is True
    assert checks["won"]["found"] >= 20
    assert checks["dated_share"]["found"] == 1
    assert checks["span_days"]["passed"] is True
    assert checks["leak_suspicions"]["named"] == [{"source": "crm", "field": "attribute.lost_because"}]
    assert "lost_because" in checks["leak_suspicions"]["todo"]


def test_values_of_people_are_never_listed_and_a_text_is_no_choice(installation: Installation) -> None:
    told = [
        lead(n, name=f"Claire {n}", attributes={"note": f"call {n}", "mail": "x@example.fr", "size": "large"})
        for n in range(80)
    ]
    take_in(installation, told)
    count_all(installation)
    levels = rows(
        installation, "SELECT DISTINCT field, level FROM quality_level JOIN quality_field USING (field_id)"
    )
    assert levels == [{"field": "attribute.size", "level": "large"}]


def test_what_a_record_of_an_erased_lead_said_is_forgotten(get: Get, installation: Installation) -> None:
    take_in(installation, [lead(n, phone="12", attributes={"size": "large"}) for n in range(3)])
    take_in(installation, [lead(1, source="shop", attributes={"size": "small"})])
    assess(installation)
    assert field(get("quality"), "phone")["problems"] == {"phone": 3}
    take_in(installation, [event("gone", "crm.lead.erased", hours=9, subject="1")])
    assess(installation)
    phone = field(get("quality"), "phone")
    assert (phone["records"], phone["missing"], phone["problems"]) == (2, 0, {"phone": 2})
    assert rows(installation, "SELECT * FROM quality_conflict") == []
    left = (
        "SELECT count(*) AS n FROM quality_value JOIN identity USING (identity_id) JOIN lead USING (lead_id)"
    )
    assert rows(installation, f"{left} WHERE status = 'erased'") == [{"n": 0}]


def test_the_command_line_says_what_to_mend_first(
    client: FlaskClient, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(installation, [lead(n, phone="12") for n in range(5)])
    assess(installation)
    monkeypatch.setenv("ECLAIREUR_API_KEY", installation.key(*SCOPES))
    with served(client.application) as address:
        monkeypatch.setenv("SCORING_URL", address)
        told = CliRunner().invoke(cli, ["quality"])
        as_json = CliRunner().invoke(cli, ["quality", "--json"])
    assert told.exit_code == 0, told.output
    assert (
        "1. Phone number: 5 leads with a phone number that cannot be one (owner: nobody yet)" in told.output
    )
    assert "Training: not yet" in told.output
    assert "Leads won: 0, at least 20 wanted." in told.output
    assert orjson.loads(as_json.stdout)["verdict"]["go"] is False


def test_what_counting_reads_does_not_grow_with_what_is_stored(installation: Installation) -> None:
    def read_pages() -> int:
        with installation.connect(leads_store.SCHEMA) as connection:
            connection.execute("ANALYZE event")
            query = store._QUERIES["next_events"]
            (cursor,) = connection.execute("SELECT counted FROM quality_cursor").fetchall()
            plan = connection.execute(
                f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}",
                {"counted": cursor["counted"], "settled": 10**9, "limit": 500},
                prepare=False,
            ).fetchall()[0]["QUERY PLAN"][0]["Plan"]
        assert plan["Actual Rows"] == 10
        return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])

    def ten_more(first: int) -> None:
        take_in(installation, [lead(n) for n in range(first, first + 10)])

    take_in(installation, [lead(n) for n in range(300)])
    count_all(installation)
    ten_more(300)
    few = read_pages()
    count_all(installation)
    with installation.connect(leads_store.SCHEMA) as connection:
        connection.execute(
            "INSERT INTO event (received_at, identity_id, source, id, type, occurred_at, known_at, data)"
            " SELECT received_at, identity_id, source, id || n, type, occurred_at, known_at, data"
            " FROM event, generate_series(1, 60) AS n"
        )
        connection.execute("UPDATE quality_cursor SET counted = (SELECT max(number) FROM event)")
    ten_more(310)
    assert read_pages() <= few + 8, "a leaf or two, one more level: not the table"


def test_records_without_a_description_count_no_field(installation: Installation) -> None:
    assert records([event("v", "crm.page.viewed", lead={"email": "a@example.fr"})])
    take_in(installation, [event("v", "crm.page.viewed", lead={"email": "a@example.fr"})])
    count_all(installation)
    assert [row["field"] for row in rows(installation, "SELECT field FROM quality_field")] == [""]
