"""What is shown of one lead: gathered from two services, either of which may be down."""

from dataclasses import dataclass, field

from flask import request

from services.console import sessions
from services.console.answers import Draft, Lead, Passage, Reason, Timeline
from services.console.composing import Gap, Span, gaps, spans
from services.console.difference import Piece, difference
from services.console.services import NotAllowed, ServiceDown
from services.console.timeline import Told, tell

EVENTS_A_PAGE = 20


@dataclass(frozen=True, slots=True)
class DraftPanel:
    """A draft on the page. `editing` shows the text as fields; `typed` is what a person wrote and keeps;
    `changed`: what they changed in what was proposed; `found`: the texts of the house that have the `words`
    looked for."""

    draft: Draft
    spans: list[Span]
    gaps: list[Gap]
    editing: bool = False
    typed: dict[str, str] | None = None
    problem: str | None = None
    lead: Lead | None = None
    changed: list[Piece] = field(default_factory=list)
    words: str = ""
    found: list[Passage] | None = None


@dataclass(frozen=True, slots=True)
class Detail:
    lead: Lead
    events: list[Told]
    older: str | None
    panel: DraftPanel | None
    down: list[str]

    @property
    def pro(self) -> list[Reason]:
        return [reason for reason in self._reasons if reason.contribution > 0]

    @property
    def con(self) -> list[Reason]:
        return [reason for reason in self._reasons if reason.contribution < 0]

    @property
    def heaviest(self) -> float:
        """The largest weight, which the longest bar stands for."""
        return max((abs(reason.contribution) for reason in self._reasons), default=1.0) or 1.0

    @property
    def _reasons(self) -> list[Reason]:
        reasons = self.lead.score.all_reasons if self.lead.score else []
        return sorted(reasons or self.lead.reasons, key=lambda reason: -abs(reason.contribution))


def panel_of(
    draft: Draft,
    *,
    lead: Lead | None = None,
    editing: bool = False,
    typed: dict[str, str] | None = None,
    problem: str | None = None,
    proposed: bool = False,
) -> DraftPanel:
    """`proposed`: as the machine wrote it, even where a person's words that were taken back are at hand."""
    # Where nothing could be drafted, or nobody stands in a field, there is something to write first.
    to_write = draft.status == "no_source" or not draft.recipients or not draft.sender
    if typed is None and draft.undecided and not proposed:
        typed = _written(draft)
    editing = draft.undecided and (editing or to_write or typed is not None)
    left = [gap for gap in gaps(draft) if typed is None or gap.marker in typed.get("body", "")]
    before, after = draft.proposed, draft.body
    if typed and draft.undecided:
        before, after = draft.body, typed.get("body", "").replace("\r\n", "\n")
    changed = difference(before, after) if before else []
    return DraftPanel(draft, spans(draft), left, editing, typed, problem, lead, changed)


def _written(draft: Draft) -> dict[str, str] | None:
    """What a person had approved and took back, where it is not what is proposed."""
    if draft.taken_back is None:
        return None
    written = draft.taken_back.content
    proposed = (draft.sender, draft.recipients, draft.subject, draft.body)
    if (written.sender, written.recipients, written.subject, written.body) == proposed:
        return None
    return {
        "sender": written.sender,
        "recipients": ", ".join(written.recipients),
        "subject": written.subject,
        "body": written.body,
        "keep_as": draft.taken_back.kept_as or "",
    }


def gather(lead_id: str, *, cursor: str | None = None) -> Detail:
    """Raises ServiceDown, NotFound or NotAllowed when the lead itself cannot be read."""
    scoring, down = sessions.scoring(), []
    lead = scoring.lead(lead_id)
    try:
        timeline = scoring.timeline(lead_id, limit=EVENTS_A_PAGE, cursor=cursor)
    except ServiceDown as error:
        timeline = Timeline()
        down.append(error.service)
    panel = None
    try:
        draft = _draft_of(lead)
        panel = panel_of(draft, lead=lead, editing="edit" in request.args) if draft else None
    except NotAllowed:
        pass  # a role without drafts sees the lead without them
    except ServiceDown as error:
        down.append(error.service)
    return Detail(lead, [tell(event) for event in timeline.events], timeline.next_cursor, panel, down)


def _draft_of(lead: Lead) -> Draft | None:
    """The draft that waits for a person, else the last one."""
    drafts = sessions.responder().drafts(lead_id=lead.lead_id, limit=10)
    found = next((draft for draft in drafts if draft.undecided), drafts[0] if drafts else None)
    if lead.merged_from and lead.draft and (found is None or lead.draft.draft_id != found.draft_id):
        # Written for a record that is part of this lead now; the responder knows it under its own id.
        return sessions.responder().draft(lead.draft.draft_id)
    return found
