"""CSV files as they come, and what is said of those that are not."""

import tracemalloc

import pytest

from shared.tabular import TableError, parse_scalar, read_rows


def written(tmp_path, content, name="leads.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiter_is_found(tmp_path, delimiter):
    path = written(tmp_path, "name|won\nA|1\n".replace("|", delimiter))
    table = read_rows(path)
    assert table.delimiter == delimiter
    assert list(table.rows()) == [{"name": "A", "won": "1"}]


def test_semicolons_win_over_french_decimals(tmp_path):
    table = read_rows(written(tmp_path, "nom;prix\nA;1,5\nB;2,5\n"))
    assert next(table.rows()) == {"nom": "A", "prix": "1,5"}


def test_windows_text_is_read_and_said(tmp_path):
    table = read_rows(written(tmp_path, "société;gagné\nÉlan;oui\n".encode("cp1252")))
    assert table.encoding == "cp1252"
    assert list(table.rows()) == [{"société": "Élan", "gagné": "oui"}]


def test_byte_order_mark_is_not_part_of_the_first_name(tmp_path):
    table = read_rows(written(tmp_path, b"\xef\xbb\xbfname,won\nA,1\n"))
    assert (table.encoding, table.columns) == ("utf-8-sig", ("name", "won"))


def test_quoted_line_breaks_and_blank_lines_are_fine(tmp_path):
    table = read_rows(written(tmp_path, 'name,note\nA,"one\ntwo"\n\nB,three\n'))
    assert [row["note"] for row in table.rows()] == ["one\ntwo", "three"]
    assert table.count() == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04\x00\x00", 'Save it as "CSV UTF-8"'),
        (b"just a letter\nto somebody\n", "does not look like a CSV file"),
        (b"name,won,name\nA,1,B\n", 'several columns named "name"'),
        (b'name,won\n"A,1\nB,0\n', "never closed"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_what_to_do(tmp_path, content, said):
    with pytest.raises(TableError, match=said):
        read_rows(written(tmp_path, content)).count()


def test_an_absent_file_is_said(tmp_path):
    with pytest.raises(TableError, match="There is no file"):
        read_rows(tmp_path / "nowhere.csv")


def test_a_ragged_row_is_named_by_its_line(tmp_path):
    table = read_rows(written(tmp_path, "a,b\n1,2\n1,2,3\n"))
    with pytest.raises(TableError, match=r"Line 3 .* has 3 fields, the header has 2"):
        table.count()


def test_a_late_stray_byte_is_found_before_the_first_row(tmp_path):
    path = written(tmp_path, b"a,b\n" + b"x,1\n" * 400_000 + b"\xe9,2\n")
    assert read_rows(path).encoding == "cp1252"


def test_a_file_over_the_limit_is_refused_before_it_is_read(tmp_path):
    with pytest.raises(TableError, match="Split it"):
        read_rows(written(tmp_path, "a,b\n" + "1,2\n" * 100), max_bytes=100)


def test_memory_does_not_grow_with_the_file(tmp_path):
    path = written(tmp_path, "a,b,c\n" + "some text,12,more text\n" * 400_000)
    tracemalloc.start()
    try:
        assert read_rows(path).count() == 400_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < path.stat().st_size


def test_an_unknown_column_comes_with_those_like_it(tmp_path):
    table = read_rows(written(tmp_path, "Converted,City\n1,Lyon\n"))
    with pytest.raises(TableError, match='no column "converted"\\. Did you mean: Converted\\?'):
        table.require(["converted"])
    with pytest.raises(TableError, match="Its columns are: Converted, City"):
        table.require(["zzz"])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((text, None) for text in ("", "  ", "Select", "select", "N/A", "null", "-")),
        ("12", 12), ("-3", -3), ("0", 0), ("3.5", 3.5), ("1.234", 1.234),
        ("1 234,56", 1234.56), ("1\u202f234", 1234), ("12\u00a0000,5", 12000.5), ("12,5", 12.5),
        ("0,125", 0.125), ("1234,567", 1234.567), ("1,234.50", 1234.5), ("1,234,567", 1234567),
        ("1,234", "1,234"), ("01000", "01000"), ("+33612345678", "+33612345678"),
        ("06 12 34 56 78", "06 12 34 56 78"), ("1234567890123456", "1234567890123456"),
        ("12 %", "12 %"), ("3e5", "3e5"), ("inf", "inf"), ("٣", "٣"), ("²", "²"),
        ("Yes", "Yes"), ("Non", "Non"), ("TRUE", True), ("faux", False), ("  Lyon ", "Lyon"),
    ],
)  # fmt: skip
def test_a_cell_is_a_number_only_when_there_is_one_way_to_read_it(text, value):
    parsed = parse_scalar(text)
    assert parsed == value
    assert type(parsed) is type(value)
