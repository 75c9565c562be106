"""A stand-in for the scoring service and the responder: real HTTP on loopback, state in memory."""

import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from shared.auth.verify import PersonTokens
from shared.contracts.approval import content_hash
from tests.unit.console.invented import (
    ACTIONS,
    PASSAGES,
    PEOPLE,
    REASONS,
    draft_id,
    iso,
    lead_id,
    make_draft,
    make_events,
)
from tests.unit.console.invented_quality import make_quality, make_verdict

SECRET = "console-tests-console-tests-console"


def _is_open(draft: dict[str, Any]) -> bool:
    return draft["status"] in ("waiting", "no_source")


def _worth(index: int, language: str) -> dict[str, Any]:
    assumed = index % 2 == 1
    texts = {
        "fr": "31 % de chances × 12 000{} × 0,8 d'urgence = 2 976",
        "en": "31 % chance × 12,000{} × urgency 0.8 = 2,976",
    }
    of = {
        "fr": " (montant supposé : la médiane de « salon »)",
        "en": " (assumed amount: the median of “salon”)",
    }
    return {
        "value": 2976.0,
        "assumed": assumed,
        "text": texts[language].format(of[language] if assumed else ""),
    }


class FakeServices:
    """Both services at one address. Tests change the attributes; `calls` holds what was asked."""

    def __init__(self) -> None:
        self.tokens = PersonTokens(SECRET)
        self.drafts = {
            d["draft_id"]: d for d in (make_draft(0), make_draft(1, gaps=False), make_draft(2, gaps=False))
        }
        self.drafts[draft_id(3)] = make_draft(3, status="no_source")
        self.status = {
            "events_waiting": 1240,
            "leads_open": 14,
            "leads_total": 40,
            "leads_won": 9,
            "leads_lost": 17,
            "model_version": "3f9a1c52d0be",
        }
        self.model: dict[str, Any] = {"version": "3f9a1c52d0be"}
        self.publications: list[dict[str, Any]] = [
            {
                "model_version": "3f9a1c52d0be",
                "published_at": iso(timedelta(days=1)),
                "published_by": "key:installation",
                "comment": "",
            }
        ]
        self.refused_model: dict[str, Any] | None = None
        self.models: list[dict[str, Any]] = [
            {
                "model_version": "3f9a1c52d0be",
                "kind": "xgboost",
                "published": True,
                "created_at": iso(timedelta(days=1)),
                "card": {
                    "rows": 7392,
                    "positives": 2848,
                    "validation": "rolling_origin",
                    "metrics": {
                        "xgboost": {
                            "auc": {"value": 0.884, "interval": [0.871, 0.897]},
                            "lift_at_10": {"value": 2.41, "interval": [2.3, 2.52]},
                            "ece": {"value": 0.012, "interval": [0.008, 0.019]},
                        }
                    },
                },
            },
            {
                "model_version": "9b07c44ee1f2",
                "kind": "logistic",
                "published": False,
                "created_at": iso(timedelta(days=9)),
                "card": {},
            },
        ]
        self.quality: dict[str, Any] = {}
        self.owners: list[dict[str, Any]] = []
        self.duplicates = [
            {"duplicate_id": lead_id(900 + n), "pair": pair, "status": "waiting"}
            for n, pair in enumerate(((0, 3), (4, 6)))
        ]
        self.people = list(PEOPLE)
        self.scored = True
        self.recall_s = 0.0
        self.most_drafts = 200
        self.by_value = False
        """Whether the queue is ordered by expected value."""
        self.sources: dict[str, dict[str, Any]] = {}
        self.down: set[str] = set()
        self.routes: dict[tuple[str, str], tuple[int, Any]] = {}
        """What a test has it answer: (method, path) → (status, body). It comes before everything else."""
        self.calls: list[tuple[str, str, Any]] = []
        self.lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def row(self, index: int, language: str) -> dict[str, Any]:
        name, company, email, grade, probability, trend = self.people[index]
        scored = self.scored and grade is not None
        reasons = [
            {"code": f"code_{n}", "params": {}, "contribution": weight, "text": text}
            for n, (text, weight) in enumerate(REASONS[language])
        ]
        draft = next((d for d in self.drafts.values() if d["lead_id"] == lead_id(index)), None)
        waiting = draft is not None and draft["status"] in ("waiting", "no_source")
        action = "reply" if waiting else "call" if grade in ("A", "B") else "wait"
        return {
            "lead_id": lead_id(index),
            "name": name,
            "company": company,
            "email": email,
            "status": "open",
            "probability": probability if scored else None,
            "grade": grade if scored else None,
            "unscored_reason": None if scored else ("pending" if self.scored else "no_model"),
            "trend": trend,
            "reasons": [reasons[index % 2], reasons[4]] if scored else [],
            "next_action": {"code": action, "text": ACTIONS[language][action]},
            "draft": {"draft_id": draft["draft_id"], "status": draft["status"]} if draft else None,
            "message_waiting": index in (0, 1, 2, 6),
            "last_activity_at": iso(timedelta(hours=20 * index, minutes=12)),
            "owner": None,
            "source": "crm:example",
            "expected_value": _worth(index, language) if self.by_value and scored else None,
            "all_reasons": reasons if scored else [],
        }

    def _publish(self, version: str, body: Any) -> tuple[int, Any]:
        if version == self.publications[0]["model_version"]:
            return 409, {"detail": "It is the current model already."}
        who = {"published_at": iso(timedelta(0)), "published_by": "Léa Martin"}
        self.publications.insert(0, {"model_version": version, **who, **body})
        for model in self.models:
            model["published"] = model["model_version"] == version
        return 200, {"model_version": version, "published": True}

    def answer(  # noqa: PLR0912 - a table of routes
        self, method: str, path: str, query: dict[str, str], body: Any, language: str
    ) -> tuple[int, Any]:
        parts = path.strip("/").split("/")[1:]
        for draft in self.drafts.values():
            if draft.get("sends_at") and draft["sends_at"] <= iso(timedelta(0)):
                draft["sends_at"] = None
        match method, parts:
            case "GET", ["queue"]:
                return 200, self._queue(query, language)
            case "GET", ["status"]:
                return 200, self.status
            case "GET", ["models"]:
                told = {"publications": self.publications, "refused": self.refused_model}
                return 200, {"models": self.models, **told}
            case "POST", ["models", version, "publish"]:
                return self._publish(version, body)
            case "GET", ["quality"]:
                start, limit = int(query.get("cursor", 0)), min(int(query["limit"]), 5)
                return 200, make_quality(language, start, limit, owned=bool(self.owners)) | self.quality
            case "GET", ["quality", "verdict"]:
                won, lost = self.status["leads_won"], self.status["leads_lost"]
                return 200, make_verdict(language, won=won, lost=lost)
            case "PUT", ["owners"]:
                if body["email"] and "@" not in body["email"]:
                    return 422, {"title": "Some fields are not right", "errors": [{"field": "email"}]}
                self.owners.append(body)
                return 200, {"owners": []}
            case "GET", ["leads", known]:
                return self._lead(known, language)
            case "GET", ["leads", known, "timeline"]:
                index = int(known[-12:])
                start, limit = int(query.get("cursor", 0)), min(int(query["limit"]), 6)
                events = make_events(index)
                more = str(start + limit) if start + limit < len(events) else None
                return 200, {"events": events[start : start + limit], "next_cursor": more}
            case "GET", ["drafts"]:
                drafts = [
                    d
                    for d in self.drafts.values()
                    if query.get("status") in (None, d["status"], "open" if _is_open(d) else None)
                    and query.get("language") in (None, d["language"])
                    and query.get("lead_id") in (None, d["lead_id"])
                    and (query.get("sure") != "true" or not d["doubts"])
                    and (query.get("recallable") != "true" or d.get("sends_at"))
                ]
                start, end = int(query.get("cursor", 0)), min(int(query["limit"]), self.most_drafts)
                more = str(start + end) if start + end < len(drafts) else None
                return 200, {"drafts": drafts[start : start + end], "next_cursor": more}
            case "GET", ["knowledge"]:
                words = query.get("q", "").split()
                found = [p for p in PASSAGES if any(word in p["body"] for word in words)]
                return 200, {"passages": found, "next_cursor": None}
            case "GET", ["drafts", known] if known in self.drafts:
                return 200, self.drafts[known]
            case "POST", ["drafts", "approvals"]:
                return 200, {"outcomes": [self._approve_one(one) for one in body["approvals"]]}
            case "POST", ["drafts", known, decision] if known in self.drafts:
                return self._decide(known, decision, body)
        sourced = parts[0] == "sources"
        who_is_who = (method, parts, query, language)
        return self._sources(method, parts[1:], body) if sourced else self._who_is_who(*who_is_who)

    def _sources(self, method: str, rest: list[str], body: Any) -> tuple[int, Any]:
        match method, rest:
            case "GET", []:
                return 200, {"sources": list(self.sources.values()), "activity_days": 7}
            case "GET", [name] if name in self.sources:
                return 200, self.sources[name]
            case ("POST", ["try"]) | ("PUT", [_]) if body["definition"] == "bad":
                fault = {"line": 3, "field": "lead.emial", "error": "not a field here"}
                return 422, {"title": "The definition is not right", "errors": [fault], "status": 422}
            case "POST", ["try"]:
                lead = {"email": "claire@example.fr", "attributes": {"sector": "water"}}
                event = {"type": "crm.form.submitted", "time": iso(timedelta(0)), "data": {"lead": lead}}
                return 200, {"events": [event], "events_made": 1, "refused": []}
            case "PUT", [name]:
                return 200, {"name": name, "version": 3, "secret": "made-by-ingest"}
            case ("POST", [_, "secrets"]):
                return 201, {"secret": "made-by-ingest"}
            case ("POST", [_, "versions", _, "restore"]) | ("DELETE", _):
                return 200, {}
        return 404, {"title": "Not found", "status": 404}

    def _who_is_who(
        self, method: str, parts: list[str], query: dict[str, str], language: str
    ) -> tuple[int, Any]:
        match method, parts:
            case "GET", ["duplicates"]:
                start = int(query.get("cursor", 0))
                waiting = [d for d in self.duplicates if d["status"] == "waiting"]
                more = str(start + 1) if start + 1 < len(waiting) else None
                shown = [self._pair(d, language) for d in waiting[start : start + 1]]
                return 200, {"duplicates": shown, "next_cursor": more, "waiting": len(waiting)}
            case "POST", ["duplicates", known, decision]:
                pair = next(d for d in self.duplicates if d["duplicate_id"] == known)
                if decision != "reopen" and pair["status"] != "waiting":
                    return 409, {"title": "Decided already", "detail": "This pair is merged.", "status": 409}
                pair["status"] = {"merge": "merged", "dismiss": "dismissed", "reopen": "waiting"}[decision]
                return 200, {"regrouping_id": known}
            case "POST", ["regroupings", known, "undo"]:
                for pair in self.duplicates:
                    pair["status"] = "waiting" if pair["duplicate_id"] == known else pair["status"]
                return 200, {"regrouping_id": known}
            case "POST", ["leads", known, "split"]:
                return 200, {"regrouping_id": known, "new_lead_id": lead_id(1)}
        return 404, {"title": "Not found", "status": 404}

    def _pair(self, duplicate: dict[str, Any], language: str) -> dict[str, Any]:
        words = {"fr": ("même nom", "même entreprise"), "en": ("same name", "same company")}[language]
        leads = [
            self.row(index, language)
            | {"phone": "+33 6 39 98 12 34", "created_at": iso(timedelta(days=40 * index + 3))}
            | {"attributes": {"effectif": 80 + index, "secteur": "agroalimentaire"}}
            for index in duplicate["pair"]
        ]
        return {
            "duplicate_id": duplicate["duplicate_id"],
            "score": 0.91,
            "why": [{"code": word, "params": {}, "text": word} for word in words],
            "leads": leads,
            "differs": ["name", "company", "email"],
        }

    def _queue(self, query: dict[str, str], language: str) -> dict[str, Any]:
        rows = [self.row(index, language) for index in range(len(self.people))]
        counts = {"open": len(rows)} | {g: sum(r["grade"] == g for r in rows) for g in "ABCD"}
        counts["unscored"] = sum(r["grade"] is None for r in rows)
        if grade := query.get("grade"):
            rows = [r for r in rows if r["grade"] == (None if grade == "unscored" else grade)]
        start, limit = int(query.get("cursor", 0)), min(int(query["limit"]), 10)
        more = str(start + limit) if start + limit < len(rows) else None
        return {
            "leads": rows[start : start + limit],
            "next_cursor": more,
            "counts": counts,
            "model": self.model,
        }

    def _lead(self, known: str, language: str) -> tuple[int, Any]:
        index = int(known[-12:]) if known[-12:].isdigit() else -1
        if not 0 <= index < len(self.people) or known != lead_id(index):
            return 404, {"title": "No such lead", "status": 404}
        row = self.row(index, language)
        return 200, row | {
            "phone": "+33 6 39 98 12 34",
            "external_ids": [{"source": "crm:example", "subject": f"L-{1000 + index}"}],
            "attributes": {
                "secteur": "agroalimentaire",
                "effectif": 84,
                "région": "Bretagne",
                "exportateur": False,
            },
            "created_at": iso(timedelta(days=400)),
            "fields": [
                {
                    "field": "name",
                    "value": row["name"],
                    "source": "crm:example",
                    "said_at": iso(timedelta(days=30)),
                    "others": [{"value": "C. Martin", "source": "forms", "said_at": iso(timedelta(days=2))}],
                }
            ],
            "identities": [
                {"identity_id": 1, "source": "crm:example", "kind": "subject", "events": 12, "value": "L-7"},
                {"identity_id": 2, "source": "", "kind": "email", "events": 1, "value": row["email"]},
                {"identity_id": 3, "source": "anonymous", "kind": "external_id", "events": 4, "value": None},
            ],
            "regroupings": [
                {
                    "regrouping_id": lead_id(950),
                    "kind": "merge",
                    "decided_name": "Sarah Lebrun",
                    "decided_at": iso(timedelta(hours=3)),
                }
            ],
            "score": {
                "version": 7,
                "as_of": iso(timedelta(minutes=40)),
                "model_version": "3f9a1c52d0be",
                "log_odds": 0.5,
                "base_log_odds": -0.6,
                "all_reasons": row["all_reasons"],
            },
        }

    def _decide(self, known: str, decision: str, body: dict[str, Any]) -> tuple[int, Any]:
        draft = self.drafts[known]
        if decision == "recall":
            return self._recall(draft, body)
        if decision == "answer":
            return self._answer_with(draft, body)
        with self.lock:
            if draft["status"] not in ("waiting", "no_source") or body["version"] != draft["version"]:
                return 409, {"title": "Already decided", "status": 409}
            if decision == "approve":
                unhashed = ("sha256", "keep", "keep_as")
                stated = {k: v for k, v in body.items() if k not in unhashed} | {"draft_id": known}
                if content_hash(stated) != body["sha256"]:
                    return 422, {"title": "The hash is not that of the content", "status": 422}
                draft.update(
                    proposed=draft["body"],
                    body=body["body"],
                    subject=body["subject"],
                    recipients=body["recipients"],
                    gaps=[],
                )
            draft.update(
                status="approved" if decision == "approve" else "rejected",
                decided_by="Sarah Lebrun",
                decided_at=iso(timedelta(seconds=1)),
            )
            if decision == "approve" and self.recall_s:
                draft["sends_at"] = iso(-timedelta(seconds=self.recall_s))
        return 200, draft

    def _approve_one(self, approval: dict[str, Any]) -> dict[str, Any]:
        known = approval["draft_id"]
        body = {name: value for name, value in approval.items() if name != "draft_id"}
        status, answer = self._decide(known, "approve", body)
        if status == 200:
            return {"draft_id": known, "outcome": "approved", "draft": answer}
        return {"draft_id": known, "outcome": "refused", "problem": answer}

    def _answer_with(self, draft: dict[str, Any], body: dict[str, Any]) -> tuple[int, Any]:
        if draft["status"] not in ("waiting", "no_source") or body["version"] != draft["version"]:
            return 409, {"title": "Already decided", "status": 409}
        passage = next((p for p in PASSAGES if p["passage_id"] == body["passage_id"]), None)
        if passage is None:
            return 422, {"title": "Not to be answered with", "status": 422}
        source = {name: passage[name] for name in ("kind", "passage_id", "title")} | {
            "quote": passage["body"]
        }
        draft.update(
            status="waiting",
            version=body["version"] + 1,
            reason=None,
            body=passage["body"],
            sentences=[{"text": passage["body"], "source": source}],
            chosen_by="Sarah Lebrun",
            doubts=["confidence_low"],
        )
        return 200, draft

    def _recall(self, draft: dict[str, Any], body: dict[str, Any]) -> tuple[int, Any]:
        if not draft.get("sends_at") or body["version"] != draft["version"]:
            return 409, {"title": "Too late to take back", "status": 409}
        names = ("sender", "recipients", "subject", "body")
        taken_back = {"by": "Sarah Lebrun", "at": iso(timedelta(0))}
        draft["taken_back"] = taken_back | {"content": {name: draft[name] for name in names}}
        draft.update(
            status="waiting", version=body["version"] + 1, sends_at=None, decided_by=None, decided_at=None
        )
        return 200, draft


