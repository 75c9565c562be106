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
    file: Annotated[
        Path, typer.Argument(help="A CSV file with a header, one line per closed lead; or see --events.")
    ],
    label: Annotated[str | None, typer.Option(help="The column that says how it ended.")] = None,
    positive: Annotated[str | None, typer.Option(help="Its value for a lead that was won.")] = None,
    exclude: Annotated[str, typer.Option(help="Columns to leave out, separated by commas.")] = "",
    time_column: Annotated[
        str | None,
        typer.Option(help="The column with each lead's date: then test on the latest."),
    ] = None,
    events: Annotated[
        bool, typer.Option("--events", help="The file holds CloudEvents, one per line, outcomes among them.")
    ] = False,
    split: Annotated[str, typer.Option(help="How much of the time to learn from.")] = "time:0.8",
    seed: Annotated[int, typer.Option(help="Of the folds.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Say how well models would rank the leads of a file that they did not see. Stores nothing."""
    import orjson

    from services.scoring.learning.closed_leads import read_closed_leads
    from services.scoring.learning.evaluate import evaluate_folds, evaluate_forward
    from services.scoring.learning.event_stream import read_event_stream
    from shared.progress import shown_progress

    share = _share(split)
    if not events and (label is None or positive is None):
        raise typer.BadParameter("they say which leads were won", param_hint="--label and --positive")
    with shown_progress("Evaluating", total=100) as advance:
        shown = 0

        def progress(done: int, total: int) -> None:
            nonlocal shown
            advance(100 * done // total - shown)
            shown = 100 * done // total

        excluded = [name.strip() for name in exclude.split(",") if name.strip()]
        if events:
            learnt, tested = read_event_stream(file, seed=seed)
            result = evaluate_forward(learnt, seed=seed, share=share, tested_on=tested, progress=progress)
        else:
            closed = read_closed_leads(file, label or "", positive or "", excluded, time_column=time_column)
            result = (
                evaluate_forward(closed, seed=seed, share=share, progress=progress)
                if time_column
                else evaluate_folds(closed, seed=seed, progress=progress)
            )
    result["excluded"] = excluded
    if as_json:
        typer.echo(orjson.dumps(result).decode())
        return
    for name, measures in result["models"].items():
        intervals = result["intervals"][name]
        shown_measures = ", ".join(
            f"{measure} {value:.3f} ({intervals[measure][0]:.3f} to {intervals[measure][1]:.3f})"
            for measure, value in measures.items()
        )
        typer.echo(f"{name}: {shown_measures}")
    typer.echo(f"Published: {', '.join(sorted(set(result['published_kinds'])))}.")
    for leak in result["suspected_leaks"]:
        typer.echo(
            f"Look at {leak['column'].removeprefix('attribute.')}: alone it ranks with AUC "
            f"{leak['alone_auc']:.2f}, and {leak['filled']:.0%} of the leads have it. If it is filled "
            "after the outcome, leave it out with --exclude."
        )


def _share(split: str) -> float:
    """`time:0.8` → 0.8."""
    kind, _, text = split.partition(":")
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if kind != "time" or not 0.1 <= share <= 0.95:
        raise typer.BadParameter("write it as time:0.8, with a share from 0.1 to 0.95", param_hint="--split")
    return share


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
