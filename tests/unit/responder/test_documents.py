"""Files of the house, as people have them, become passages."""

import io
import zipfile

import docx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from services.responder.documents.chunking import MAX_TITLE_CHARS, TARGET_CHARS, Chunk, chunk
from services.responder.documents.questions import read_questions
from services.responder.documents.reading import DocumentRefused, Section, read

DELAY = "Les pompes en stock partent sous 48 heures."


def pdf(*pages: list[str]) -> bytes:
    """A PDF with these lines on its pages, in a font that every reader has."""
    writer = PdfWriter()
    font = {
        "/Type": "/Font",
        "/Subtype": "/Type1",
        "/BaseFont": "/Helvetica",
        "/Encoding": "/WinAnsiEncoding",
    }
    named = DictionaryObject({NameObject(key): NameObject(value) for key, value in font.items()})
    fonts = DictionaryObject({NameObject("/F1"): named})
    for lines in pages:
        page = writer.add_blank_page(595, 842)
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        stream = DecodedStreamObject()
        shown = b"".join(b"(" + line.encode("cp1252") + b") Tj T*\n" for line in lines)
        stream.set_data(b"BT /F1 12 Tf 14 TL 50 800 Td\n" + shown + b"ET")
        page[NameObject("/Contents")] = stream
    made = io.BytesIO()
    writer.write(made)
    return made.getvalue()


def word() -> bytes:
    document = docx.Document()
    document.add_heading("Livraison", 1)
    document.add_paragraph(DELAY)
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "Franco", "500 €"
    made = io.BytesIO()
    document.save(made)
    return made.getvalue()


def test_headings_say_where_a_paragraph_stands_in_markdown() -> None:
    text = f"# Conditions\n\n## Livraison\n\n{DELAY}\n\n- Franco dès 500 €\n\n## Retours\n\nSous 14 jours."
    assert read("conditions.md", text.encode()) == [
        Section(("Conditions", "Livraison"), (DELAY, "Franco dès 500 €")),
        Section(("Conditions", "Retours"), ("Sous 14 jours.",)),
    ]


def test_a_table_of_markdown_is_read_row_by_row() -> None:
    (section,) = read("prix.md", b"| Ref | Prix |\n| --- | --- |\n| P-12 | 140 |\n")
    assert section.paragraphs == ("Ref Prix", "P-12 140")


def test_nothing_that_runs_is_read_from_a_page() -> None:
    page = (
        "<html><head><title>x</title><style>p{}</style></head><body><script>steal()</script>"
        f"<h2>Livraison</h2><p>{DELAY}<br>Hors  Corse.</p><template>no</template></body></html>"
    )
    assert read("page.html", page.encode()) == [Section(("Livraison",), (f"{DELAY}\nHors Corse.",))]


def test_a_page_nested_ten_thousand_deep_is_read() -> None:
    (section,) = read("deep.html", b"<div>" * 10_000 + DELAY.encode() + b"</div>" * 10_000)
    assert section.paragraphs == (DELAY,)


def test_a_word_document_has_its_headings_and_its_tables() -> None:
    assert read("conditions.docx", word()) == [Section(("Livraison",), (DELAY, "Franco 500 €"))]


def test_lines_that_the_width_of_a_page_cut_are_joined_and_footers_left_out() -> None:
    pages = [
        [
            "Dupont SAS",
            f"Sujet {n} : le délai de livrai-",
            f"son {n} est de deux",
            f"mois {n}.",
            f"page {page}",
        ]
        for page, n in enumerate("abc")
    ]
    paragraphs = [text for section in read("guide.pdf", pdf(*pages)) for text in section.paragraphs]
    assert paragraphs == [f"Sujet {n} : le délai de livraison {n} est de deux mois {n}." for n in "abc"]


