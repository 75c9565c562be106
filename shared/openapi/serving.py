"""Serve the description: /openapi.json, /docs and its style. Public: it says what this repository says."""

from functools import cache
from pathlib import Path
from typing import Any

import orjson
from flask import Response, request
from flask_openapi3.openapi import OpenAPI

from shared.http import public
from shared.openapi.describe import describe, read_notes
from shared.openapi.pages import LANGUAGES, render

# The page runs no script and loads one style, from here.
POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
STYLE = (Path(__file__).parent / "static" / "docs.css").read_bytes()


def serve(app: OpenAPI, notes_path: Path, *, port: int, asyncapi: dict[str, Any] | None = None) -> None:
    """Call it once every route is registered. `port` is the service's by default, for the examples."""
    notes = read_notes(notes_path)

    @cache
    def document() -> dict[str, Any]:
        return describe(app, notes)

    @cache
    def page(language: str) -> str:
        return render(document(), notes, asyncapi, language, port)

    @app.route("/openapi.json", endpoint="openapi")
    @public
    def openapi() -> Response:
        return Response(orjson.dumps(document(), default=str), content_type="application/json")

    @app.route("/docs", endpoint="docs")
    @public
    def docs() -> Response:
        language = request.accept_languages.best_match(LANGUAGES, default=LANGUAGES[0]) or LANGUAGES[0]
        shown = Response(page(language), content_type="text/html; charset=utf-8")
        shown.headers.update(
            {
                "Content-Security-Policy": POLICY,
                "Content-Language": language,
                "Vary": "Accept-Language",
                "X-Content-Type-Options": "nosniff",
                "Referrer-Policy": "no-referrer",
            }
        )
        return shown

    @app.route("/docs/style.css", endpoint="docs_style")
    @public
    def style() -> Response:
        return Response(
            STYLE, content_type="text/css; charset=utf-8", headers={"Cache-Control": "max-age=300"}
        )

    if asyncapi is not None:
        described = orjson.dumps(asyncapi)

        @app.route("/asyncapi.json", endpoint="asyncapi")
        @public
        def topics() -> Response:
            return Response(described, content_type="application/json")
