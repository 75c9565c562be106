"""The responder over HTTP: drafts to decide on, and the knowledge they are made from."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import psycopg
from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from psycopg_pool import PoolTimeout
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from services.responder import answering, bulk, decisions, going_out, search, store
from services.responder.decisions import Decider
from services.responder.language import Language
from services.responder.retrieval import add_passage, search_passages
from services.responder.settings import ResponderSettings
from services.responder.slots import InvalidTemplate, check_template
from services.responder.views import draft_view, passage_view
from shared.http import (
    Problem,
    answer,
    cursor_values,
    named_person,
    principal,
    requires,
    unavailable,
    validation_problem,
)
from shared.paging import page
from shared.postgres import Connection, Pool
from shared.text import Text

Kind = Literal["template", "reply", "document"]
Status = Literal["waiting", "no_source", "stale", "approved", "rejected", "sent", "failed"]


class DraftPath(BaseModel):
    draft_id: UUID


class DraftsQuery(BaseModel):
    status: Status | Literal["open"] | None = Field(None, description="open: waiting or no_source")
    language: Language | None = None
    lead_id: UUID | None = None
    recallable: bool = Field(False, description="only approvals that did not go out yet")
    sure: bool = Field(
        False, description="only those that may be approved together; a page may then be shorter than `limit`"
    )
    limit: int = Field(50, ge=1, le=200)
    cursor: str | None = None


class Approval(BaseModel):
    """What may be sent, exactly, and the SHA-256 of its canonical JSON."""

    model_config = ConfigDict(extra="forbid")

    version: int = Field(ge=1)
    channel: Literal["email"]
    sender: Text = Field(max_length=320)
    recipients: list[Text] = Field(max_length=50)
    subject: Text = Field(max_length=998)
    body: Text = Field(max_length=100_000)
    attachments: list[Any] = Field(default_factory=list, max_length=50)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class SeenApproval(Approval):
    """An approval of a draft as it was proposed."""

    draft_id: UUID


class Approvals(BaseModel):
    """Each is read on its own, so that one that is wrong costs the others nothing."""

    approvals: list[Annotated[Any, WithJsonSchema(SeenApproval.model_json_schema())]] = Field(
        min_length=1, max_length=50
    )


class Recall(BaseModel):
    version: int = Field(ge=1)


class OneApproval(Approval):
    """`keep`: an edited text may become a reply of the house, without anything of the lead; `keep_as`: its
    title. Neither is of what is hashed."""

    keep: bool = True
    keep_as: Text | None = Field(None, min_length=1, max_length=200)


class Rejection(BaseModel):
    """`kind`: the wrong answer is not proposed again for the same words."""

    version: int = Field(ge=1)
    reason: Text | None = Field(None, max_length=2000)
    kind: Literal["wrong_answer", "no_reply_needed", "other"] | None = None


class Choice(BaseModel):
    version: int = Field(ge=1)
    passage_id: UUID


class KnowledgeQuery(BaseModel):
    q: str | None = Field(None, max_length=300, description="words to look for, in files too")
    kind: Kind | None = None
    language: Language | None = None
    limit: int = Field(200, ge=1, le=500)
    cursor: str | None = None


class PassagePath(BaseModel):
    passage_id: UUID


class NewPassage(BaseModel):
    """One piece of text; a file goes to /v1/documents."""

    kind: Kind
    language: Language
    title: Text = Field(min_length=1, max_length=200)
    body: Text = Field(min_length=1, max_length=4000)
    intent: Text | None = Field(None, max_length=100)

    @field_validator("body")
    @classmethod
    def _is_usable(cls, body: str, known: ValidationInfo) -> str:
        if known.data.get("kind") != "document":
            try:
                check_template(body)
            except InvalidTemplate as error:
                raise ValueError(str(error)) from error
        return body


class NewKnowledge(BaseModel):
    """One passage, or `passages`."""

    passages: list[NewPassage] = Field(min_length=1, max_length=500)

    @model_validator(mode="before")
    @classmethod
    def one_or_many(cls, value: Any) -> Any:
        if isinstance(value, dict) and "passages" not in value:
            return {"passages": [value]}
        return value


def create_blueprint(pool: Pool, settings: ResponderSettings) -> APIBlueprint:
    api = APIBlueprint("responder", __name__, url_prefix="/v1")

    @api.get("/drafts")
    @requires("drafts:read")
    def drafts(query: DraftsQuery) -> Response:
        """Drafts, the newest first."""
        with pool.connection() as connection:
            rows = store.find_drafts(
                connection,
                status=query.status,
                language=query.language,
                lead_id=query.lead_id,
                recallable=query.recallable,
                min_confidence=settings.bulk_confidence if query.sure else None,
                before=_before(query.cursor),
                count=query.limit + 1,
            )
        shown, next_cursor = page(rows, query.limit, lambda row: (row["created_at"], row["draft_id"]))
        reader, sure_from = principal().user_name, settings.bulk_confidence
        views = [draft_view(row, reader, sure_from) for row in shown]
        drafts = [view for view in views if not query.sure or not view["doubts"]]
        return answer({"drafts": drafts, "next_cursor": next_cursor})

    @api.get("/drafts/<draft_id>")
    @requires("drafts:read")
    def draft(path: DraftPath) -> Response:
        """One draft, the message that it answers, and the source of each sentence."""
        with pool.connection() as connection:
            return answer(_draft(connection, path.draft_id, settings))

    @api.post("/drafts/<draft_id>/approve")
    @requires("drafts:decide")
    def approve(path: DraftPath, body: OneApproval) -> Response:
        """Approve exactly this content, as a named person. It will be sent once, as it stands here; until
        `sends_at` it can be taken back."""
        by = Decider(*named_person())
        said = body.model_dump(exclude={"sha256", "keep", "keep_as"})
        content = said | {"draft_id": str(path.draft_id)}
        with pool.connection() as connection, refusals():
            kept = decisions.approve(
                connection,
                path.draft_id,
                content,
                body.sha256,
                by,
                house_name=settings.company_name,
                wait_s=settings.recall_s,
                keep=body.keep,
                keep_as=body.keep_as,
            )
            return answer(_draft(connection, path.draft_id, settings) | kept)

    @api.post("/drafts/approvals")
    @requires("drafts:decide")
    def approve_together(body: Approvals) -> Response:
        """Approve up to 50 sure drafts as they were proposed, as a named person who saw each whole. Each is
        decided on its own; its outcome stands at its place in the answer. `doubts` of a draft says why it may
        only be approved alone."""
        by = Decider(*named_person())
        return answer({"outcomes": [outcome_of(one, by) for one in body.approvals]})

    def outcome_of(sent: Any, by: Decider) -> dict[str, Any]:
        draft_id = sent.get("draft_id") if isinstance(sent, dict) else None
        try:
            approval = SeenApproval.model_validate(sent)
            content = approval.model_dump(exclude={"sha256"}) | {"draft_id": str(approval.draft_id)}
            with pool.connection() as connection, refusals():
                bulk.approve_as_proposed(
                    connection,
                    approval.draft_id,
                    content,
                    approval.sha256,
                    by,
                    sure_from=settings.bulk_confidence,
                    house_name=settings.company_name,
                    wait_s=settings.recall_bulk_s,
                )
                draft = _draft(connection, approval.draft_id, settings)
        except ValidationError as error:
            problem = validation_problem(error)
        except Problem as error:
            problem = error
        except (psycopg.OperationalError, PoolTimeout):
            problem = unavailable("The database does not answer. Read the draft before you approve it again.")
        else:
            return {"draft_id": draft_id, "outcome": "approved", "draft": draft}
        return {"draft_id": draft_id, "outcome": "refused", "problem": problem.body()}

    @api.post("/drafts/<draft_id>/recall")
    @requires("drafts:decide")
    def recall(path: DraftPath, body: Recall) -> Response:
        """Take an approval back before it goes out, as a named person. The draft is open again as its next
        version, and `taken_back` holds what was approved."""
        by = Decider(*named_person())
        with pool.connection() as connection, refusals():
            going_out.take_back(connection, path.draft_id, body.version, by)
            return answer(_draft(connection, path.draft_id, settings))

    @api.post("/drafts/<draft_id>/reject")
    @requires("drafts:decide")
    def reject(path: DraftPath, body: Rejection) -> Response:
        """Reject the draft, as a named person. Nothing is sent."""
        by = Decider(*named_person())
        with pool.connection() as connection, refusals():
            decisions.reject(
                connection,
                path.draft_id,
                body.version,
                by,
                reason=body.reason,
                kind=body.kind,
                demo=settings.demo,
            )
            return answer(_draft(connection, path.draft_id, settings))

    @api.post("/drafts/<draft_id>/answer")
    @requires("drafts:decide")
    def answer_with(path: DraftPath, body: Choice) -> Response:
        """Draft the answer from this passage, chosen by a named person: the draft's next version."""
        by = Decider(*named_person())
        with pool.connection() as connection, refusals():
            answering.answer(
                connection,
                path.draft_id,
                body.version,
                body.passage_id,
                by,
                house_name=settings.company_name,
                demo=settings.demo,
            )
            return answer(_draft(connection, path.draft_id, settings))

    @api.get("/knowledge")
    @requires("knowledge:read")
    def knowledge(query: KnowledgeQuery) -> Response:
        """Templates, approved replies and single texts, the newest first; files are at /v1/documents.

        `learnt`: how many passages there are, those of files included, and how many can be found by their
        meaning already (`embedded`).
        """
        with pool.connection() as connection:
            if query.q and query.q.strip():
                rows = search_passages(
                    connection, query.q, kind=query.kind, language=query.language, count=query.limit
                )
            else:
                rows = store.find_passages(
                    connection,
                    kind=query.kind,
                    language=query.language,
                    before=_before(query.cursor),
                    count=query.limit + 1,
                )
            learnt = search.learnt(connection)
        shown, next_cursor = page(rows, query.limit, lambda row: (row["created_at"], row["passage_id"]))
        passages = [passage_view(row) for row in shown]
        return answer({"passages": passages, "next_cursor": next_cursor, "learnt": learnt})

    @api.post("/knowledge")
    @requires("knowledge:write")
    def add_knowledge(body: NewKnowledge) -> Response:
        """Add passages, all or none. One that is there already is answered as it is."""
        with pool.connection() as connection:
            rows = [
                add_passage(connection, created_by=principal().actor, **passage.model_dump())
                for passage in body.passages
            ]
        return answer({"passages": [passage_view(row) for row in rows]}, 201)

    @api.delete("/knowledge/<passage_id>")
    @requires("knowledge:write")
    def retire_passage(path: PassagePath) -> Response:
        """Quote a passage no more. One of a document goes with its document."""
        with pool.connection() as connection:
            if not store.retire_passage(connection, path.passage_id, by=principal().actor):
                raise Problem(404, "No such passage", "GET /v1/knowledge lists them.")
        return answer({"passage_id": path.passage_id, "retired": True})

    return api


