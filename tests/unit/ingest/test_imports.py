"""A company's export becomes events; what is unclear stops the import before anything is sent."""

import csv
import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.imports import errors_file, formats, spreadsheets
from services.ingest.imports.checking import Report, check
from services.ingest.imports.choices import chosen, parse_condition, still_in_doubt
from services.ingest.imports.headings import folded, likely_roles
from services.ingest.imports.mapping import ImportRefused, Mapping
from services.ingest.imports.proposing import propose
from services.ingest.imports.rows import RowReader
from shared.contracts.events import validate_event
from shared.tabular import Table, TableError, open_table

KNOWN_AT = datetime(2026, 3, 1, tzinfo=UTC)
NOW = datetime(2026, 3, 2, tzinfo=UTC)
# Without a zone, as a spreadsheet's cells are.
FIRST_DAY, LAST_DAY, DATED = (datetime(*day) for day in ((1970, 1, 1), (2060, 12, 31), (2026, 1, 2)))  # noqa: DTZ001
CSV = """Lead Number,E-mail,Société,Secteur,Visites,Issue,Attente
1,a@example.fr,Pompes SA,BTP,3,oui,
2,b@example.fr,,Select,"1 234,5",non,
3,c@example.fr,Vannes,Eau,0,non,x
"""


def table(tmp_path: Path, text: str = CSV, encoding: str = "utf-8") -> Table:
    path = tmp_path / "export.csv"
    path.write_bytes(text.encode(encoding))
    return open_table(path)


def mapped(read: Table, **options: Any) -> Mapping:
    proposed = propose(read).mapping("import:export")
    return Mapping.model_validate(chosen(proposed, **{"outcome": "Issue=oui", **options}))


def checked(read: Table, mapping: Mapping, validate: bool = True) -> Report:
    return check(read, mapping, KNOWN_AT, NOW, validate=validate)


def events(read: Table, mapping: Mapping) -> list[dict[str, Any]]:
    reader = RowReader(mapping, read.columns, KNOWN_AT)
    rows = [reader.read(record) for _, record in read.records()]
    return [statement.event for row in rows for statement in reader.statements(row)]


def roles(text: str, tmp_path: Path) -> dict[str, str]:
    return {column.name: column.role for column in propose(table(tmp_path, text)).columns}


def test_rows_become_valid_events_with_their_outcome(tmp_path: Path) -> None:
    read = table(tmp_path)
    made = events(read, mapped(read, open_="Attente=x"))
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
    assert made == events(read, mapped(read, open_="Attente=x"))


def test_what_tells_the_outcome_is_never_an_attribute(tmp_path: Path) -> None:
    mapping = mapped(table(tmp_path), open_="Attente=x", exclude=["Secteur"])
    assert mapping.attributes == ["Visites"]
    assert mapping.column_of("key") == "Lead Number"


def test_a_column_left_out_is_left_out_wherever_its_name_stands(tmp_path: Path) -> None:
    read = table(tmp_path, "id,Motif,Motif,Issue\n1,a,b,oui\n2,c,d,non\n")
    assert mapped(read, exclude=["Motif"]).attributes == []


def test_a_row_without_key_is_known_by_its_content(tmp_path: Path) -> None:
    read = table(tmp_path, "Nom,Ville,Issue\nA,Lyon,oui\nA,Lyon,oui\nB,Lyon,non\n")
    report = checked(read, mapped(read))
    assert (report.repeated, report.events) == (1, 4)


def test_a_quick_check_finds_the_same_problems_without_making_events(tmp_path: Path) -> None:
    read = table(tmp_path)
    whole, quick = (checked(read, mapped(read, open_="Attente=x"), validate) for validate in (True, False))
    assert (whole.rows, whole.won, whole.lost, whole.open, whole.events) == (3, 1, 1, 1, 5)
    assert (quick.won, quick.lost, quick.open, quick.events, quick.problems) == (1, 1, 1, 5, [])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"outcome": "Issue=peut-être"}, "never occurs.*oui"),
        ({"lost": "Issue=perdu"}, r"2 rows have an outcome.*non \(2\)"),
        ({"open_": "Attente=oui"}, "No row is open"),
    ],
)
def test_an_unclear_outcome_stops_it_with_the_values(tmp_path: Path, options: Any, message: str) -> None:
    read = table(tmp_path)
    (problem,) = checked(read, mapped(read, **options)).problems
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(problem)


