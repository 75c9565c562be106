"""The other services, over HTTP: every call carries a short-lived token that names the person."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from services.console.answers import (
    AddedDocument,
    Answer,
    Consultation,
    Consultations,
    DocumentDetail,
    Documents,
    Done,
    Draft,
    Drafts,
    Duplicates,
    HouseStyle,
    Import,
    Imports,
    Knowledge,
    Lead,
    Letter,
    MadeSecret,
    Models,
    Outcome,
    Outcomes,
    Owners,
    Quality,
    Queue,
    SavedSource,
    SourceDetail,
    Sources,
    SourceTrial,
    Status,
    Timeline,
    Tuning,
    Tunings,
    UsedTuning,
    Value,
    Verdict,
)
from shared.contracts.approval import content_hash

A = TypeVar("A", bound=Answer)

# Connecting on one's own network takes milliseconds: a service that does not accept at once is down.
TIMEOUT = httpx.Timeout(5.0, connect=1.0)
BULK_TIMEOUT = httpx.Timeout(60.0, connect=1.0)
UPLOAD_TIMEOUT = httpx.Timeout(600.0, connect=1.0)


class ServiceError(Exception):
    """A service could not do what was asked; `service` says which."""

    def __init__(self, service: str, detail: str = "") -> None:
        super().__init__(f"{service}: {detail}")
        self.service, self.detail = service, detail


class ServiceDown(ServiceError):
    """It does not answer, or not in a way that can be read."""


class NotAllowed(ServiceError):
    """The person may not do this."""


class NotFound(ServiceError):
    """There is no such thing."""


class Conflict(ServiceError):
    """Someone decided first, or it changed meanwhile."""


class Refused(ServiceError):
    """The call was understood and not accepted; `detail` says why, `fields` what it is about."""

    def __init__(
        self,
        service: str,
        detail: str = "",
        fields: tuple[str, ...] = (),
        problems: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(service, detail)
        self.fields, self.problems = fields, problems

    @property
    def reasons(self) -> Sequence[str]:
        """What is wrong with each field, else what is wrong at all."""
        return [str(one.get("error", "")) for one in self.problems] or [self.detail]


_FATES: Mapping[int, type[ServiceError]] = {401: NotAllowed, 403: NotAllowed, 404: NotFound, 409: Conflict}


@dataclass(frozen=True, slots=True)
class Service:
    """One service, called in the name of one person, answering in one language."""

    name: str
    client: httpx.Client
    token: str
    language: str

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Accept-Language": self.language}

    def get(self, answer: type[A], path: str, **query: str | float | None) -> A:
        return self._call(answer, "GET", path, params={k: v for k, v in query.items() if v is not None})

    def post(
        self, answer: type[A], path: str, body: Mapping[str, Any], *, timeout: httpx.Timeout = TIMEOUT
    ) -> A:
        return self._call(answer, "POST", path, json=body, timeout=timeout)

    def put(self, answer: type[A], path: str, body: Mapping[str, Any]) -> A:
        return self._call(answer, "PUT", path, json=body)

    def delete(self, path: str) -> None:
        self._call(Answer, "DELETE", path)

    def post_raw(self, answer: type[A], path: str, content: bytes, **query: str | None) -> A:
        """Post a payload as it is, of any kind that JSON may be mistaken for."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._call(
            answer, "POST", path, content=content, params=given, sent={"Content-Type": "application/json"}
        )

    def upload(self, answer: type[A], path: str, name: str, file: IO[bytes], **fields: str) -> A:
        """Send a file on, as it is read."""
        said = {field: value for field, value in fields.items() if value}
        return self._call(
            answer, "POST", path, files={"file": (name, file)}, data=said, timeout=UPLOAD_TIMEOUT
        )

    def download(self, path: str) -> Iterator[bytes]:
        """The body of a good answer in pieces. Raises as the others do, before the first."""
        request = self.client.build_request("GET", path, headers=self._headers)
        try:
            response = self.client.send(request, stream=True)
            if not response.is_success:
                response.read()
                raise _failure(self.name, response)
        except httpx.HTTPError as error:
            raise ServiceDown(self.name, type(error).__name__) from error
        return response.iter_bytes()

    def _call(
        self,
        answer: type[A],
        method: str,
        path: str,
        *,
        sent: dict[str, str] | None = None,
        **content: Any,
    ) -> A:
        try:
            response = self.client.request(method, path, headers=self._headers | (sent or {}), **content)
        except httpx.HTTPError as error:
            raise ServiceDown(self.name, type(error).__name__) from error
        if response.is_success:
            try:
                return answer.model_validate_json(response.content)
            except ValidationError as error:
                raise ServiceDown(self.name, "unreadable answer") from error
        raise _failure(self.name, response)


