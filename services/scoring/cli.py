"""`eclaireur train`, `models`, `quality` and `evaluate`."""

# ruff: noqa: PLC0415 - imported as a command runs, so that `eclaireur --help` answers at once

import os
import time
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer()
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for a program.")]
ASK_EVERY_S = 0.3
SHOWN_FINDINGS = 10
ENGLISH = {"Accept-Language": "en"}
"""What the command line speaks."""


@app.command()
def train(as_json: AsJson = False) -> None:
    """Learn from the leads won and lost so far, publish the better model and rank the open leads again."""
    import orjson

    from shared.api_client import api_client, ask
    from shared.errors import UserError
    from shared.progress import shown_progress

    with api_client(*_scoring()) as client:
        _warn(ask(client, "GET", "/v1/quality/verdict", headers=ENGLISH))
        asked = ask(client, "POST", "/v1/trainings")
        with shown_progress("Training", total=100) as advance:
            shown = 0
            while True:
                training = ask(client, "GET", f"/v1/trainings/{asked['training_id']}")
                percent = int(100 * training["progress"])
                advance(percent - shown)
                shown = percent
                if training["status"] in ("done", "failed"):
                    break
                time.sleep(ASK_EVERY_S)
        published = next(
            (
                model
                for model in ask(client, "GET", "/v1/models")["models"]
                if model["model_version"] == training["model_version"]
            ),
            None,
        )
    if as_json:
        typer.echo(orjson.dumps({"training": training, "model": published}).decode())
    elif published:
        _show_model(published)
    if training["status"] == "failed":
        error = training["error"] or {}
        raise UserError(f"No model was published. {error.get('detail', error.get('code'))}")


@app.command()
def models(as_json: AsJson = False) -> None:
    """List the models, the newest first."""
    import orjson

    from shared.api_client import api_client, ask

    with api_client(*_scoring()) as client:
        found = ask(client, "GET", "/v1/models")
    if as_json:
        typer.echo(orjson.dumps(found).decode())
        return
    if not found["models"]:
        typer.echo("No model yet. Import leads with their outcomes, then: eclaireur train")
    for model in found["models"]:
        _show_model(model)


@app.command()
def quality(as_json: AsJson = False) -> None:
    """Say what to mend first in the data, who answers for it, and whether there is enough to train on."""
    import orjson

    from shared.api_client import api_client, ask

    with api_client(*_scoring("quality:read", "models:read")) as client:
        report = ask(client, "GET", "/v1/quality", headers=ENGLISH)
        verdict = ask(client, "GET", "/v1/quality/verdict", headers=ENGLISH)
    if as_json:
        typer.echo(orjson.dumps(report | {"verdict": verdict}).decode())
        return
    if report["as_of"] is None:
        typer.echo(
            f"{report['pending']} events wait to be counted: ask again in a minute."
            if report["pending"]
            else "Nothing has come in yet. Import your leads: eclaireur import FILE"
        )
    elif not report["findings"]:
        typer.echo("Nothing is missing that can be seen.")
    for number, finding in enumerate(report["findings"][:SHOWN_FINDINGS], 1):
        owner = finding["owner"]["name"] if finding["owner"] else "nobody yet"
        typer.echo(f"{number}. {finding['text']} (owner: {owner})\n   {finding['todo']}")
    if (more := report["findings_total"] - SHOWN_FINDINGS) > 0:
        typer.echo(f"And {more} more: eclaireur quality --json, or the console's Data page.")
    typer.echo("Training: " + ("go" if verdict["go"] else "not yet"))
    _warn(verdict)


def _warn(verdict: dict[str, Any]) -> None:
    """Say on standard error what a training would miss, in numbers."""
    for check in verdict["checks"]:
        if check["passed"] is False:
            wanted = (
                f"at least {check['least']:g}" if check["least"] is not None else f"at most {check['most']:g}"
            )
            typer.echo(f"  {check['name']}: {check['found']:.3g}, {wanted} wanted. {check['todo']}", err=True)


@app.command()
def evaluate(
    file: Annotated[Path, typer.Argument(help="A CSV file with a header, one line per lead.")],
    label: Annotated[str, typer.Option(help="The column that says how it ended.")],
    positive: Annotated[str, typer.Option(help="Its value for a lead that was won.")],
    exclude: Annotated[str, typer.Option(help="Columns to leave out, separated by commas.")] = "",
    seed: Annotated[int, typer.Option(help="Of the folds.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Say how well models would rank the leads of a file, on rows they did not see. Stores nothing."""
    import orjson

    from services.scoring.learning.evaluate import evaluate_file
    from shared.progress import shown_progress

    with shown_progress("Evaluating", total=100) as advance:
        shown = 0

        def progress(done: int, total: int) -> None:
            nonlocal shown
            advance(100 * done // total - shown)
            shown = 100 * done // total

        excluded = [name.strip() for name in exclude.split(",") if name.strip()]
        result = evaluate_file(file, label, positive, excluded, seed=seed, progress=progress)
    if as_json:
        typer.echo(orjson.dumps(result).decode())
        return
    for name, measures in result["models"].items():
        shown_measures = ", ".join(f"{measure} {value:.3f}" for measure, value in measures.items())
        typer.echo(f"{name}: {shown_measures}")


def _scoring(*scopes: str) -> tuple[str, str]:
    """Address and key of the scoring service; `scopes` are those that the key needs."""
    from shared.api_client import api_key

    return os.environ.get("SCORING_URL", "http://127.0.0.1:8082"), api_key(
        *(scopes or ("models:read", "models:write"))
    )


def _show_model(model: dict[str, Any]) -> None:
    card = model["card"]
    measures = card["metrics"][model["kind"]]
    state = "published" if model["published"] else "kept"
    typer.echo(
        f"{model['model_version']} ({model['kind']}, {state}): {card['rows']} leads, "
        f"{card['positives']} won, "
        f"tested by {card['validation'].replace('_', ' ')}"
    )
    for name, measure in measures.items():
        low, high = measure["interval"]
        typer.echo(f"  {name} {measure['value']:.3f} (95 %: {low:.3f} to {high:.3f})")
