"""The services' answers, as the pages read them. Unknown fields pass; a missing optional one is a state."""

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

UNDECIDED = frozenset({"waiting", "no_source"})


class Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())


class Reason(Answer):
    """`contribution` is in log-odds: positive speaks for the lead, negative against."""

    code: str
    contribution: float
    text: str = ""


class NextAction(Answer):
    code: str
    text: str = ""


class DraftMark(Answer):
    draft_id: str
    status: str

    @property
    def undecided(self) -> bool:
        return self.status in UNDECIDED


class ExpectedValue(Answer):
    """What the place in the queue follows from; `text` is the formula with its numbers."""

    value: float
    assumed: bool = False
    text: str = ""


class NamedLead(Answer):
    lead_id: str
    name: str | None = None
    company: str | None = None
    email: str | None = None


class LeadRow(NamedLead):
    status: str = "open"
    probability: float | None = None
    grade: str | None = None
    unscored_reason: str | None = None
    trend: str | None = None
    reasons: list[Reason] = []
    next_action: NextAction | None = None
    draft: DraftMark | None = None
    message_waiting: bool = False
    last_activity_at: datetime | None = None
    owner: str | None = None
    source: str | None = None
    expected_value: ExpectedValue | None = None


class Score(Answer):
    version: int | None = None
    as_of: datetime | None = None
    model_version: str | None = None
    log_odds: float | None = None
    base_log_odds: float | None = None
    all_reasons: list[Reason] = []


class ExternalId(Answer):
    source: str
    subject: str


class Word(Answer):
    """What a source says of a field."""

    value: Any = None
    source: str = ""
    anonymous: bool = False
    said_at: datetime


class FieldWords(Word):
    field: str
    others: list[Word] = []


class Identity(Answer):
    identity_id: int
    source: str
    kind: str
    events: int = 0
    value: str | None = None


class Regrouping(Answer):
    regrouping_id: str
    kind: str
    rule: str | None = None
    decided_name: str | None = None
    decided_at: datetime
    undone_at: datetime | None = None


class Lead(LeadRow):
    phone: str | None = None
    fields: list[FieldWords] = []
    identities: list[Identity] = []
    merged_from: list[str] = []
    regroupings: list[Regrouping] = []
    attributes: dict[str, Any] = {}
    external_ids: list[ExternalId] = []
    score: Score | None = None
    created_at: datetime | None = None


class Evidence(Answer):
    code: str
    text: str = ""


class Suspect(LeadRow):
    phone: str | None = None
    attributes: dict[str, Any] = {}
    created_at: datetime | None = None


class Duplicate(Answer):
    """Two leads that may be one; `differs` names the fields in which they do."""

    duplicate_id: str
    score: float = 0
    why: list[Evidence] = []
    leads: tuple[Suspect, Suspect]
    differs: list[str] = []

    @property
    def attribute_names(self) -> list[str]:
        return sorted(self.leads[0].attributes.keys() | self.leads[1].attributes.keys())


class Duplicates(Answer):
    duplicates: list[Duplicate]
    next_cursor: str | None = None
    waiting: int = 0


class Done(Answer):
    """What a decision on who is who answers."""

    regrouping_id: str | None = None
    new_lead_id: str | None = None


class QueueModel(Answer):
    version: str | None = None


class Queue(Answer):
    leads: list[LeadRow]
    next_cursor: str | None = None
    counts: dict[str, int] = {}
    model: QueueModel = QueueModel()


class Event(Answer):
    source: str
    id: str
    type: str
    occurred_at: datetime
    known_at: datetime | None = None
    data: dict[str, Any] = {}


class Timeline(Answer):
    events: list[Event] = []
    next_cursor: str | None = None


class Status(Answer):
    events_waiting: int = 0
    leads_open: int = 0
    leads_total: int = 0
    leads_won: int = 0
    leads_lost: int = 0
    model_version: str | None = None


class Figure(Answer):
    """One measure of a model, with the interval it lies in."""

    value: float
    interval: tuple[float, float] | None = None


class Model(Answer):
    model_version: str
    kind: str = ""
    published: bool = False
    created_at: datetime | None = None
    published_at: datetime | None = None
    card: dict[str, Any] = {}


class Publication(Answer):
    model_version: str
    published_at: datetime
    published_by: str = ""
    comment: str = ""


class Refusal(Answer):
    """That the model published last does not load; `serving` scores meanwhile, None: nobody is scored."""

    version: str
    since: datetime
    serving: str | None = None


class Models(Answer):
    models: list[Model] = []
    publications: list[Publication] = []
    refused: Refusal | None = None


class Owner(Answer):
    """Who answers for a field; `of` says whether of the field itself or of its whole source."""

    name: str
    email: str | None = None
    of: str = "field"


class QualitySource(Answer):
    source: str
    records: int = 0
    events: int = 0
    received_at: datetime | None = None
    usual_silence_h: int | None = None
    silent_since: datetime | None = None
    owner: Owner | None = None


class Finding(Answer):
    code: str
    source: str
    field: str | None = None
    text: str
    todo: str = ""
    since: datetime | None = None
    leads: int | None = None
    cost: float | None = None
    weight: float = 0.0
    owner: Owner | None = None