def _failure(service: str, response: httpx.Response) -> ServiceError:
    """What an answer that is not good means."""
    if response.status_code >= 500:
        return ServiceDown(service, str(response.status_code))
    problem = _problem(response)
    detail = str(problem.get("detail") or problem.get("title") or "")
    if fate := _FATES.get(response.status_code):
        return fate(service, detail)
    errors = problem.get("errors") or []
    return Refused(service, detail, tuple(error["field"] for error in errors), errors)


def _problem(response: httpx.Response) -> dict[str, Any]:
    """What a problem+json says, else nothing."""
    try:
        problem = response.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _segment(identifier: str) -> str:
    return quote(identifier, safe="")


@dataclass(frozen=True, slots=True)
class Scoring:
    service: Service

    def queue(self, *, grade: str | None = None, limit: int, cursor: str | None = None) -> Queue:
        return self.service.get(Queue, "/v1/queue", grade=grade, limit=limit, cursor=cursor)

    def lead(self, lead_id: str) -> Lead:
        return self.service.get(Lead, f"/v1/leads/{_segment(lead_id)}")

    def timeline(self, lead_id: str, *, limit: int, cursor: str | None = None) -> Timeline:
        return self.service.get(
            Timeline, f"/v1/leads/{_segment(lead_id)}/timeline", limit=limit, cursor=cursor
        )

    def duplicates(self, *, limit: int, cursor: str | None = None) -> Duplicates:
        return self.service.get(Duplicates, "/v1/duplicates", limit=limit, cursor=cursor)

    def merge_duplicate(self, duplicate_id: str, survivor_id: str) -> Done:
        path = f"/v1/duplicates/{_segment(duplicate_id)}/merge"
        return self.service.post(Done, path, {"survivor_id": survivor_id})

    def settle_duplicate(self, duplicate_id: str, decision: str) -> Done:
        """`decision`: dismiss or reopen."""
        return self.service.post(Done, f"/v1/duplicates/{_segment(duplicate_id)}/{decision}", {})

    def split(self, lead_id: str, identities: list[int]) -> Done:
        return self.service.post(Done, f"/v1/leads/{_segment(lead_id)}/split", {"identity_ids": identities})

    def undo_regrouping(self, regrouping_id: str) -> Done:
        return self.service.post(Done, f"/v1/regroupings/{_segment(regrouping_id)}/undo", {})

    def models(self) -> Models:
        return self.service.get(Models, "/v1/models")

    def publish_model(self, model_version: str, comment: str) -> Done:
        return self.service.post(Done, f"/v1/models/{_segment(model_version)}/publish", {"comment": comment})

    def status(self) -> Status:
        return self.service.get(Status, "/v1/status")

    def quality(self, **query: str | int | None) -> Quality:
        return self.service.get(Quality, "/v1/quality", **query)

    def verdict(self) -> Verdict:
        return self.service.get(Verdict, "/v1/quality/verdict")

    def set_owner(self, *, source: str, field: str | None, name: str, email: str | None) -> None:
        body = {"source": source, "field": field, "name": name, "email": email}
        self.service.put(Owners, "/v1/owners", body)


