"""What a source without code is: a strict model, and its refusals pointed at the line."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from services.ingest.connectors import CONNECTORS
from services.ingest.sources.document import Document, InvalidDocument
from services.ingest.sources.expressions import checked
from shared.contracts.events import EVENT_TYPES

NAME_PATTERN: Final = r"[a-z0-9][a-z0-9._-]{0,62}"
MAX_FIELDS: Final = 100
IGNORE, REFUSE = "ignore", "refuse"


def _event_type(name: str) -> str:
    if name in EVENT_TYPES:
        return name
    close = difflib.get_close_matches(name, sorted(EVENT_TYPES), n=2, cutoff=0.5) or sorted(EVENT_TYPES)
    raise ValueError(f"not an event type of the contract; did you mean {', '.join(close)}?")


def _type_or_ignore(name: str) -> str:
    return name if name == IGNORE else _event_type(name)


def _type_or_word(name: str) -> str:
    return name if name == REFUSE else _type_or_ignore(name)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError) as error:
        raise ValueError("not a time zone: write it as Europe/Paris") from error
    return name


def _time_format(text: str) -> str:
    if text in ("iso", "epoch_s", "epoch_ms"):
        return text
    if "%" not in text:
        raise ValueError("write iso, epoch_s, epoch_ms, or a pattern as %d/%m/%Y %H:%M")
    try:
        datetime.strptime(datetime(2026, 3, 14, 9, 26).strftime(text), text)  # noqa: DTZ001, DTZ007
    except (ValueError, re.error) as error:
        raise ValueError("not a pattern of a date and time: write it as %d/%m/%Y %H:%M") from error
    return text


Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Expression = Annotated[str, StringConstraints(min_length=1), AfterValidator(checked)]
Fields = Annotated[dict[Text, Expression], Field(max_length=MAX_FIELDS)]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$", to_lower=True)]
SourceName = Annotated[str, StringConstraints(pattern=f"^{NAME_PATTERN}$")]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InAddress(Strict):
    """The secret is a parameter of the address: for senders that can sign nothing."""

    scheme: Literal["address"]
    parameter: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")] = "secret"


class Basic(Strict):
    """HTTP basic authentication; the secret is "user:password"."""

    scheme: Literal["basic"]


class InHeader(Strict):
    """The secret is the value of a header, after `prefix`."""

    scheme: Literal["header"]
    header: HeaderName
    prefix: Annotated[str, StringConstraints(max_length=40, strip_whitespace=False)] = ""


class Timestamp(Strict):
    """When the call was signed. What is signed is then the timestamp, `joined_by` and the body."""

    header: HeaderName
    part: Text | None = None
    unit: Literal["s", "ms"] = "s"
    tolerance_s: Annotated[int, Field(ge=1, le=3600)] = 300
    joined_by: Annotated[str, StringConstraints(max_length=5, strip_whitespace=False)] = "."


class Hmac(Strict):
    """An HMAC of the body, or of timestamp and body, in a header.

    With `part`, the header is a list as `t=…,v1=…` and the signature is the value of that name.
    """

    scheme: Literal["hmac"]
    header: HeaderName
    digest: Literal["sha1", "sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: Annotated[str, StringConstraints(max_length=40, strip_whitespace=False)] = ""
    part: Text | None = None
    timestamp: Timestamp | None = None


class StandardWebhooks(Strict):
    """https://www.standardwebhooks.com"""

    scheme: Literal["standard"]


Signature = Annotated[InAddress | Basic | InHeader | Hmac | StandardWebhooks, Field(discriminator="scheme")]


