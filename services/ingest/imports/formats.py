"""Numbers and dates as a column writes them: decided from all of its values, asked when several fit. Pure."""

import re
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final, Literal, get_args

from babel.dates import get_month_names
from babel.numbers import get_decimal_symbol, get_group_symbol
from dateutil import parser

DateOrder = Literal["dmy", "mdy"]
_ORDERS: Final[tuple[DateOrder, ...]] = get_args(DateOrder)
NumberFormat = Literal["fr", "de", "en", "de_CH"]
NUMBER_FORMATS: Final[tuple[NumberFormat, ...]] = get_args(NumberFormat)
NUMBER_EXAMPLES: Final[dict[NumberFormat, str]] = {
    "fr": "1 234,56",
    "de": "1.234,56",
    "en": "1,234.56",
    "de_CH": "1’234.56",
}

_SPACES = " \u00a0\u202f"
_CURRENCY = re.compile(r"^(?:€|\$|£|CHF|EUR|USD)?\s*(.*?)\s*(?:€|\$|£|CHF|EUR|USD|HT|TTC|%)?$", re.IGNORECASE)
_NUMERIC_DATE = re.compile(
    r"(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4}|\d{2})"
    r"(?:,?[ T]+(?:à )?(\d{1,2})[:h](\d{2})(?::(\d{2})(?:\.\d+)?)?(?:\s*([AaPp])\.?[Mm]\.?)?)?"
)
_YEAR_FIRST = re.compile(r"(\d{4})[/.](\d{1,2})[/.](\d{1,2})")
_SERIAL = re.compile(r"\d{5}(?:[.,]\d+)?")
_WORDED = re.compile(r"[^\W\d_]{3,}")
_EXCEL_EPOCH = datetime(1899, 12, 30, tzinfo=UTC)
_SERIALS = (20_000, 80_000)  # 1954 to 2119
_PIVOT = 69  # two digits, as POSIX reads them: 69 is 1969, 68 is 2068


def read_number(text: str, form: NumberFormat) -> float | None:
    """`text` as `form` writes numbers, currency or percent sign apart; None when it does not fit."""
    found = _CURRENCY.match(text.strip())
    plain = found[1] if found else text
    pattern, group, decimal = _number_pattern(form)
    if not pattern.fullmatch(plain):
        return None
    digits = plain.translate(dict.fromkeys(map(ord, group))).replace(decimal, ".").replace("−", "-")
    return float(digits)


@cache
def _number_pattern(form: NumberFormat) -> tuple[re.Pattern[str], str, str]:
    """(whole pattern, what to drop, decimal mark) of a locale, as the CLDR has it."""
    group, decimal = get_group_symbol(form), get_decimal_symbol(form)
    groups = _SPACES if group in _SPACES else "’'" if group == "’" else group
    between, mark = re.escape(groups), re.escape(decimal)
    return (
        re.compile(rf"[-−+]?(?:\d{{1,3}}(?:[{between}]\d{{3}})+|\d{{1,15}})(?:{mark}\d+)?"),
        groups,
        decimal,
    )


def number_formats(values: Collection[str]) -> list[NumberFormat]:
    """The formats under which every value is a number; of those that read all alike, one."""
    readings: dict[tuple[float, ...], NumberFormat] = {}
    for form in NUMBER_FORMATS:
        read = [read_number(value, form) for value in values]
        if values and None not in read:
            readings.setdefault(tuple(number for number in read if number is not None), form)
    return list(readings.values())


def read_date(text: str, order: DateOrder | None) -> datetime | None:
    """A moment, UTC when no zone is named: ISO 8601, year first, day and month by `order`, an Excel serial,
    or with the month in words, French or English. None when it is none of these."""
    text = text.strip()
    if numeric := _NUMERIC_DATE.fullmatch(text):
        return _numeric_date(numeric, order) if order else None
    if year_first := _YEAR_FIRST.match(text):
        text = "{}-{:0>2}-{:0>2}".format(*year_first.groups()) + text[year_first.end() :]
    if _SERIAL.fullmatch(text):
        days = float(text.replace(",", "."))
        return _EXCEL_EPOCH + timedelta(days=days) if _SERIALS[0] <= days <= _SERIALS[1] else None
    try:
        # 20260331 is a date in ISO 8601 and a number everywhere else.
        found = datetime.fromisoformat(text) if not text.isdigit() else None
    except ValueError:
        found = _worded_date(text)
    if found is None:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _numeric_date(found: re.Match[str], order: DateOrder) -> datetime | None:
    first, second, year, hour, minute, second_of_minute, half = found.groups()
    day, month = (first, second) if order == "dmy" else (second, first)
    full_year = int(year) if len(year) == 4 else int(year) + (2000 if int(year) < _PIVOT else 1900)
    hours = int(hour or 0)
    if half:
        hours = hours % 12 + (12 if half in "pP" else 0)
    try:
        return datetime(
            full_year, int(month), int(day), hours, int(minute or 0), int(second_of_minute or 0), tzinfo=UTC
        )
    except ValueError:
        return None


def _worded_date(text: str) -> datetime | None:
    if not _WORDED.search(text) or len(text) > 60:
        return None
    try:
        found = parser.parse(text, parserinfo=_months(), dayfirst=True, default=datetime(1, 1, 1))  # noqa: DTZ001
    except (ValueError, OverflowError):
        return None
    return found if found.year > 1 else None  # a day without its year


@cache
def _months() -> parser.parserinfo:
    class FrenchAndEnglish(parser.parserinfo):
        MONTHS = [  # noqa: RUF012 - dateutil's own way
            tuple(
                sorted(
                    {
                        name.rstrip(".").lower()
                        for locale in ("fr", "en")
                        for width in ("wide", "abbreviated")
                        for name in [get_month_names(width, locale=locale)[number]]
                    }
                )
            )
            for number in range(1, 13)
        ]
        JUMP = [*parser.parserinfo.JUMP, "le", "à", "er", "lundi", "mardi", "mercredi", "jeudi", "vendredi"]  # noqa: RUF012
        JUMP += ["samedi", "dimanche"]

    return FrenchAndEnglish(dayfirst=True)


def is_date(text: str) -> bool:
    """Whether some order reads it; a bare Excel serial does not count, being any number."""
    if _SERIAL.fullmatch(text.strip()):
        return False
    return read_date(text, "dmy") is not None or read_date(text, "mdy") is not None


def date_orders(values: Iterable[str]) -> set[DateOrder]:
    """The orders under which every numeric date is one: one order decides, two must be asked. None at all
    means that the column contradicts itself. All of ISO or of serials, both fit and neither matters."""
    orders: set[DateOrder] = set(_ORDERS)
    for value in values:
        if numeric := _NUMERIC_DATE.fullmatch(value.strip()):
            fits = {order for order in _ORDERS if _numeric_date(numeric, order)}
            # 31/02 is no date either way: it says nothing of the others, and its own row is refused.
            orders &= fits or orders
            if not orders:
                break
    return orders


def order_matters(value: str) -> bool:
    """Whether the two orders read `value` as two different moments."""
    numeric = _NUMERIC_DATE.fullmatch(value.strip())
    if numeric is None:
        return False
    return _numeric_date(numeric, "dmy") != _numeric_date(numeric, "mdy")