def test_an_empty_outcome_is_no_loss(tmp_path: Path) -> None:
    read = table(tmp_path, CSV.replace("0,non,x", "0,,"))
    (problem,) = checked(read, mapped(read)).problems
    assert "(empty) (1)" in problem
    assert checked(read, mapped(read, open_="Issue=")).open == 1


def test_several_other_outcomes_are_not_all_losses(tmp_path: Path) -> None:
    read = table(tmp_path, "id,Issue,Ville\n1,oui,Lyon\n2,non,Metz\n3,peut-être,Brest\n")
    (problem,) = checked(read, mapped(read)).problems
    assert "2 outcomes" in problem
    assert checked(read, mapped(read, open_="Issue=peut-être")).lost == 1
    assert checked(read, mapped(read, lost="Issue=non,peut-être")).lost == 2


def test_closing_dates_on_some_outcomes_only_would_tell_the_outcome(tmp_path: Path) -> None:
    rows = "1,Lyon,oui,21/02/2025,24/03/2025\n2,Metz,non,21/02/2025,\n"
    read = table(tmp_path, "id,Ville,Issue,Début,Fin\n" + rows)
    dated = {"created": "Début", "closed": "Fin", "maps": ["Début=dmy", "Fin=dmy"]}
    assert "1 rows have no date" in checked(read, mapped(read, **dated)).problems[0]
    assert checked(read, mapped(read, open_="Issue=non", **dated)).problems == []


def test_a_key_that_names_many_leads_stops_it(tmp_path: Path) -> None:
    rows = "".join(f"{n},{'oui' if n % 2 else 'non'},BTP\n" for n in range(8))
    read = table(tmp_path, "id,Issue,Secteur\n" + rows)
    assert "--key" in checked(read, mapped(read, key="Secteur")).problems[-1]


def test_a_bad_row_costs_no_other(tmp_path: Path) -> None:
    read = table(tmp_path, "id,Ville,Issue,Créé le\n1,Lyon,oui,21/02/2025\n2,Metz\n3,Brest,non,hier\n")
    report = checked(read, mapped(read, maps=["Créé le=created:dmy"]))
    assert (report.won, report.refused, [error["row"] for error in report.errors]) == (1, 2, [2, 3])


def test_a_header_alone_is_nothing_to_import(tmp_path: Path) -> None:
    read = table(tmp_path, CSV.splitlines()[0] + "\n")
    assert "nothing to import" in checked(read, mapped(read)).problems[0]


@pytest.mark.parametrize(
    "option", [{"exclude": ["Sectuer"]}, {"outcome": "Sectuer=1"}, {"maps": ["Sectuer=key"]}]
)
def test_an_unknown_column_is_named_with_those_that_look_like_it(tmp_path: Path, option: Any) -> None:
    with pytest.raises(ImportRefused, match="Did you mean: Secteur"):
        mapped(table(tmp_path), **option)
    with pytest.raises(ImportRefused, match="is not COLUMN=VALUE"):
        parse_condition("Issue")


@pytest.mark.parametrize(
    ("heading", "role"),
    [
        ("Courriel", "email"),
        ("ADRESSE MAIL", "email"),
        ("Société", "company"),
        ("raison_sociale", "company"),
        ("Tél. portable", "phone"),
        ("Date de création", "created"),
        ("Adrese e-mail", "email"),
    ],
)
def test_headings_are_known_in_both_languages_and_with_slips(heading: str, role: str) -> None:
    assert likely_roles(heading)[0][0] == role


def test_values_confirm_or_refuse_what_a_heading_says(tmp_path: Path) -> None:
    rows = "Yes,12,a@example.fr,732829320,Lyon\nNo,13,b@example.fr,552100554,Metz\n"
    text = f"Email,Phone,Contact,SIREN,Ville\n{rows}"
    assert roles(text, tmp_path) == {
        "Email": "attribute",
        "Phone": "attribute",
        "Contact": "email",
        "SIREN": "siren",
        "Ville": "attribute",
    }
    assert roles("Prénom,Nom,Ville\nZoé,Durand,Lyon\n", tmp_path)["Nom"] == "last_name"


def test_a_history_is_recognised_and_each_row_is_one_event(tmp_path: Path) -> None:
    read = table(
        tmp_path,
        "Date;Type d'activité;Courriel;Objet\n"
        "31/01/2026 09:30;Email ouvert;a@example.fr;Devis\n"
        "12/02/2026;Salon Batimat;a@example.fr;\n",
    )
    proposal = propose(read)
    mapping = Mapping.model_validate(proposal.mapping("crm"))
    assert (proposal.kind, mapping.types) == ("events", {"Email ouvert": "crm.email.opened"})
    first, second = events(read, mapping)
    assert (first["type"], first["time"]) == ("crm.email.opened", "2026-01-31T09:30:00+00:00")
    assert (second["type"], second["data"]["activity"]) == ("crm.activity.logged", "Salon Batimat")
    assert checked(read, mapping).events == 2