class QualityField(Answer):
    """`completeness` is a share of the source's `records`; `cost` the fall of the AUC without the field."""

    source: str
    field: str
    field_name: str
    records: int = 0
    missing: int = 0
    completeness: float | None = None
    invalid: int = 0
    conflicts: int = 0
    last_at: datetime | None = None
    cost: float | None = None
    owner: Owner | None = None


class Quality(Answer):
    as_of: datetime | None = None
    pending: int = 0
    costs_known: bool = False
    sources: list[QualitySource] = []
    findings: list[Finding] = []
    findings_total: int = 0
    fields: list[QualityField] = []
    fields_total: int = 0
    next_cursor: str | None = None


class Check(Answer):
    """One thing looked at before a training; not `passed` when None: not known."""

    code: str
    level: str
    name: str
    todo: str = ""
    passed: bool | None = None
    found: float | None = None
    least: float | None = None
    most: float | None = None


class Verdict(Answer):
    go: bool
    checks: list[Check] = []


class Owners(Answer):
    """All of them; the pages read each where it applies."""


class SentenceSource(Answer):
    kind: str
    passage_id: str | None = None
    title: str | None = None
    quote: str | None = None


class Sentence(Answer):
    text: str
    source: SentenceSource | None = None


class Message(Answer):
    text: str | None = None
    subject: str | None = None
    occurred_at: datetime | None = None


class EarlierMessage(Message):
    """`held_back`: what had been approved when they wrote again."""

    held_back: str | None = None


class WrittenReply(Answer):
    sender: str = ""
    recipients: list[str] = []
    subject: str = ""
    body: str = ""


class DraftLead(Answer):
    """The lead as it was when they wrote."""

    name: str | None = None
    company: str | None = None
    grade: str | None = None


class TakenBack(Answer):
    """An approval that did not go out, and who took it back."""

    by: str
    at: datetime
    content: WrittenReply
    kept_as: str | None = None


class Near(Answer):
    """A passage that comes close to what was asked; `confidence` where it is known."""

    passage_id: str
    kind: str
    language: str
    title: str
    body: str = ""
    confidence: float | None = None


class Draft(Answer):
    draft_id: str
    version: int
    lead_id: str
    status: str
    reason: str | None = None
    language: str | None = None
    channel: str = "email"
    sender: str = ""
    recipients: list[str] = []
    subject: str | None = None
    body: str = ""
    proposed: str | None = None
    sentences: list[Sentence] = []
    gaps: list[str] = []
    confidence: float | None = None
    card: dict[str, list[str]] = {}
    card_labels: dict[str, str] = {}
    rephrased_by: str | None = None
    plain_body: str | None = None
    message: Message | None = None
    earlier: list[EarlierMessage] = []
    superseded_by: str | None = None
    created_at: datetime | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    sends_at: datetime | None = None
    taken_back: TakenBack | None = None
    nearest: list[Near] = []
    chosen_by: str | None = None
    kept: str | None = None
    not_kept: str | None = None
    lead: DraftLead = DraftLead()
    asks: list[str] = []
    doubts: list[str] | None = None

    @property
    def undecided(self) -> bool:
        return self.status in UNDECIDED

    @property
    def sure(self) -> bool:
        """Whether it may be approved together with others."""
        return self.doubts == []

    @property
    def asks_several(self) -> bool:
        return len(self.asks) > 1 or bool(self.earlier)


class Drafts(Answer):
    drafts: list[Draft] = Field(default_factory=list)
    next_cursor: str | None = None


class ValueGroup(Answer):
    """What became of the drafts of one group; None where nothing was counted, or it is withheld."""

    group: str | None = None
    messages: int = 0
    drafted: int = 0
    approved: int = 0
    rejected: int = 0
    overtaken: int = 0
    open: int = 0
    people: int = 0
    withheld: bool = False
    first_reply_median_h: float | None = None
    first_reply_p90_h: float | None = None
    unedited: float | None = None
    words_changed: float | None = None
    minutes_given_back: float | None = None


class Value(Answer):
    since: datetime
    until: datetime
    assumed: dict[str, float] = {}
    groups: list[ValueGroup] = []


class Consultation(Answer):
    """`held_on` None: what was recorded before no longer holds."""

    held_on: date | None = None
    note: str = ""
    recorded_at: datetime
    recorded_by: str = ""


class Consultations(Answer):
    consultations: list[Consultation] = []


class Problem(Answer):
    status: int
    title: str = ""
    detail: str = ""
    superseded_by: str | None = None


class Outcome(Answer):
    """What became of one of several approvals; `problem` when it was refused."""

    draft_id: str
    draft: Draft | None = None
    problem: Problem | None = None


class Outcomes(Answer):
    outcomes: list[Outcome]


class Tuning(Answer):
    """What approvals taught; figures, from decisions it had not seen, once it is done."""

    tuning_id: str
    status: str
    asked_at: datetime
    asked_by: str = ""
    in_use: bool = False
    used_since: datetime | None = None
    used_by: str | None = None
    comment: str | None = None
    examples: int = 0
    replies: int = 0
    needed: int = 0
    held_out: int = 0
    top1_before: float | None = None
    top1_after: float | None = None
    better: bool = False


