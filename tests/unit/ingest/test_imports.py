"""A company's export becomes events; what is unclear stops the import before anything is sent."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.ingest.imports import (
    ImportRefused,
    Plan,
    events,
    make_plan,
    parse_date,
    preview,
)
from shared.contracts.events import validate_event
from shared.tabular import Table, TableError, read_rows

KNOWN_AT = datetime(2026, 3, 1, tzinfo=UTC)
CSV = """Lead Number,E-mail,Société,Secteur,Visites,Issue,Attente
1,a@example.fr,Pompes SA,BTP,3,oui,
2,b@example.fr,,Select,"1 234,5",non,
3,c@example.fr,Vannes,Eau,0,non,x
"""


def table(tmp_path: Path, text: str = CSV, encoding: str = "utf-8") -> Table:
    path = tmp_path / "export.csv"
    path.write_bytes(text.encode(encoding))
    return read_rows(path)


def plan(read: Table, **options: Any) -> Plan:
    return make_plan(
        read, **{"source": "import:export", "known_at": KNOWN_AT, "outcome": "Issue=oui", **options}
    )


def test_rows_become_valid_events_with_their_outcome(tmp_path: Path) -> None:
    read = table(tmp_path)
    planned = plan(read, open_="Attente=x")
    made = list(events(read, planned))
    for event in made:
        validate_event(event)
    assert [(event["subject"], event["type"]) for event in made] == [
        ("1", "crm.lead.created"),
        ("1", "crm.lead.converted"),
        ("2", "crm.lead.created"),
        ("2", "crm.lead.lost"),
        ("3", "crm.lead.created"),
    ]
    assert made[0]["data"]["lead"] == {
        "email": "a@example.fr",
        "company": "Pompes SA",
        "attributes": {"Secteur": "BTP", "Visites": 3},
    }
    assert made[2]["data"]["lead"]["attributes"] == {"Visites": 1234.5}


def test_what_tells_the_outcome_is_never_an_attribute(tmp_path: Path) -> None:
    read = table(tmp_path)
    planned = plan(read, open_="Attente=x", exclude=["Secteur"])
    assert list(planned.attributes) == ["Visites"]
    assert planned.profile == {"email": "E-mail", "company": "Société"}
    assert planned.key == "Lead Number"


def test_the_same_file_gives_the_same_events(tmp_path: Path) -> None:
    read = table(tmp_path)
    assert list(events(read, plan(read))) == list(events(read, plan(read)))


def test_a_row_without_key_is_known_by_its_content(tmp_path: Path) -> None:
    read = table(tmp_path, "Nom,Ville,Issue\nA,Lyon,oui\nA,Lyon,oui\nB,Lyon,non\n")
    planned = plan(read)
    assert planned.key is None
    assert preview(read, planned).repeated_keys == 1
    assert len({event["subject"] for event in events(read, planned)}) == 2


def test_counts_are_known_before_anything_is_sent(tmp_path: Path) -> None:
    read = table(tmp_path)
    found = preview(read, plan(read, open_="Attente=x"))
    assert (found.rows, found.won, found.lost, found.open) == (3, 1, 1, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"outcome": "Issue=peut-être"}, "never occurs.*oui"),
        ({"outcome": "Issue"}, "is not COLUMN=VALUE"),
        ({"lost": "Issue=perdu"}, r"2 rows have an outcome.*non \(2\)"),
    ],
)
def test_an_unclear_outcome_stops_it_with_the_values(tmp_path: Path, options: Any, message: str) -> None:
    read = table(tmp_path)
    with pytest.raises(ImportRefused, match=message):
        preview(read, plan(read, **options))


def test_an_empty_outcome_is_no_loss(tmp_path: Path) -> None:
    read = table(tmp_path, CSV.replace("0,non,x", "0,,"))
    with pytest.raises(ImportRefused, match=r"\(empty\) \(1\).*--open"):
        preview(read, plan(read))
    assert preview(read, plan(read, open_="Issue=")).open == 1


def test_an_unknown_column_is_named_with_those_that_look_like_it(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="Did you mean: Secteur"):
        plan(table(tmp_path), exclude=["Sectuer"])


def test_a_header_alone_is_nothing_to_import(tmp_path: Path) -> None:
    read = table(tmp_path, CSV.splitlines()[0] + "\n")
    with pytest.raises(TableError, match="nothing to import"):
        preview(read, plan(read))


def test_dated_rows_keep_their_dates(tmp_path: Path) -> None:
    rows = "1,Lyon,oui,01/02/2025,2025-03-04T10:00:00+01:00\n2,Metz,non,2025-02-01,2025-03-01 09:30\n"
    read = table(tmp_path, "id,Ville,Issue,Début,Fin\n" + rows)
    planned = plan(read, created="Début", closed="Fin")
    assert preview(read, planned).rows == 2
    assert [event["time"] for event in events(read, planned)] == [
        "2025-02-01T00:00:00+00:00",
        "2025-03-04T10:00:00+01:00",
        "2025-02-01T00:00:00+00:00",
        "2025-03-01T09:30:00+00:00",
    ]


def test_closing_dates_on_some_outcomes_only_would_tell_the_outcome(tmp_path: Path) -> None:
    read = table(
        tmp_path, "id,Ville,Issue,Début,Fin\n1,Lyon,oui,01/02/2025,04/03/2025\n2,Metz,non,01/02/2025,\n"
    )
    with pytest.raises(ImportRefused, match='1 rows have no date in "Fin"'):
        preview(read, plan(read, created="Début", closed="Fin"))
    open_rows = plan(read, created="Début", closed="Fin", open_="Issue=non")
    assert preview(read, open_rows).open == 1


def test_a_date_that_cannot_be_read_is_named_with_its_row(tmp_path: Path) -> None:
    read = table(tmp_path, "id,Issue,Début\n1,oui,2025-01-01\n2,non,hier\n")
    with pytest.raises(ImportRefused, match=r'"Début" \(row 2\)'):
        preview(read, plan(read, created="Début"))
    assert parse_date("", "Début") is None


def test_several_other_outcomes_are_not_all_losses(tmp_path: Path) -> None:
    read = table(tmp_path, "id,Issue,Ville\n1,oui,Lyon\n2,non,Metz\n3,peut-être,Brest\n")
    with pytest.raises(ImportRefused, match=r"2 outcomes.*peut-être \(1\).*--lost"):
        preview(read, plan(read))
    assert preview(read, plan(read, open_="Issue=peut-être")).lost == 1
    assert preview(read, plan(read, lost="Issue=non,peut-être")).lost == 2


def test_an_open_value_that_never_occurs_stops_it(tmp_path: Path) -> None:
    read = table(tmp_path)
    with pytest.raises(ImportRefused, match="No row is open"):
        preview(read, plan(read, open_="Attente=oui"))


def test_a_key_that_names_many_leads_stops_it(tmp_path: Path) -> None:
    rows = "".join(f"{n},{'oui' if n % 2 else 'non'},BTP\n" for n in range(8))
    read = table(tmp_path, "id,Issue,Secteur\n" + rows)
    with pytest.raises(ImportRefused, match="--key"):
        preview(read, plan(read, key="Secteur"))