def test_doubts_are_lines_that_say_what_to_pass(tmp_path: Path) -> None:
    read = table(tmp_path, "id,Créé le,Ville\n1,01/02/2025,Lyon\n2,03/02/2025,Metz\n")
    proposal = propose(read)
    doubts = [{"column": c.name, "about": d.about, "question": d.question, "choices": d.choices}
              for c in proposal.columns for d in c.doubts]  # fmt: skip
    (line,) = still_in_doubt(doubts, proposal.mapping("s"), [])
    assert "--map 'Créé le=dmy' or --map 'Créé le=mdy'" in line
    settled = chosen(proposal.mapping("s"), maps=["Créé le=dmy"])
    assert still_in_doubt(doubts, settled, ["Créé le=dmy"]) == []


def test_the_order_of_dates_is_decided_by_the_whole_file(tmp_path: Path) -> None:
    rows = "".join(f"{n},01/02/2025,Lyon\n" for n in range(3_000))
    read = table(tmp_path, f"id,Créé le,Ville\n{rows}9999,28/02/2025,Metz\n")
    (created,) = [column for column in propose(read).columns if column.role == "created"]
    assert (created.date_order, created.doubts) == ("dmy", ())


def test_a_date_that_cannot_be_costs_its_own_row_only() -> None:
    assert formats.date_orders(["31/02/2025", "28/02/2025", "01/03/2025"]) == {"dmy"}
    assert formats.date_orders(["28/02/2025", "02/28/2025"]) == set()


@given(st.datetimes(min_value=FIRST_DAY, max_value=LAST_DAY))
def test_a_date_written_in_any_known_way_is_read_back(moment: datetime) -> None:
    day = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    written = {"dmy": f"{moment:%d/%m/%Y}", "mdy": f"{moment:%m/%d/%Y}"}
    for order, text in written.items():
        assert formats.read_date(text, order) == day  # type: ignore[arg-type]
    serial = (day - datetime(1899, 12, 30, tzinfo=UTC)).days
    for text in (f"{moment:%Y-%m-%d}", f"{moment:%Y/%m/%d}", str(serial)):
        assert formats.read_date(text, None) == day
    orders = formats.date_orders([written["dmy"]])
    assert "dmy" in orders
    assert (len(orders) == 1) == (moment.day > 12)


@given(st.integers(min_value=-(10**12), max_value=10**12), st.integers(min_value=0, max_value=99))
def test_a_number_written_as_a_country_does_is_read_back(whole: int, cents: int) -> None:
    value = float(f"{whole}.{cents:02}")
    english = f"{whole:,}.{cents:02}"
    swapped = {"en": english, "fr": english.replace(",", " ").replace(".", ",")}
    swapped["de"] = english.replace(",", "x").replace(".", ",").replace("x", ".")
    for narrow in "\u00a0\u202f":
        assert formats.read_number(swapped["fr"].replace(" ", narrow), "fr") == value
    for form, text in swapped.items():
        assert formats.read_number(text, form) == value  # type: ignore[arg-type]
        assert formats.read_number(f"{text} €", form) == value  # type: ignore[arg-type]


@given(
    st.lists(
        st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00")),
        min_size=2,
        max_size=2,
    )
)
def test_a_cell_given_back_runs_nothing_and_reads_as_it_was(cells: list[str]) -> None:
    for cell in cells:
        assert not errors_file.escaped(cell).startswith(("=", "+", "-", "@", "\t", "\r"))
        assert errors_file.unescaped(errors_file.escaped(cell)) == cell
    row = {"fields": cells, "row_key": "k", "reason": "=r"}
    text = "".join(errors_file.write(["a", "b"], [row])).removeprefix("\ufeff")
    _, back = csv.reader(io.StringIO(text, newline=""))
    assert list(map(errors_file.unescaped, back)) == [*cells, "k", "=r"]


