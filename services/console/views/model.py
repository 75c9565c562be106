"""The model: can I trust it?"""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from pydantic import ValidationError
from werkzeug.wrappers import Response

from services.console import sessions
from services.console.access import signed_in
from services.console.answers import Figure, Model, Verdict
from services.console.catalogue import gettext
from services.console.refusals import refusal
from services.console.services import Conflict, NotAllowed, Refused, ServiceDown

pages = Blueprint("model", __name__)
SHOWN = 10
NOTHING: dict[str, Any] = {
    "published": None, "card": None, "verdict": None, "others": [], "publications": [],
    "refused": None,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Card:
    """A model's card, as far as it states these things."""

    auc: Figure | None
    lift: Figure | None
    ece: Figure | None
    leads: int
    won: int
    validation: str


@pages.get("/model")
@signed_in
def page() -> str:
    try:
        answer = sessions.scoring().models()
    except ServiceDown as error:
        return render_template("model.html", down=[error.service], **NOTHING)
    refused = answer.refused
    published = next(
        (m for m in answer.models if (m.model_version == refused.serving if refused else m.published)), None
    )
    return render_template(
        "model.html",
        down=[],
        published=published,
        card=read_card(published) if published else None,
        verdict=None if published or refused else _verdict(),
        others=[(model, read_card(model).auc) for model in answer.models if not model.published][:SHOWN],
        refused=refused,
        publications=answer.publications[:SHOWN],
    )


@pages.post("/model/<version>/publish")
@signed_in
def publish(version: str) -> Response:
    """Bring a model back; the service says who did it, when and why."""
    try:
        sessions.scoring().publish_model(version, request.form.get("comment", "").strip())
    except (Conflict, Refused) as error:
        flash(refusal(error.detail) or gettext("Say why, in at most 500 characters."))
    else:
        flash(
            gettext(
                "%(version)s is the current model. Open leads are being ranked again by it.", version=version
            )
        )
    return redirect(url_for("model.page"))


def _verdict() -> Verdict | None:
    try:
        return sessions.scoring().verdict()
    except (ServiceDown, NotAllowed):
        return None


def read_card(model: Model) -> Card:
    """Pick the figures out of the card; one that it does not state stays None."""
    card = model.card
    measured = card.get("metrics", {}).get(model.kind, {})
    return Card(
        auc=_figure(measured.get("auc")),
        lift=_figure(measured.get("lift_at_10")),
        ece=_figure(measured.get("ece")),
        leads=card.get("rows", 0),
        won=card.get("positives", 0),
        validation=card.get("validation", ""),
    )


def _figure(stated: Any) -> Figure | None:
    """`stated` is {"value", "interval": [low, high]}; a measure that could not be taken is null."""
    try:
        return Figure.model_validate(stated)
    except ValidationError:
        return None
