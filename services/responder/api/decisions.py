"""Decisions on drafts, each a named person's."""

from typing import Annotated, Any, Literal
from uuid import UUID

import psycopg
from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from psycopg_pool import PoolTimeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema

from services.responder import answering, bulk, decisions, going_out
from services.responder.api.drafts import DraftPath, read_draft
from services.responder.api.refusals import refusals
from services.responder.decisions import Decider
from services.responder.settings import ResponderSettings
from shared.http import Problem, answer, named_person, requires, unavailable, validation_problem
from shared.postgres import Pool
from shared.text import Text


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


def register(api: APIBlueprint, pool: Pool, settings: ResponderSettings) -> None:
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
            return answer(read_draft(connection, path.draft_id, settings) | kept)

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
                draft = read_draft(connection, approval.draft_id, settings)
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
            return answer(read_draft(connection, path.draft_id, settings))

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
            return answer(read_draft(connection, path.draft_id, settings))

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
            return answer(read_draft(connection, path.draft_id, settings))