SERVICE_OF = {
    "queue": "scoring",
    "status": "scoring",
    "models": "scoring",
    "leads": "scoring",
    "duplicates": "scoring",
    "regroupings": "scoring",
    "drafts": "responder",
    "knowledge": "responder",
    "value": "responder",
    "tunings": "responder",
    "consultations": "responder",
    "quality": "scoring",
    "owners": "scoring",
    "policies": "scoring",
    "absences": "scoring",
    "sources": "ingest",
}
SCOPE_OF = {
    "sources": "sources:read",
    "rejected": "rejected:read",
    "queue": "leads:read",
    "leads": "leads:read",
    "drafts": "drafts:read",
    "models": "models:read",
    "quality": "quality:read",
    "verdict": "models:read",
    "owners": "owners:write",
}


def _read(content: bytes) -> Any:
    """A body as JSON, else as it is."""
    try:
        return json.loads(content) if content else None
    except ValueError:
        return content


def _handler(services: FakeServices) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self._answer("POST")

        def do_PUT(self) -> None:
            self._answer("PUT")

        def do_DELETE(self) -> None:
            self._answer("DELETE")

        def _answer(self, method: str) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = _read(self.rfile.read(length))
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            services.calls.append((method, self.path, body))
            area = url.path.split("/")[2] if url.path.startswith("/v1/") else url.path
            allowed = "verdict" if url.path.endswith("/verdict") else area
            caller = services.tokens.read(self.headers.get("Authorization", "").removeprefix("Bearer "))
            if SERVICE_OF.get(area, "ingest") in services.down:
                status, answer = 500, {"title": "Down", "status": 500}
            elif caller is None:
                status, answer = 401, {"title": "Sign in first", "status": 401}
            elif allowed in SCOPE_OF and SCOPE_OF[allowed] not in caller.scopes:
                status, answer = 403, {"title": "Not allowed", "status": 403}
            else:
                language = self.headers.get("Accept-Language", "fr")[:2]
                status, answer = services.routes.get((method, url.path)) or services.answer(
                    method, url.path, query, body, language
                )
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: object) -> None:
            return

    return Handler