class EventType(Strict):
    """The value at `path` looked up in `table`, else `otherwise`. A text alone is the type of every event."""

    path: Expression | None = None
    table: Annotated[
        dict[Text, Annotated[str, AfterValidator(_type_or_ignore)]], Field(max_length=MAX_FIELDS)
    ] = {}
    otherwise: Annotated[str, AfterValidator(_type_or_word)] = REFUSE

    @model_validator(mode="before")
    @classmethod
    def _constant(cls, value: Any) -> Any:
        return {"otherwise": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _whole(self) -> "EventType":
        if self.path is None and (self.table or self.otherwise == REFUSE):
            raise ValueError("add `path`, where the kind of event stands, and a `table` of what it may be")
        return self


class Moment(Strict):
    """A text alone is the path of a time with an offset. `zone` is that of times without one."""

    path: Expression
    format: Annotated[str, AfterValidator(_time_format)] = "iso"
    zone: Annotated[str, AfterValidator(_zone)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value


class EventFields(Strict):
    """`id` tells an event from another, else its whole content does; `time` is else that of receipt."""

    type: EventType
    id: Expression | None = None
    time: Moment | None = None
    subject: Expression | None = None


class LeadFields(Strict):
    """`everything_else` takes each scalar that no other field names as an attribute, but for `leave_out`."""

    email: Expression | None = None
    phone: Expression | None = None
    name: Expression | None = None
    company: Expression | None = None
    external_ids: Fields = {}
    attributes: Fields = {}
    everything_else: bool = False
    leave_out: Annotated[list[Text], Field(max_length=MAX_FIELDS)] = []


class _Named(Strict):
    name: SourceName
    description: Annotated[str, StringConstraints(max_length=500)] = ""

    @model_validator(mode="after")
    def _not_a_connectors(self) -> "_Named":
        if self.name in CONNECTORS and getattr(self, "connector", None) != self.name:
            raise ValueError(f"{self.name!r} is the connector's own name: choose another for this source")
        return self


class Mapped(_Named):
    """What is mapped by expressions: on each of `items`, else on the whole body."""

    items: Expression | None = None
    event: EventFields
    lead: LeadFields = LeadFields()
    data: Fields = {}


class WebhookSource(Mapped):
    """Calls that come to /v1/webhooks/<name>."""

    kind: Literal["webhook"]
    signature: Signature


class Query(Strict):
    """A read-only query with `:since`, which each run sets to the last value of the column `cursor`."""

    query: Annotated[str, StringConstraints(min_length=1, max_length=10_000, strip_whitespace=True)]
    cursor: Text
    start: Text = "1970-01-01T00:00:00+00:00"
    every_minutes: Annotated[int, Field(ge=1, le=1440)] = 15
    overlap_s: Annotated[int, Field(ge=0, le=86_400)] = 60
    rows: Annotated[int, Field(ge=1, le=5_000)] = 1_000
    timeout_s: Annotated[int, Field(ge=1, le=300)] = 30

    @model_validator(mode="after")
    def _reads(self) -> "Query":
        words = self.query.rstrip("; \n")
        if not re.match(r"(select|with)\b", words, re.IGNORECASE) or ";" in words:
            raise ValueError("query: one SELECT (or WITH … SELECT), without a semicolon within")
        if not re.search(r"(?<![:\w]):since\b", words):
            raise ValueError(
                "query: add `WHERE <cursor> > :since ORDER BY <cursor>`, so that each row is read once"
            )
        return self


class SqlSource(Mapped):
    """Rows that a query finds, every so often."""

    kind: Literal["sql"]
    sql: Query


class ConnectorSource(_Named):
    """A vendor's connector under a name of its own: a second HubSpot portal."""

    kind: Literal["connector"]
    connector: Literal[tuple(CONNECTORS)]  # type: ignore[valid-type]


Definition = WebhookSource | SqlSource | ConnectorSource
_ADAPTER: TypeAdapter[Definition] = TypeAdapter(Annotated[Definition, Field(discriminator="kind")])


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to mend: at `field`, which stands on `line` (from 1) when it stands anywhere."""

    line: int | None
    field: str
    error: str


class InvalidDefinition(ValueError):
    """`faults` says what to mend, in the order of the document."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"line {one.line}, {one.field}: {one.error}" for one in faults))
        self.faults = faults


def read_definition(text: str) -> Definition:
    """The source that a YAML (or JSON) document defines. Raises InvalidDefinition."""
    try:
        document = Document(text)
    except InvalidDocument as error:
        raise InvalidDefinition([Fault(error.line, "", str(error))]) from error
    try:
        return _ADAPTER.validate_python(document.value)
    except ValidationError as error:
        faults = list(_faults(error, document))
    raise InvalidDefinition(sorted(faults, key=lambda one: (one.line is None, one.line)))


def _faults(error: ValidationError, document: Document) -> Iterator[Fault]:
    for issue in error.errors(include_url=False, include_input=False):
        path = list(issue["loc"])
        if issue["type"].startswith("union_tag"):
            path.append(issue["ctx"]["discriminator"].strip("'"))
        yield Fault(
            document.line(path),
            ".".join(_written(path, document.value, issue["type"])),
            _in_words(issue, path),
        )


def _written(path: list[str | int], value: Any, kind: str) -> Iterator[str]:
    """The steps that stand in the document, and a last one that is missing there; a union's tag is none."""
    for position, step in enumerate(path):
        within = range(len(value)) if isinstance(value, list) else value if isinstance(value, dict) else ()
        if step in within:
            value = value[step]
        elif position < len(path) - 1 or kind not in ("missing", "union_tag_not_found"):
            continue
        yield str(step)


def _in_words(issue: Any, path: list[str | int]) -> str:
    expected = issue.get("ctx", {})
    match issue["type"]:
        case "extra_forbidden":
            close = difflib.get_close_matches(str(path[-1]), sorted(_KNOWN_FIELDS), n=1, cutoff=0.6)
            return "not a field here" + (f"; did you mean {close[0]}?" if close else ": take it out")
        case "missing" | "union_tag_not_found":
            return "missing: add it"
        case "union_tag_invalid":
            return f"must be one of {expected['expected_tags'].replace(chr(39), '')}"
        case "value_error":
            return str(expected["error"])
        case "string_pattern_mismatch" if path[-1] == "name":
            return "small letters, digits, dots, dashes and underscores only, as intranet-crm"
        case "dict_type" | "model_type" | "model_attributes_type":
            return "fields of its own belong here, one a line, indented"
        case "string_type":
            return "one text belongs here"
        case _:
            return str(issue["msg"])


def _models(root: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in root.__subclasses__():
        yield model
        yield from _models(model)


_KNOWN_FIELDS = {name for model in _models(Strict) for name in model.model_fields}