@dataclass(frozen=True, slots=True)
class Responder:
    service: Service

    def drafts(self, *, limit: int = 50, **query: str | float | None) -> list[Draft]:
        return self.drafts_page(limit=limit, **query).drafts

    def drafts_page(self, *, limit: int, **query: str | float | None) -> Drafts:
        return self.service.get(Drafts, "/v1/drafts", limit=limit, **query)

    def draft(self, draft_id: str) -> Draft:
        return self.service.get(Draft, f"/v1/drafts/{_segment(draft_id)}")

    def approve(self, content: Mapping[str, Any], *, keep: bool, keep_as: str | None) -> Draft:
        """Approve exactly `content` (the fields of shared.contracts.approval), tied to it by its hash.

        `keep`: what was written may become a reply of the house, under the title `keep_as`.
        """
        body = {name: value for name, value in content.items() if name != "draft_id"}
        path = f"/v1/drafts/{_segment(content['draft_id'])}/approve"
        kept = {"keep": keep, "keep_as": keep_as}
        return self.service.post(Draft, path, {**body, "sha256": content_hash(content), **kept})

    def reject(self, draft_id: str, *, version: int, reason: str | None, kind: str | None) -> Draft:
        path = f"/v1/drafts/{_segment(draft_id)}/reject"
        return self.service.post(Draft, path, {"version": version, "reason": reason, "kind": kind})

    def answer_with(self, draft_id: str, *, version: int, passage_id: str) -> Draft:
        path = f"/v1/drafts/{_segment(draft_id)}/answer"
        return self.service.post(Draft, path, {"version": version, "passage_id": passage_id})

    def search_knowledge(self, words: str, *, language: str | None, limit: int) -> Knowledge:
        return self.service.get(Knowledge, "/v1/knowledge", q=words, language=language, limit=limit)

    def approve_together(self, shown: Sequence[tuple[Mapping[str, Any], str]]) -> list[Outcome]:
        """Approve contents as they stood on the page, each with the hash that it had there."""
        approvals = [{**content, "sha256": sha256} for content, sha256 in shown]
        body = {"approvals": approvals}
        return self.service.post(Outcomes, "/v1/drafts/approvals", body, timeout=BULK_TIMEOUT).outcomes

    def take_back(self, draft_id: str, *, version: int) -> Draft:
        return self.service.post(Draft, f"/v1/drafts/{_segment(draft_id)}/recall", {"version": version})

    def tunings(self) -> list[Tuning]:
        """What was learnt from approvals, the newest first."""
        return self.service.get(Tunings, "/v1/tunings").tunings

    def ask_tuning(self) -> None:
        self.service.post(UsedTuning, "/v1/tunings", {})

    def use_tuning(self, tuning_id: str | None, *, comment: str) -> None:
        """Use one that was learnt from the next message on, or none."""
        self.service.post(UsedTuning, "/v1/tunings/use", {"tuning_id": tuning_id, "comment": comment})

    def value(self, *, since: str, by: str | None = None, mine: bool = False) -> Value:
        """What drafts gave back since then: of everyone, by group, or one's own."""
        return self.service.get(Value, "/v1/value/mine" if mine else "/v1/value", since=since, by=by)

    def consultations(self) -> list[Consultation]:
        """What was recorded of consulting the staff, the newest first."""
        return self.service.get(Consultations, "/v1/consultations").consultations

    def record_consultation(self, *, held_on: str | None, note: str) -> Consultation:
        return self.service.post(Consultation, "/v1/consultations", {"held_on": held_on, "note": note})

    def documents(self, *, limit: int, cursor: str | None) -> Documents:
        return self.service.get(Documents, "/v1/documents", limit=limit, cursor=cursor)

    def document(self, document_id: str) -> DocumentDetail:
        return self.service.get(DocumentDetail, f"/v1/documents/{_segment(document_id)}")

    def add_document(self, name: str, file: IO[bytes], *, valid_until: str) -> AddedDocument:
        return self.service.upload(AddedDocument, "/v1/documents", name, file, valid_until=valid_until)

    def knowledge(self, *, limit: int, cursor: str | None) -> Knowledge:
        """Replies and single texts; those of documents come with their document."""
        return self.service.get(Knowledge, "/v1/knowledge", limit=limit, cursor=cursor)

    def add_reply(self, *, title: str, language: str, body: str) -> Knowledge:
        reply = {"kind": "template", "title": title, "language": language, "body": body}
        return self.service.post(Knowledge, "/v1/knowledge", reply)

    def style(self) -> HouseStyle:
        return self.service.get(HouseStyle, "/v1/style")

    def change_style(self, style: Mapping[str, Any], *, on_top_of: int) -> HouseStyle:
        return self.service.put(HouseStyle, "/v1/style", {"on_top_of": on_top_of, "style": style})

    def style_example(self, style: Mapping[str, Any], *, language: str, grade: str, stage: str) -> Letter:
        """A letter to an invented lead; an empty grade or stage is one that is not known."""
        lead = {"language": language, "grade": grade or None, "stage": stage or None}
        return self.service.post(Letter, "/v1/style/example", {"style": style} | lead)

    def retire(self, kind: str, knowledge_id: str) -> None:
        """Quote a passage (`kind` "knowledge") or a document ("documents") no more."""
        self.service.delete(f"/v1/{kind}/{_segment(knowledge_id)}")