@pytest.mark.parametrize(
    ("name", "content", "advice"),
    [
        ("photo.png", b"\x89PNG", "is not read"),
        ("scan.pdf", pdf([]), "text recognised"),
        ("broken.pdf", b"%PDF-1.7 and no more", "damaged"),
        ("broken.docx", b"PK\x03\x04 and no more", "damaged"),
        ("other.docx", b"", "damaged"),
        ("empty.txt", b" \n\n", "No text was found"),
        ("binary.txt", b"\0\1\2\3" * 9, "not a text"),
    ],
)
def test_what_cannot_be_read_says_what_to_do(name: str, content: bytes, advice: str) -> None:
    with pytest.raises(DocumentRefused, match=advice):
        read(name, content)


def test_a_document_that_unpacks_to_gigabytes_is_refused_unopened() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", bytes(150_000_000))
    with pytest.raises(DocumentRefused, match="unpacks"):
        read("bomb.docx", made.getvalue())


def test_a_locked_pdf_says_so() -> None:
    writer = PdfWriter(clone_from=io.BytesIO(pdf([DELAY])))
    writer.encrypt("secret", algorithm="RC4-128")
    made = io.BytesIO()
    writer.write(made)
    with pytest.raises(DocumentRefused, match="password"):
        read("locked.pdf", made.getvalue())


def test_the_windows_encoding_and_utf_16_are_read() -> None:
    for encoded in ("Été : délai".encode("cp1252"), "Été : délai".encode("utf-16")):
        (section,) = read("note.txt", encoded)
        assert section.paragraphs == ("Été : délai",)


@given(st.binary(max_size=300), st.sampled_from([".pdf", ".docx", ".html", ".md", ".txt"]))
def test_any_bytes_are_read_or_refused(content: bytes, ending: str) -> None:
    try:
        sections = read(f"any{ending}", content)
    except DocumentRefused:
        return
    assert all(section.paragraphs for section in sections)


@given(st.lists(st.text(st.sampled_from("ab .\n"), min_size=1, max_size=3000).filter(str.strip), min_size=1))
def test_no_word_is_lost_and_no_passage_is_too_long(paragraphs: list[str]) -> None:
    chunks = chunk("Guide", [Section((), (one,)) for one in dict.fromkeys(paragraphs)])
    assert all(len(one.body) <= TARGET_CHARS for one in chunks)
    written = {"".join(one.split()) for one in paragraphs}
    assert all("".join(one.body.split()) in "".join(written) for one in chunks if len(written) == 1)
    if len(written) == 1:
        assert set("".join("".join(one.body.split()) for one in chunks)) == set("".join(written))


def test_short_paragraphs_of_a_section_stand_together_under_its_headings() -> None:
    chunks = chunk("CGV", [Section(("Conditions", "Livraison"), (DELAY, "Hors Corse."))])
    assert chunks == [Chunk("CGV › Conditions › Livraison", f"{DELAY}\n\nHors Corse.")]


def test_the_innermost_heading_survives_a_title_that_is_too_long() -> None:
    (one,) = chunk("x" * 150, [Section(("y" * 100, "Retours"), (DELAY,))])
    assert one.title.endswith("Retours")
    assert len(one.title) <= MAX_TITLE_CHARS


def test_questions_and_answers_become_replies_whatever_the_delimiter() -> None:
    table = "Question;Réponse\nQuels délais ?;Sous 48 heures, {{ lead.first_name }}.\n;\n"
    assert read_questions("faq.csv", table.encode("cp1252")) == [
        Chunk("Quels délais ?", "Sous 48 heures, {{ lead.first_name }}.")
    ]


@pytest.mark.parametrize(
    ("table", "advice"),
    [
        ("a;b\n1;2\n", "needs a column called question"),
        ("question;answer\n", "no row"),
        ("question;answer\nPrix ?;{{ lead.secret }}\n", "Line 2"),
    ],
)
def test_a_table_that_cannot_answer_says_why(table: str, advice: str) -> None:
    with pytest.raises(DocumentRefused, match=advice):
        read_questions("faq.csv", table.encode())
