"""Asks a language model to reword drafts, behind them: the plain draft is there first, and stays.

The endpoint speaks the chat completions of the OpenAI API, as llama.cpp's server, Ollama and vLLM do. Nothing
is asked unless REPHRASE_URL is set. One draft at a time; no row is locked while the model writes.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import orjson
import structlog

from services.responder import store
from services.responder.rephrasing import INSTRUCTIONS, Letter, given, refusal, reworded
from shared.postgres import Pool

log = structlog.get_logger()

MOST_ATTEMPTS: Final = 3
PAUSE_S: Final = 60
MOST_ANSWER_BYTES: Final = 200_000


class Unanswered(Exception):
    """The endpoint gave no answer that can be read; the message is a word for the log."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An OpenAI-compatible endpoint: `url` is the base, as http://127.0.0.1:11434/v1."""

    url: str
    model: str
    api_key: str
    timeout_s: float

    def ask(self, client: httpx.Client, instructions: str, text: str) -> str:
        """The model's answer, within `timeout_s` in all. Raises Unanswered."""
        body = {
            "model": self.model,
            "messages": [{"role": "system", "content": instructions}, {"role": "user", "content": text}],
            "temperature": 0,
            "stream": False,
        }
        headers = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        until = time.monotonic() + self.timeout_s
        received = bytearray()
        try:
            with client.stream(
                "POST",
                f"{self.url.rstrip('/')}/chat/completions",
                json=body,
                headers=headers,
                timeout=self.timeout_s,
            ) as response:
                if response.status_code != 200:
                    raise Unanswered(f"status_{response.status_code}")
                for piece in response.iter_bytes():
                    received += piece
                    if len(received) > MOST_ANSWER_BYTES:
                        raise Unanswered("too_long")
                    if time.monotonic() > until:  # one that trickles keeps every single read within its time
                        raise Unanswered("timeout")
        except httpx.TimeoutException as error:
            raise Unanswered("timeout") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unanswered(type(error).__name__) from error
        try:
            answer = orjson.loads(received)["choices"][0]["message"]["content"]
        except (orjson.JSONDecodeError, LookupError, TypeError) as error:
            raise Unanswered("unreadable") from error
        if not isinstance(answer, str) or "\0" in answer:
            raise Unanswered("unreadable")
        return answer


def rephrase_next(pool: Pool, client: httpx.Client, endpoint: Endpoint) -> bool:
    """Reword the next draft that waits for it; return whether there was one.

    An answer that may not be used is final: the plain draft stays. Without an answer it is asked again,
    MOST_ATTEMPTS times in all. A decision taken meanwhile wins.
    """
    with pool.connection() as connection:
        draft = store.take_to_rephrase(connection, pause_s=PAUSE_S, attempts=MOST_ATTEMPTS)
    if draft is None:
        return False
    try:
        letter = _letter(draft, client, endpoint)
    except Unanswered as error:
        log.warning("rephrasing_unanswered", draft_id=str(draft["draft_id"]), why=str(error))
        return True
    with pool.connection() as connection:
        kept = store.keep_rephrased(connection, draft, letter, by=endpoint.model, at=datetime.now(UTC))
    if letter and kept:
        log.info("draft_rephrased", draft_id=str(draft["draft_id"]))
    return True


def _letter(draft: Mapping[str, Any], client: httpx.Client, endpoint: Endpoint) -> Letter | None:
    """The draft in the model's words; None when they may not be used. Raises Unanswered."""
    lead = store.lead_of(draft["lead_id"], draft["lead"])
    asked = given(draft["body"], draft["sentences"], lead)
    answer = endpoint.ask(client, INSTRUCTIONS[draft["language"]], asked.text)
    if why := refusal(answer, asked, draft["language"]):
        log.info("rephrasing_dropped", draft_id=str(draft["draft_id"]), why=why)
        return None
    return reworded(answer, asked, draft["body"], draft["sentences"])