@dataclass(frozen=True, slots=True)
class Ingest:
    service: Service

    def imports(self, *, limit: int) -> Imports:
        return self.service.get(Imports, "/v1/imports", limit=limit)

    def read_import(self, import_id: str) -> Import:
        return self.service.get(Import, f"/v1/imports/{_segment(import_id)}")

    def upload(self, name: str, file: IO[bytes], *, source: str) -> Import:
        return self.service.upload(Import, "/v1/imports", name, file, source=source)

    def check_import(self, import_id: str, mapping: Mapping[str, Any]) -> Import:
        return self.service.post(Import, f"/v1/imports/{_segment(import_id)}/dry-run", mapping)

    def start_import(self, import_id: str, mapping: Mapping[str, Any]) -> Import:
        return self.service.post(Import, f"/v1/imports/{_segment(import_id)}/start", mapping)

    def cancel_import(self, import_id: str) -> Import:
        return self.service.post(Import, f"/v1/imports/{_segment(import_id)}/cancel", {})

    def import_errors(self, import_id: str) -> Iterator[bytes]:
        return self.service.download(f"/v1/imports/{_segment(import_id)}/errors.csv")

    def sources(self) -> Sources:
        return self.service.get(Sources, "/v1/sources")

    def source(self, name: str) -> SourceDetail:
        return self.service.get(SourceDetail, f"/v1/sources/{_segment(name)}")

    def try_source(self, draft: Mapping[str, Any]) -> SourceTrial:
        return self.service.post(SourceTrial, "/v1/sources/try", draft)

    def save_source(self, name: str, draft: Mapping[str, Any]) -> SavedSource:
        return self.service.put(SavedSource, f"/v1/sources/{_segment(name)}", draft)

    def restore_source(self, name: str, version: int) -> None:
        self.service.post(Answer, f"/v1/sources/{_segment(name)}/versions/{version}/restore", {})

    def remove_source(self, name: str) -> None:
        self.service.delete(f"/v1/sources/{_segment(name)}")

    def add_source_secret(self, name: str, secret: str | None) -> MadeSecret:
        return self.service.post(MadeSecret, f"/v1/sources/{_segment(name)}/secrets", {"secret": secret})

    def revoke_source_secret(self, name: str, secret_id: str) -> None:
        self.service.delete(f"/v1/sources/{_segment(name)}/secrets/{_segment(secret_id)}")


class Connections:
    """One connection pool a service; made once per process."""

    def __init__(self, *, ingest_url: str, scoring_url: str, responder_url: str) -> None:
        self._ingest = httpx.Client(base_url=ingest_url, timeout=TIMEOUT, trust_env=False)
        self._scoring = httpx.Client(base_url=scoring_url, timeout=TIMEOUT, trust_env=False)
        self._responder = httpx.Client(base_url=responder_url, timeout=TIMEOUT, trust_env=False)

    def ingest(self, token: str, language: str) -> Ingest:
        return Ingest(Service("ingest", self._ingest, token, language))

    def scoring(self, token: str, language: str) -> Scoring:
        return Scoring(Service("scoring", self._scoring, token, language))

    def responder(self, token: str, language: str) -> Responder:
        return Responder(Service("responder", self._responder, token, language))

    def close(self) -> None:
        self._ingest.close()
        self._scoring.close()
        self._responder.close()