class Tunings(Answer):
    tunings: list[Tuning] = []


class UsedTuning(Answer):
    tuning_id: str | None = None


class Document(Answer):
    """A file of the house; `embedded` of its `passages` can be found already."""

    document_id: str
    name: str
    version: int
    language: str
    passages: int
    embedded: int
    valid_until: date | None = None
    expired: bool
    created_at: datetime


class Documents(Answer):
    documents: list[Document]
    next_cursor: str | None = None


class Passage(Answer):
    passage_id: str
    kind: str
    language: str
    title: str
    body: str


class Learnt(Answer):
    """Of all passages, how many can be found by their meaning."""

    passages: int = 0
    embedded: int = 0


class Knowledge(Answer):
    passages: list[Passage]
    learnt: Learnt = Field(default_factory=Learnt)
    next_cursor: str | None = None


class HouseStyle(Answer):
    """How replies sound; version 0 is what is shipped."""

    version: int
    created_at: datetime | None = None
    created_name: str | None = None
    style: dict[str, Any]


class Letter(Answer):
    body: str


class DocumentDetail(Answer):
    document: Document
    passages: list[Passage]


class AddedDocument(Answer):
    document: Document
    changed: bool


class Detected(Answer):
    """How a file was read."""

    columns: list[str] = []
    encoding: str = ""
    sheet: str | None = None


class ProposedColumn(Answer):
    name: str
    examples: list[str] = []
    date_order: str | None = None
    values: dict[str, int] = {}
    may_tell_outcome: bool = False


class ColumnDoubt(Answer):
    column: str
    about: str


class Proposed(Answer):
    """What the columns seem to be, and what must be asked. Empty once the file is no longer kept."""

    columns: list[ProposedColumn] = []
    mapping: dict[str, Any] = {}
    doubts: list[ColumnDoubt] = []
    confirmed_before: bool = False


class RowError(Answer):
    row: int
    reason: str


class ImportReport(Answer):
    """What a file would do, or did."""

    rows: int = 0
    won: int = 0
    lost: int = 0
    open: int = 0
    repeated: int = 0
    refused: int = 0
    events: int = 0
    errors: list[RowError] = []
    problems: list[str] = []


class ImportProgress(Answer):
    rows_done: int = 0
    rows_total: int | None = None
    rows_per_s: float | None = None
    eta_s: int | None = None


class Import(Answer):
    import_id: str
    file_name: str
    source: str
    status: str
    mapping: dict[str, Any] | None = None
    report: ImportReport | None = None
    error: str | None = None
    accepted: int = 0
    refused: int = 0
    repeated: int = 0
    known: int = 0
    changed: int = 0
    received_at: datetime
    progress: ImportProgress = ImportProgress()
    file_kept: bool = True
    detected: Detected = Detected()
    proposed: Proposed = Proposed()


class Imports(Answer):
    imports: list[Import]


class Activity(Answer):
    """What came through the webhooks of a source of late."""

    accepted: int = 0
    refused: int = 0
    last_at: datetime | None = None


class Pull(Answer):
    """The last run of a query."""

    finished_at: datetime | None = None
    rows: int | None = None
    refused: int | None = None
    error: str | None = None


class SourceRow(Answer):
    """A source and how it is doing; an optional part that is missing is not known."""

    name: str
    kind: str
    connector: str | None = None
    version: int = 0
    address: str | None = None
    secrets_valid: int = 0
    secrets_unreadable: int = 0
    secrets_in_settings: int = 0
    makes_secrets: bool = False
    activity: Activity | None = None
    pull: Pull | None = None

    @property
    def in_use(self) -> bool:
        return self.version > 0 or self.secrets_valid > 0

    @property
    def accepted(self) -> int:
        if self.pull:
            return (self.pull.rows or 0) - self.refused
        return self.activity.accepted if self.activity else 0

    @property
    def refused(self) -> int:
        if self.pull:
            return self.pull.refused or 0
        return self.activity.refused if self.activity else 0

    @property
    def last_at(self) -> datetime | None:
        return self.pull.finished_at if self.pull else self.activity.last_at if self.activity else None


class Sources(Answer):
    sources: list[SourceRow]
    activity_days: int = 7


class SourceSecret(Answer):
    secret_id: str
    made_at: datetime
    made_by: str


class SourceVersion(Answer):
    version: int
    made_at: datetime
    made_by: str


class SourceDetail(SourceRow):
    definition: str
    sample: str | None = None
    content_type: str = "application/json"
    versions: list[SourceVersion] = []
    secrets: list[SourceSecret] = []


class SourceTrial(Answer):
    """What a sample would become: events of the contract, and why the rest would make none."""

    events: list[dict[str, Any]] = []
    events_made: int = 0
    refused: list[str] = []


class SavedSource(Answer):
    name: str
    version: int
    secret: str | None = None


class MadeSecret(Answer):
    secret: str | None = None