@contextmanager
def refusals() -> Iterator[None]:
    """Why a decision was not taken, as answers; nothing was changed then."""
    try:
        yield
    except decisions.UnknownDraft as error:
        raise Problem(404, "No such draft") from error
    except decisions.Superseded as error:
        raise Problem(
            409,
            "They wrote again",
            "The lead wrote again since this was drafted. Nothing was changed: read the newer message, then "
            "decide on its draft.",
            status_now="stale",
            superseded_by=str(error.newer),
        ) from error
    except bulk.NotSure as error:
        raise Problem(
            422,
            "Not to be approved together with others",
            f"Read it and decide on it alone: {', '.join(error.doubts)}.",
            doubts=error.doubts,
        ) from error
    except going_out.NotApproved as error:
        raise Problem(
            409,
            "Nothing to take back",
            f"This draft is {error.status}: nothing goes out.",
            status_now=error.status,
        ) from error
    except going_out.AlreadyOut as error:
        raise Problem(
            409,
            "Too late to take back",
            "The reply is on its way or has arrived. Nothing was changed: write to them again.",
            status_now=error.status,
        ) from error
    except decisions.AlreadyDecided as error:
        raise Problem(
            409,
            "Already decided",
            f"This draft is {error.status}. Nothing was changed.",
            status_now=error.status,
        ) from error
    except decisions.OtherVersion as error:
        raise Problem(
            409, "The draft has changed", "Read it again, then decide.", current_version=error.current
        ) from error
    except decisions.HashDiffers as error:
        raise Problem(
            409,
            "Not the text that was read",
            "The content received has another SHA-256 than the one given with it. Nothing was approved: "
            "read the draft again.",
            computed_sha256=error.computed,
        ) from error
    except answering.NotUsable as error:
        raise Problem(
            422, "Not to be answered with", f"{error} Nothing was changed: choose another passage."
        ) from error
    except decisions.NotSendable as error:
        raise Problem(
            422,
            "Not ready to be sent",
            "; ".join(f"{field}: {advice}" for field, advice in error.problems),
            errors=[{"field": field, "error": advice} for field, advice in error.problems],
        ) from error


def _draft(connection: Connection, draft_id: UUID, settings: ResponderSettings) -> dict[str, Any]:
    rows = store.find_drafts(connection, draft_id=draft_id)
    if not rows:
        raise Problem(404, "No such draft")
    return draft_view(rows[0], principal().user_name, settings.bulk_confidence)


def _before(cursor: str | None) -> tuple[datetime | None, UUID | None]:
    moment, row_id = cursor_values(cursor, datetime.fromisoformat, UUID)
    return moment, row_id