def workbook(path: Path) -> Path:
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet("Vide")
        sheet = book.add_worksheet("Prospects")
        date = book.add_format({"num_format": "dd/mm/yyyy"})
        sheet.merge_range("A1:D1", "Prospects au 1er mars")
        sheet.write_row(1, 0, ["Réf", "Créé le", "Note", "Ville", ""])
        sheet.write_row(2, 0, [1, 45_000])
        sheet.write_datetime(2, 1, DATED, date)
        sheet.write_formula(2, 2, "=1/0", None, "#DIV/0!")
        sheet.merge_range("D3:D4", "Lyon\nFrance")
        sheet.write_row(3, 0, [2.5, "2026-01-03", 7])
    return path


def test_a_workbook_is_read_as_a_table(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx")
    assert spreadsheets.sheet_names(path) == ["Prospects"]
    spreadsheets.convert(path, "Prospects", tmp_path / "sheet.csv")
    read = open_table(tmp_path / "sheet.csv")
    rows = [dict(zip(read.columns, record, strict=False)) for _, record in read.records()]
    assert [row["Réf"] for row in rows] == ["1", "2.5"]
    assert [row["Ville"] for row in rows] == ["Lyon\nFrance"] * 2
    assert rows[0]["Créé le"].startswith("2026-01-02")
    assert rows[0]["Note"] in ("", "#DIV/0!")


@pytest.mark.parametrize("since_1904", [False, True], ids=["1900", "1904"])
def test_dates_formulas_and_hidden_sheets_are_read_as_a_person_sees_them(
    tmp_path: Path, since_1904: bool
) -> None:
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(path, {"date_1904": since_1904}) as book:
        hidden = book.add_worksheet("Calculs")
        for number in range(2):
            hidden.write_row(number, 0, ["a", "b"])
        hidden.hide()
        shown = book.add_worksheet("Prospects")
        shown.activate()
        shown.write_row(0, 0, ["Réf", "Créé le", "Somme", "Clos le"])
        shown.write_datetime(1, 1, DATED, book.add_format({"num_format": "dd/mm/yyyy"}))
        shown.write_formula(1, 2, "=1+1", None, 2)
        shown.write(1, 3, 46_024)  # a date whose cell nobody formatted
    assert spreadsheets.sheet_names(path) == ["Prospects", "Calculs"]
    spreadsheets.convert(path, "Prospects", tmp_path / "sheet.csv")
    assert (tmp_path / "sheet.csv").read_text().splitlines()[1] == ",2026-01-02,2,46024"
    assert formats.read_date("46024", None) == datetime(2026, 1, 2, tzinfo=UTC)


def test_what_no_reader_can_open_says_what_to_do(tmp_path: Path) -> None:
    old = tmp_path / "old.xlsx"
    old.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    with pytest.raises(TableError, match=r"before 2007 \(.xls\), or it is protected by a password"):
        spreadsheets.is_workbook(old)
    whole = workbook(tmp_path / "a.xlsx").read_bytes()
    for name, content in (
        ("cut.xlsx", whole[: len(whole) // 2]),
        ("torn.xlsx", whole[:2_000] + bytes(500) + whole[2_500:]),
        ("letter.xlsx", archive_of({"word/document.xml": b"<w/>"})),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(TableError, match=r"cannot be read as a workbook|no sheet"):
            spreadsheets.sheet_names(tmp_path / name)


def archive_of(entries: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return made.getvalue()


def test_a_bomb_that_says_it_is_small_is_refused_unopened(tmp_path: Path) -> None:
    size = 60_000_000
    content = archive_of({"xl/worksheets/sheet1.xml": bytes(size)})
    assert content.count(size.to_bytes(4, "little")) == 2, "the entry's own header, and the directory's"
    path = tmp_path / "bomb.xlsx"
    path.write_bytes(content.replace(size.to_bytes(4, "little"), (1_000).to_bytes(4, "little")))
    with pytest.raises(TableError, match="unpacks to more than"):
        spreadsheets.sheet_names(path)


def test_a_workbook_that_unpacks_to_gigabytes_is_refused_unopened(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("xl/s.xml", "w", force_zip64=True) as file,
    ):
        for _ in range(450):
            file.write(b"0" * 1_000_000)
    with pytest.raises(TableError, match="unpacks to"):
        spreadsheets.sheet_names(path)


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252", "utf-8-sig"])
def test_titles_and_encodings_do_not_hide_the_header(tmp_path: Path, encoding: str) -> None:
    read = table(tmp_path, "sep=;\nExport du 1er mars\nNom;Ville;;Ville\nÉlan;Lyon;x;Metz\n", encoding)
    assert read.columns == ("Nom", "Ville", "Column 3", "Ville (2)")
    assert [record for _, record in read.records()] == [["Élan", "Lyon", "x", "Metz"]]
    assert folded("Tél. portable") == "tel portable"
